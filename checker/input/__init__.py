# SPDX-License-Identifier: GPL-2.0-or-later
"""Reading what the user gives: configurations, files, numbers."""
