# SPDX-License-Identifier: GPL-2.0-or-later
"""Seeded defects: the reference with one thing wrong.

Each is a function that patches the reference's classes, registered with what
it stands for (a mechanism of the model, or a bug that QEMU had) and with what
its judges must say.  The lockstep must find it on some configurations, in
certain words, and find nothing on others, where the defect changes nothing
that could be seen.  The stateful machine must find that it breaks a guarantee
(``breaks``), where it is asked.
The configurations (``OWN``) have few failures each, so that a run is short.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

import pytest
from attrs import evolve, frozen

from checker.conformance.lockstep import Outcome, conform
from checker.input.configuration import Configuration, load
from model.options import Bounds, Failures, Options
from reference.protocol.tables import (
    DESTINATION,
    SOURCE,
    Arrival,
    Design,
    Phase,
)

Patch = Callable[[pytest.MonkeyPatch], None]


def _own(
    design: str, failures: Failures | None = None, **bounds: int
) -> Options:
    """The smallest disk; of stop-copy all of it fits the downtime limit."""
    chunks = bounds.setdefault("chunks", 1)
    downtime = 0 if design == "live" else chunks
    size = Bounds(granules=1, writes=1, downtime=downtime)
    return Options(
        design=design,
        bounds=evolve(size, **bounds),
        failures=failures or Failures(),
    )


_FAILING = Failures(cut=1, cancel=1, refuse=1, retry=1)
_KILLED = Failures(source_killed=1, destination_killed=1, retry=1)
_JOBS = Failures(backup_fails=1)
_OWN: dict[str, Options] = {
    f"{design}-{name}": options
    for design in (each.value for each in Design)
    for name, options in (
        ("failing", _own(design, _FAILING)),
        ("killed", _own(design, _KILLED)),
        ("jobs", _own(design, _JOBS, writes=2, edits=1)),
        ("two-writes", _own(design, granules=2, writes=2, in_flight=2)),
        ("two-chunks", _own(design, chunks=2, channel=1)),
        ("three-chunks", _own(design, chunks=3)),
        ("busy-fails", evolve(_own(design), busy_bitmap="fail")),
        ("busy-aborts", evolve(_own(design), busy_bitmap="abort")),
    )
}
# in live everything happens at any time: one failure after another
_OWN["live-failing"] = _own("live", Failures(cut=1, cancel=1, retry=1))
_OWN["live-refusing"] = _own("live", Failures(refuse=1, retry=1))

# here the bitmap does not fit the downtime limit
_OWN["stop-copy-tight"] = evolve(
    _own("stop-copy", chunks=2),
    bounds=Bounds(chunks=2, granules=1, writes=1, downtime=1),
)

# management starts postcopy although the source has made a pass
for _design in ("postcopy", "postcopy-ones"):
    _OWN[f"{_design}-from-bulk"] = evolve(
        _own(_design, Failures(cut=1, cancel=1)), source="bulk"
    )

STOP_COPY_TIGHT = "stop-copy-tight"
POSTCOPY, STOP_COPY = "postcopy-failing", "stop-copy-failing"
ONES, BULK = "postcopy-ones-failing", "stop-copy-bulk-failing"
LIVE, LIVE_REFUSING = "live-failing", "live-refusing"
ALL = (POSTCOPY, LIVE, STOP_COPY, ONES, BULK)
#: the migration holds the bitmap, and an error drops it
AS_BUILT = (POSTCOPY, STOP_COPY, ONES, BULK)
#: RUN is the last message, or the first of many
PRECOPY = (LIVE, STOP_COPY, BULK)
RUN_FIRST, RUN_LAST = (POSTCOPY, ONES), (STOP_COPY, BULK)
POSTCOPY_TWO, LIVE_TWO = "postcopy-two-chunks", "live-two-chunks"
ONES_TWO, BULK_TWO = "postcopy-ones-two-chunks", "stop-copy-bulk-two-chunks"
ONES_BULK_SOURCE = "postcopy-ones-from-bulk"
POSTCOPY_JOBS, LIVE_JOBS = "postcopy-jobs", "live-jobs"
JOBS = tuple(f"{each.value}-jobs" for each in Design)
KILLED = tuple(f"{each.value}-killed" for each in Design)
OWN = tuple(_OWN)


def configuration(name: str) -> Configuration:
    """One of ours, or a shipped one."""
    if name in _OWN:
        return Configuration(name=name, options=_OWN[name])
    return load(name)


@cache
def unharmed(name: str) -> Outcome:
    """The lockstep on a configuration with nothing patched; runs once."""
    return conform(configuration(name))


@frozen
class Defect:
    """Something wrong with the reference.

    ``stands_for``: a mechanism's name or a bug's number.  ``on``: where it
    must be found, each with what its finding must say (text of the reason,
    or a field that differs).  ``unseen_on``: where nothing differs.
    ``breaks``: guarantees of which the stateful machine must find one broken,
    as a regular expression, or '': it is not asked.
    """

    name: str
    stands_for: str
    on: tuple[tuple[str, str], ...]
    unseen_on: tuple[str, ...]
    breaks: str
    patch: Patch

    @property
    def designs(self) -> tuple[str, ...]:
        """The designs in which it shows."""
        names = [name for name, _ in self.on] or ALL
        found = [configuration(name).options.design for name in names]
        return tuple(dict.fromkeys(found))


DEFECTS: dict[str, Defect] = {}


def defect(
    stands_for: str,
    on: tuple[str, ...],
    says: str | tuple[str, ...],
    unseen_on: tuple[str, ...] = (),
    breaks: str = "",
) -> Callable[[Patch], Patch]:
    """Registers a patch as a defect that is named as it is.

    ``says`` is for all of ``on``, or one for each.
    """

    def register(patch: Patch) -> Patch:
        name = patch.__name__.replace("_", "-")
        texts = (says,) * len(on) if isinstance(says, str) else says
        DEFECTS[name] = Defect(
            name,
            stands_for,
            tuple(zip(on, texts, strict=True)),
            unseen_on,
            breaks,
            patch,
        )
        return patch

    return register


# -- ways to patch -----------------------------------------------------------


def source_row(
    patch: pytest.MonkeyPatch,
    event: str,
    also: tuple[Phase, ...] = (),
    then: Phase | None = None,
    gone: bool = False,
) -> None:
    """Change an event's row: also in other phases, to another, or none."""
    for design, rows in SOURCE.items():
        changed = [
            row
            if row.event != event
            else evolve(
                row, phases=(*row.phases, *also), then=then or row.then
            )
            for row in rows
            if not (gone and row.event == event)
        ]
        patch.setitem(dict_of(SOURCE), design, tuple(changed))


def destination_row(
    patch: pytest.MonkeyPatch, event: str, also: tuple[Arrival, ...]
) -> None:
    """Let an event happen in other phases, too."""
    for design, rows in DESTINATION.items():
        changed = [
            row
            if row.event != event
            else evolve(row, phases=(*row.phases, *also))
            for row in rows
        ]
        patch.setitem(dict_of(DESTINATION), design, tuple(changed))


def dict_of(table: Mapping[Design, object]) -> dict[Design, object]:
    """A table is declared as one that is only read."""
    assert isinstance(table, dict)
    return table
