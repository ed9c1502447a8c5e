# SPDX-License-Identifier: GPL-2.0-or-later
"""Invariants: found, written down, checked by other solvers."""
