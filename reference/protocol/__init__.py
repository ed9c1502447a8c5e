# SPDX-License-Identifier: GPL-2.0-or-later
"""The roles of a migration, sans-IO: events in, bytes and events out."""
