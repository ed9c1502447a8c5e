# SPDX-License-Identifier: GPL-2.0-or-later
"""Traces of the model driven on a real QEMU."""
