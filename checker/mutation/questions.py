# SPDX-License-Identifier: GPL-2.0-or-later
"""On which configurations a design's mutants are run.

Small ones of the complete design, made for this.  Each has a few kinds of
failure, so that what one hides another shows; the last has them all.  One
chunk with one granule is enough for most mistakes; two chunks are there for
positions and for the downtime that live promises, and stop-copy-bulk as well.
Live's clients have none, so that chunks are sent while they edit.  Where these
two may stop with a chunk unsent and nothing fails, what a run costs at most is
an answer too.  Where the bitmap of stop-copy never fits, its VM must not stop.
A design that is modelled with a source that sends before the stop is asked
with that one as well.

What no host can see (ghosts) is there to notice a mistake.  Where there is
no mistake nobody misses it, so a mutant of ghosts alone is also run on the
small variants that are shipped with a mistake.
"""

from __future__ import annotations

from attrs import frozen

from checker.engines.verdict import Verdict
from checker.input.configuration import Configuration, load, shipped
from checker.input.errors import InputError
from checker.input.nearest import meant
from model.design import DESIGNS, FROM_BULK, LIVE, STOP_COPY, STOP_COPY_BULK
from model.options import Bounds, Failures, Options

#: states of a small variant, at most
SMALL = 4_000

_TWO_CHUNKS = "two-chunks"
_TOO_MUCH = "never-fits"
_ONE_LEFT = "one-unsent"
_EARLIER = "bulk-source"
_ONLY = {
    _TOO_MUCH: (STOP_COPY,),
    _ONE_LEFT: (LIVE, STOP_COPY_BULK),
    _EARLIER: FROM_BULK,
}
_FAILURES = {
    "breaks": Failures(cut=1, cancel=1, refuse=1, retry=1),
    "kills": Failures(source_killed=1, destination_killed=1, retry=1),
    "clients": Failures(backup_fails=1),
    _TWO_CHUNKS: Failures(backup_fails=1),
    _TOO_MUCH: Failures(cut=1),
    _ONE_LEFT: Failures(),
    _EARLIER: Failures(cut=1, refuse=1),
    "all-failures": Failures(
        cut=1,
        source_killed=1,
        destination_killed=1,
        refuse=1,
        cancel=1,
        retry=1,
        backup_fails=1,
    ),
}
_EDITED = ("clients", _EARLIER, "all-failures")


@frozen
class Questions:
    """Complete configurations of one design, and variants with a mistake."""

    complete: tuple[Configuration, ...]
    variants: tuple[Configuration, ...]

    @property
    def all(self) -> tuple[Configuration, ...]:
        """Both, the complete ones first."""
        return self.complete + self.variants


def questions(design: str) -> Questions:
    """What the mutants of ``design`` are run on.

    Raises InputError if there is no such design.
    """
    if design not in DESIGNS:
        raise InputError(
            f"no design '{design}'; allowed are {', '.join(DESIGNS)}"
            f"{meant(design, DESIGNS)}"
        )
    complete = tuple(
        Configuration(
            name=name,
            options=Options(
                design=design,
                bounds=_bounds(design, name),
                failures=failures,
                source="bulk" if name == _EARLIER else "own",
            ),
        )
        for name, failures in _FAILURES.items()
        if design in _ONLY.get(name, DESIGNS)
    )
    mine = (load(name) for name in shipped() if name.startswith(design))
    variants = [
        c
        for c in mine
        if c.options.design == design
        and c.options.without
        and c.expect.verdict == Verdict.VIOLATED.value
        and _states(c) <= SMALL
    ]
    return Questions(complete, tuple(sorted(variants, key=_states)))


def _bounds(design: str, name: str) -> Bounds:
    """One granule; two chunks, of which live may leave none to the stop."""
    edits = int(name in _EDITED)
    if name == _TOO_MUCH:
        return Bounds(chunks=2, granules=1, downtime=1, writes=1)
    if name == _ONE_LEFT:
        return Bounds(chunks=2, granules=1, downtime=1, writes=2)
    if name != _TWO_CHUNKS:
        few = int(design != LIVE or name != "clients")
        return Bounds(chunks=1, granules=1, downtime=few, edits=edits)
    if design in (LIVE, STOP_COPY_BULK):
        return Bounds(chunks=2, granules=1, downtime=0, writes=2)
    most = 2 if design == STOP_COPY else 1
    return Bounds(chunks=2, granules=1, downtime=most, writes=2)


def _states(configuration: Configuration) -> int:
    return configuration.expect.states or 0
