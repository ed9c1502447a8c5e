# SPDX-License-Identifier: GPL-2.0-or-later
"""Traces: finding, showing, replaying, explaining, citing, minimising."""
