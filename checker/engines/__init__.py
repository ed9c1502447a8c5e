# SPDX-License-Identifier: GPL-2.0-or-later
"""Engines: the interpreter is the oracle, the others agree with it."""
