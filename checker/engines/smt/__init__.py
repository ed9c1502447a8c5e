# SPDX-License-Identifier: GPL-2.0-or-later
"""Formulas of steps, and the bounded search over them."""
