# SPDX-License-Identifier: GPL-2.0-or-later
"""That every run ends, shown for disks of every size."""
