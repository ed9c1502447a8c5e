# SPDX-License-Identifier: GPL-2.0-or-later
"""Graphs of all states: liveness and costs."""
