# SPDX-License-Identifier: GPL-2.0-or-later
"""The tests, foldered by the question that they answer."""
