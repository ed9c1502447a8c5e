# SPDX-License-Identifier: GPL-2.0-or-later
"""What breaks in the design as it was posted, or as it is built, and why.

The model's table says which mechanisms are not there in the code that exists.
The design without them is explored at the smallest size with every failure,
then without each of them alone: what breaks then breaks for that reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from attrs import evolve, frozen

from checker.answer.standing import (
    ENDS,
    Standing,
    is_stuck,
    standing_of,
)
from checker.checking import check
from checker.engines.exploration import Limits, Report
from checker.input.configuration import Configuration
from model import design as named
from model import designs, mechanism
from model.lookup import mechanisms_of
from model.options import Failures, Options

#: as little as may be pending when the VM stops; all of the one chunk
DOWNTIMES = (0, 1)
#: what it takes to show that a mechanism is missing, if not one bitmap, and
#: the failures that are asked there: every failure would be too many states
SHOWN_WITH = {mechanism.ONE_BITMAP: "two", mechanism.APPEARS: "appears"}
FEW = Failures(cut=1, refuse=1, retry=1)


@frozen(kw_only=True)
class AsBuilt:
    """The design without some mechanisms, as it was posted or is built.

    ``broken``: guarantees that break, each with the mechanisms whose absence
    alone breaks it; none: only all absences together do.  ``silent``: what
    was never tested, where nothing broke.  ``undecided``: why not everything
    was found out, or ''.
    """

    label: str
    without: frozenset[str]
    broken: Mapping[str, tuple[str, ...]]
    silent: tuple[str, ...] = ()
    undecided: str = ""


@frozen(kw_only=True)
class _Found:
    """What breaks without some mechanisms, at all limits together."""

    broken: frozenset[str]
    silent: frozenset[str]
    undecided: str


def as_posted(design: str) -> tuple[str, frozenset[str]] | None:
    """How the model calls the code that exists, and what is not in it."""
    return named.AS_BUILT.get(design)


def explore_as_built(
    main: Options, limits: Limits, report: Callable[[str], Report]
) -> AsBuilt | None:
    """What breaks in ``main``'s design as it exists; None if it does not."""
    known = as_posted(main.design)
    if known is None:
        return None
    label, missing = known
    found = _without(main, missing, limits, report)
    alone = {
        name: _without(main, frozenset({name}), limits, report)
        for name in sorted(missing)
        if found.broken
    }
    reasons = [f.undecided for f in (found, *alone.values()) if f.undecided]
    return AsBuilt(
        label=label,
        without=missing,
        broken={
            key: tuple(n for n, one in alone.items() if key in one.broken)
            for key in sorted(found.broken)
        },
        silent=() if found.broken else tuple(sorted(found.silent)),
        undecided=reasons[0] if reasons else "",
    )


def _without(
    main: Options,
    missing: frozenset[str],
    limits: Limits,
    report: Callable[[str], Report],
) -> _Found:
    broken: set[str] = set()
    silent: set[str] | None = None
    undecided = ""
    for options in _asked(main, missing):
        if silent == set() and options.failures is not FEW:
            continue  # everything happened with the limit before
        # that a design need not end is no news
        asked = tuple(
            p.name
            for p in designs.build(options).properties
            if p.kind != "eventually" or p.guarantee not in ("", ENDS)
        )
        answer = check.check(
            Configuration(
                name=options.name, options=options, properties=asked
            ),
            limits=limits,
            report=report(options.name),
            traces=False,
        )
        if answer.interrupted:
            raise KeyboardInterrupt
        standings = [(f, standing_of(f)) for f in answer.findings]
        broken |= {
            f.name if is_stuck(f) else f.guarantee or f.name
            for f, standing in standings
            if standing is Standing.VIOLATED
        }
        undecided = undecided or answer.coverage.stopped
        if options.failures is not FEW:
            untested = {f.name for f, s in standings if s is Standing.VACUOUS}
            silent = untested if silent is None else silent & untested
    return _Found(
        broken=frozenset(broken),
        silent=frozenset(silent or ()),
        undecided=undecided,
    )


def _asked(main: Options, missing: frozenset[str]) -> Iterator[Options]:
    """The smallest sizes, with every failure; with two bitmaps a few."""
    small = evolve(main.bounds, chunks=1, granules=1)
    lacking = [m for m in mechanisms_of(main.design) if m.name in missing]
    reasons = [m.why_redundant(main.design) for m in lacking]
    if any(reason not in SHOWN_WITH for reason in reasons):
        for downtime in DOWNTIMES:
            bounds = evolve(small, downtime=downtime)
            yield evolve(main, bounds=bounds, without=missing)
    for reason, bitmaps in SHOWN_WITH.items():
        if reason in reasons:
            yield evolve(
                main,
                bounds=evolve(small, edits=0, downtime=max(DOWNTIMES)),
                failures=FEW,
                bitmaps=bitmaps,
                without=missing,
            )
