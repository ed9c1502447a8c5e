# SPDX-License-Identifier: GPL-2.0-or-later
"""What explores, compares and reports: engines, traces, the command."""
