# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest, a backup client and failures, at random, on any implementation."""
