# SPDX-License-Identifier: GPL-2.0-or-later
"""Faults in every place of a migration, and what came of them."""
