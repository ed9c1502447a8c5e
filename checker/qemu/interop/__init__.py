# SPDX-License-Identifier: GPL-2.0-or-later
"""Streams: QEMU against the reference, and malformed ones."""
