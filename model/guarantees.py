# SPDX-License-Identifier: GPL-2.0-or-later
"""The guarantees that a design may give, by the names that reports use."""

from __future__ import annotations

GUARANTEES = {
    "S1": "no missing bit: superset of the true dirty set or declared lost",
    "S2": "a loss is observable by the one who would use the bitmap",
    "S3": "bitmap trouble never harms the VM",
    "S5": "no needless loss: success, cancel and early failure lose nothing",
    "S6": "at most one side runs the guest, ever",
    "P1": "without faults the destination's bitmap is exact",
    "L1": "every migration ends, and busy ends",
}
