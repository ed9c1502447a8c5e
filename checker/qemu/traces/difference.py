# SPDX-License-Identifier: GPL-2.0-or-later
"""What a step of a trace may look like in QEMU, and what it looked like.

Both sides stand next to each other, word by word: what the model allows and
what QEMU showed.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Final

import attrs

from checker.qemu.harness import bitmaps
from checker.qemu.harness.bitmaps import Bitmap
from checker.qemu.harness.process import Qemu, QemuError
from checker.qemu.traces.map import (
    ENDED,
    GRANULARITY,
    KILLED,
    LIVES,
    NO,
    YES,
    Geometry,
    Words,
    set_text,
)
from checker.stateful.adapter import Side
from checker.traces.trace import Trace
from reference.bitmap.dirty_bitmap import DirtyBitmap

_NAMED_SETS: Final = 6  # granules of which every set's hash is computed
_FEW: Final = 2  # members of the sets that else are

Shown = dict[tuple[Side, str], str]


@attrs.frozen
class Row:
    """One thing that can be seen: what may be there, and what is."""

    side: str
    what: str
    model: str
    qemu: str
    agrees: bool


@attrs.frozen
class Compared:
    """One step: what was done for it, and both sides' rows."""

    number: int
    label: str
    rows: tuple[Row, ...]

    @property
    def agrees(self) -> bool:
        """Return whether QEMU shows what the model predicts."""
        return all(row.agrees for row in self.rows)


@attrs.frozen
class Outcome:
    """A trace that was run: the steps up to the first difference."""

    trace: Trace
    versions: tuple[str, str]
    steps: tuple[Compared, ...]

    @property
    def agrees(self) -> bool:
        """Return whether all steps agree."""
        return all(step.agrees for step in self.steps)


def wrong(words: Words, shown: Shown) -> int:
    """Return how many things are not as they may be."""
    return sum(shown.get(key) not in allowed for key, allowed in words.items())


def fits(words: Words, shown: Shown) -> bool:
    """Return whether everything is as it may be."""
    return not wrong(words, shown)


def rows_of(near: Words, shown: Shown) -> tuple[Row, ...]:
    """Return a row for each thing that can be seen."""
    rows = []
    for (side, what), allowed in near.items():
        qemu = shown.get((side, what), "-")
        model = " or ".join(sorted(allowed))
        rows.append(Row(side.value, what, model, qemu, qemu in allowed))
    return tuple(rows)


async def shown_by(
    side: Side, qemu: Qemu, wanted: Bitmap, hashes: Mapping[str, str]
) -> Shown:
    """Return what a side shows; ``hashes``: known contents, by hash."""
    found: dict[str, str] = {"process": LIVES}
    try:
        found["run state"] = await qemu.status()
        info = await qemu.call("query-migrate")
        found["migration"] = str(info.get("status", "none"))
        views = await bitmaps.look(qemu)
    except QemuError as error:
        found = {"process": str(error)}
        if not qemu.alive:
            ended = not qemu.killed or not qemu.exit_code
            found["process"] = ENDED if ended else KILLED
        return {(side, what): word for what, word in found.items()}
    view = next((v for v in views if v.key == wanted.key), None)
    found["bitmap"] = NO if view is None else YES
    if view is not None:
        found["busy"] = YES if view.busy else NO
        found["recording"] = YES if view.recording else NO
        unknown = f"{view.count // wanted.granularity} others"
        found["content"] = hashes.get(view.sha256, unknown)
    return {(side, what): word for what, word in found.items()}


def known_sets(geometry: Geometry, granules: int) -> Mapping[str, str]:
    """Return sets of granules in words, by the hash that QEMU shows.

    Of a large disk: small sets, and the set of all granules.
    """
    most = granules if granules <= _NAMED_SETS else _FEW
    sets = [
        chosen
        for count in range(most + 1)
        for chosen in combinations(range(granules), count)
    ]
    found = {}
    for chosen in (*sets, tuple(range(granules))):
        truth = DirtyBitmap.create("any", geometry.size, GRANULARITY)
        for granule in chosen:
            truth.record(geometry.offset(granule), GRANULARITY)
        code = sum(1 << granule for granule in chosen)
        found[truth.bits.sha256()] = set_text(code)
    return found
