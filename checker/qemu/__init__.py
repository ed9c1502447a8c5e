# SPDX-License-Identifier: GPL-2.0-or-later
"""Real QEMU processes under the same guarantees as the model."""
