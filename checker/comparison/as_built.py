# SPDX-License-Identifier: GPL-2.0-or-later
"""What breaks in the design as it was posted, or as it is built, and why.

The model's table says which mechanisms are not there in the code that exists.
The design without them is explored at the smallest size with every failure,
then without each of them alone: what breaks then breaks for that reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from attrs import evolve, frozen

from checker import check
from checker.comparison.standing import (
    ENDS,
    Standing,
    is_stuck,
    standing_of,
)
from checker.configuration import Configuration
from checker.engines.exploration import Limits, Report
from model import designs, mechanism
from model.options import Options

#: as little as may be pending when the VM stops; all of the one chunk
DOWNTIMES = (0, 1)


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
    return mechanism.AS_BUILT.get(design)


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
    for downtime in DOWNTIMES:
        bounds = evolve(main.bounds, chunks=1, granules=1, downtime=downtime)
        options = evolve(main, bounds=bounds, without=missing)
        # that a design need not end is no news
        asked = tuple(
            p.name
            for p in designs.build(options).properties
            if (p.kind, p.guarantee) != ("eventually", ENDS)
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
        untested = {f.name for f, s in standings if s is Standing.VACUOUS}
        silent = untested if silent is None else silent & untested
        undecided = undecided or answer.coverage.stopped
        if not silent:
            break  # everything happens with this limit
    return _Found(
        broken=frozenset(broken),
        silent=frozenset(silent or ()),
        undecided=undecided,
    )
