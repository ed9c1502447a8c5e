# SPDX-License-Identifier: GPL-2.0-or-later
"""The room of the reference implementation; nothing is in it yet.

What will run here, real bytes between two processes, shares no code with
``model``: that is what makes the comparison of the two worth something.
"""
