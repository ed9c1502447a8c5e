# SPDX-License-Identifier: GPL-2.0-or-later
"""The formal model: what is true of each design, and nothing that runs.

Pure: no input or output, no clock, no randomness.  ``designs.build`` makes a
machine of a design; ``checker`` explores it.
"""
