# SPDX-License-Identifier: GPL-2.0-or-later
"""Two QEMU processes, their disks, and the proxy between them."""
