# SPDX-License-Identifier: GPL-2.0-or-later
"""The lemmas that carry small disks to every disk."""
