# SPDX-License-Identifier: GPL-2.0-or-later
"""From small disks to every disk: the projection, proved and used."""
