# SPDX-License-Identifier: GPL-2.0-or-later
"""Model and reference in lockstep, and what that finds."""
