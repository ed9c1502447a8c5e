# SPDX-License-Identifier: GPL-2.0-or-later
"""Do two ends have the same bitmaps, and were the same bytes sent?

The rule: a difference is a line of text; no line is agreement.
"""

from __future__ import annotations

from checker.qemu.harness.bitmaps import ShownBitmap
from reference.host import Host


def compare_views(
    truth: Host, views: tuple[ShownBitmap, ...]
) -> tuple[str, ...]:
    """Return how QEMU's bitmaps differ from those of ``truth``."""
    found = []
    shown = {view.key: view for view in views}
    for node in truth.nodes.values():
        for name, bitmap in node.bitmaps.items():
            label = f"{node.name}/{name}"
            view = shown.pop((node.name, name), None)
            if view is None:
                found.append(f"{label}: not there")
                continue
            dirty = tuple(bitmap.dirty_ranges())
            pairs = {
                "granularity": (bitmap.granularity, view.granularity),
                "recording": (bitmap.records, view.recording),
                "persistent": (bitmap.persistent, view.persistent),
                "busy": (False, view.busy),
                "inconsistent": (False, view.inconsistent),
                "count": (
                    bitmap.bits.count() * bitmap.granularity,
                    view.count,
                ),
                "sha256": (bitmap.bits.sha256(), view.sha256),
                "content": (dirty, view.dirty),
            }
            found += _unequal(label, pairs)
    found += [f"{node}/{name}: not expected" for node, name in shown]
    return tuple(found)


def compare_hosts(truth: Host, there: Host) -> tuple[str, ...]:
    """Return how a reference's bitmaps differ from those of ``truth``."""
    found = []
    for node in truth.nodes.values():
        arrived = dict(there.node(node.name).bitmaps)
        for name, bitmap in node.bitmaps.items():
            label = f"{node.name}/{name}"
            other = arrived.pop(name, None)
            if other is None:
                found.append(f"{label}: not there")
                continue
            pairs = {
                "granularity": (bitmap.granularity, other.granularity),
                "recording": (bitmap.records, other.records),
                "persistent": (bitmap.persistent, other.persistent),
                "busy": (False, other.busy),
                "sha256": (bitmap.bits.sha256(), other.bits.sha256()),
                "content": (bitmap.dirty_ranges(), other.dirty_ranges()),
            }
            found += _unequal(label, pairs)
        found += [f"{node.name}/{name}: not expected" for name in arrived]
    return tuple(found)


def _unequal(label: str, pairs: dict[str, tuple[object, object]]) -> list[str]:
    return [
        f"{label}: {what}: expected {str(wanted)[:60]}, is {str(got)[:60]}"
        for what, (wanted, got) in pairs.items()
        if wanted != got
    ]


def compare_chunks(
    expected: list[bytes], sent: list[bytes]
) -> tuple[str, ...]:
    """Return how the chunks that were sent differ from the expected."""
    found = []
    if len(expected) != len(sent):
        found.append(f"{len(sent)} chunks, expected {len(expected)}")
    for index, (wanted, got) in enumerate(zip(expected, sent, strict=False)):
        if wanted != got:
            found.append(
                f"chunk {index}: expected {wanted[:24].hex()}... of "
                f"{len(wanted)} bytes, is {got[:24].hex()}... of {len(got)}"
            )
            break
    return tuple(found)
