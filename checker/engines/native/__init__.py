# SPDX-License-Identifier: GPL-2.0-or-later
"""The explicit engine: the model compiled, states in one table."""
