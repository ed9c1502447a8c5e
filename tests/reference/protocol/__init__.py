# SPDX-License-Identifier: GPL-2.0-or-later
"""The roles of a migration: what one small bitmap does not show."""
