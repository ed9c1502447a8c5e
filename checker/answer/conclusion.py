# SPDX-License-Identifier: GPL-2.0-or-later
"""The answer in a few sentences, made from the results and nothing else.

Change a result, by taking a mechanism out of a design, and the sentences
change with it.  Of a design of which something is wrong or unknown, only that
is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from checker.answer.costs import NEVER
from checker.answer.explorations import NEVER_STOPS
from checker.answer.findings import complaints
from checker.answer.real_disks import (
    EXAMPLE,
    full_backup_seconds,
    send_seconds,
    show_seconds,
    stopped_seconds,
)
from checker.answer.result import SAFETY, Comparison, DesignResult
from checker.answer.standing import (
    BOUNDED,
    ENDS,
    FEW,
    FITS,
    THROTTLED,
    Standing,
)
from checker.text import joined, plural
from model.guarantees import MODELLED
from model.scope import ASSUMED

_FOR = {
    FITS: "where the bitmap fits the downtime limit",
    THROTTLED: "for guests that can be held back",
    BOUNDED: "for guests that stop writing",
    FEW: "where what the guest writes fits the limit",
    ENDS: "where the guest never stops",
}
#: rate that the sentences speak of, in Gbit/s
RATE = 10


def sentences(comparison: Comparison) -> list[str]:
    """One paragraph a design, one on what exists, then the verdict."""
    results = comparison.results
    said = [_about(result) for result in results]
    said += [_exists(result) for result in results]
    said.append(_verdict(results))
    return [s for s in said if s]


def assumptions(comparison: Comparison) -> list[str]:
    """Return the clauses that the claims take for granted; none: no claim."""
    safe = [result for result in comparison.results if result.safe]
    clauses = [clause for result in safe for clause in result.assumes]
    return list(dict.fromkeys([*ASSUMED, *clauses])) if safe else []


def _about(result: DesignResult) -> str:
    wrong = complaints(result)
    if wrong:
        return f"{result.design}: {' '.join(wrong)}"
    parts = [_safety(result), _ending(result), _price(result), _loss(result)]
    return " ".join(p for p in parts if p)


# -- what a design keeps -----------------------------------------------------


def _safety(result: DesignResult) -> str:
    held = result.standing_as(Standing.HOLDS, Standing.IN_PART)
    kept = [key for key in SAFETY if key in held]
    part = [k for k in kept if result.standings[k] is Standing.IN_PART]
    whole = [key for key in kept if key not in part]
    text = f"{result.design} keeps {joined(whole)}"
    if part:
        text += f", and {joined(part)} in part,"
    text += " under every failure explored"
    proved = [key for key in kept if key in result.proved]
    if proved == kept:
        text += ", and whatever the size of the disk"
    elif proved:
        text += (
            f"; {joined(proved)} under failures without end as well, "
            "whatever the size of the disk"
        )
    never = [k for k in result.not_promised if k not in part]
    if never:
        text += f"; it does not promise {joined(never)}"
    return text + "."


# -- whether it ends ---------------------------------------------------------


def _ending(result: DesignResult) -> str:
    """Where it ends, as far as that was explored."""
    chunks = plural(NEVER_STOPS.chunks, "chunk")
    if result.converges:
        return f"With {chunks} explored, it ends whatever the guest does."
    held_back = result.of(THROTTLED)
    throttle = held_back.options.bounds.throttle if held_back else 0
    where = {
        FITS: "all fits the downtime limit (D >= M)",
        THROTTLED: "the guest is held back to one write for every "
        f"{plural(throttle, 'chunk')} sent",
        BOUNDED: "the guest stops writing",
        FEW: "what it writes fits the limit (W <= D)",
        ENDS: "the guest never stops and not all fits the limit",
    }
    ends = [f"if {text}" for key, text in where.items() if _ends(result, key)]
    text = f"With {chunks} explored, it ends {joined(ends, 'or')}"
    text += "; else it need not end."
    if result.costs is not None and result.costs.sent_never_stops == NEVER:
        text += (
            f" With M = {NEVER_STOPS.chunks} and D = {NEVER_STOPS.downtime} "
            "no migration without failures ends, whatever the guest does."
        )
    return text


def _ends(result: DesignResult, key: str) -> bool:
    return result.standings[key] is Standing.HOLDS


# -- what it costs -----------------------------------------------------------


def _price(result: DesignResult) -> str:
    costs = result.costs
    if costs is None or costs.stopped.plane is None:
        return (
            "It is not known how much it sends while the guest stands still."
        )
    if costs.stopped.plane.is_zero:
        return "While the guest stands still it sends nothing of the bitmap."
    seconds = stopped_seconds(costs.stopped, EXAMPLE, RATE)
    text = (
        "While the guest stands still it sends at most "
        f"{costs.stopped.plane} chunks"
    )
    if seconds is None:
        return (
            f"{text}; {EXAMPLE} and {RATE} Gbit/s do not fit the downtime "
            "limit."
        )
    return (
        f"{text}: {show_seconds(seconds)} for {EXAMPLE} and {RATE} Gbit/s, by "
        "this formula."
    )


def _loss(result: DesignResult) -> str:
    costs = result.costs
    if costs is None:
        return ""
    full = show_seconds(full_backup_seconds(EXAMPLE, RATE))
    if costs.always_lost:
        return (
            "Every migration loses the bitmap and costs a full backup: "
            f"{full} for {EXAMPLE} and {RATE} Gbit/s."
        )
    text = "It is not known whether a break would lose the bitmap."
    if costs.at_risk is not None and costs.at_risk[0]:
        window = show_seconds(send_seconds(EXAMPLE.chunks, RATE))
        text = (
            f"In {costs.share_at_risk:.0%} of the states on the way (M = "
            f"{NEVER_STOPS.chunks}; states, not time) a break or the source's "
            f"death may lose the bitmap; to send all of it takes {window}, "
            f"and a loss costs a full backup ({full})."
        )
    elif costs.at_risk is not None:
        text = (
            "No single break and no death of the source leaves a VM that "
            f"runs without its bitmap (M = {NEVER_STOPS.chunks})."
        )
    if costs.degrading is not None and costs.degrading[0]:
        text += (
            f" In {costs.share_degrading:.0%} of the states on the way it may "
            "leave one that is degraded: a chunk that has not come is backed "
            f"up in full ({_one_chunk()} each)."
        )
    if result.lost_if_refused:
        text += (
            " If the destination refuses the bitmap it may be lost while the "
            "VM moves."
        )
    return text


def _one_chunk() -> str:
    seconds = full_backup_seconds(EXAMPLE, RATE) / EXAMPLE.chunks
    return show_seconds(seconds)


# -- what exists -------------------------------------------------------------


def _exists(result: DesignResult) -> str:
    """What breaks in the code that exists, and through what."""
    built = result.as_built
    if built is None:
        return ""
    comma = "," if "," in built.label else ""
    named = f"{result.design} {built.label}{comma}"
    size = "one chunk of one granule, every failure once"
    # what has no guarantee is said only where no guarantee breaks
    promised = _told_of(built.broken)
    broken = [
        f"{key} ({_through(built.broken[key], built.without)})"
        for key in promised or built.broken
    ]
    if broken:
        text = f"{named} breaks {joined(broken)}."
        if built.undecided:
            text += f" More may be broken: {built.undecided}."
        return text
    if built.undecided:
        return f"{named} was not decided: {built.undecided}."
    if built.silent:
        untested = joined(built.silent)
        return f"{named} was not tested with {size}: {untested}."
    return f"{named} breaks nothing with {size}."


def _told_of(broken: Mapping[str, tuple[str, ...]]) -> list[str]:
    """The guarantees that break, but for those that tell nothing more.

    Where a bit too many is for want of what a graver one breaks for, it is
    only that seen once more.
    """
    graver = {name for key in ("S1", "P1") for name in broken.get(key, ())}
    return [
        key
        for key, alone in broken.items()
        if key in MODELLED and not (key == "P2" and set(alone) <= graver)
    ]


def _through(alone: Iterable[str], without: Iterable[str]) -> str:
    """Which missing mechanisms break it, each alone or all together."""
    found = list(alone)
    if len(found) == 1:
        return f"for want of {found[0]}"
    if found:
        return f"for want of {joined(found, 'or')}, each alone"
    every = sorted(without)
    if len(every) > 3:
        return "for want of several of these together"
    return f"for want of {joined(every)} together"


# -- the answer --------------------------------------------------------------


def _verdict(results: Sequence[DesignResult]) -> str:
    if any(result.undecided and not result.wrong for result in results):
        return "Answer: none; not everything was decided."
    good = [r for r in results if r.tenable]
    bring = [r for r in good if not _always_lost(r)]
    losing = [r.design for r in bring if _lost_by_failure(r)]
    plain = [r.design for r in bring if not _lost_by_failure(r)]
    dropping = [r.design for r in good if _always_lost(r)]
    parts = []
    if plain:
        parts.append(f"{joined(plain)} {_is(plain)} tenable{_degraded(bring)}")
    if losing:
        parts.append(
            f"{joined(losing)} {_is(losing)} tenable at the price of a full "
            "backup where a failure loses it"
        )
    if not bring:
        parts.append(
            "no design that brings the bitmap along is tenable for every guest"
        )
    if dropping:
        parts.append(
            f"{joined(dropping)} {_is(dropping)} tenable at the price of "
            "a full backup after every migration"
        )
    parts += [
        f"{r.design} gives its guarantees, but is tenable only "
        f"{_conditions(r)}"
        for r in results
        if r.tenable_somewhere
    ]
    bad = [
        r.design for r in results if not r.tenable and not r.tenable_somewhere
    ]
    if bad:
        parts.append(f"{joined(bad)} {_is(bad)} not tenable")
    parts += _preferred([r for r in good if not _always_lost(r)])
    return f"Answer: {'; '.join(parts)}."


def _is(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _always_lost(result: DesignResult) -> bool:
    return result.costs is not None and bool(result.costs.always_lost)


def _lost_by_failure(result: DesignResult) -> bool:
    """Whether there are states in which one failure loses the bitmap."""
    costs = result.costs
    return costs is not None and bool(costs.at_risk and costs.at_risk[0])


def _degraded(results: Sequence[DesignResult]) -> str:
    """The price of those that no failure makes lose it, if it is one."""
    kept = [r.costs for r in results if r.costs and not _lost_by_failure(r)]
    if all(c.degrading is not None and c.degrading[0] for c in kept):
        return (
            " at the price of what had not come, backed up in full, where a "
            "failure cuts it short"
        )
    return ""


def _conditions(result: DesignResult) -> str:
    found = [_FOR[key] for key in _FOR if _ends(result, key)]
    return joined(found, "or")


def _preferred(good: Sequence[DesignResult]) -> list[str]:
    """Among the tenable, the one with the least downtime."""
    times = {
        r.design: stopped_seconds(r.costs.stopped, EXAMPLE, RATE)
        for r in good
        if r.costs is not None
    }
    known = {name: time for name, time in times.items() if time is not None}
    if len(known) < 2:
        return []
    best = min(known, key=lambda name: known[name])
    others = [name for name in known if known[name] > known[best]]
    if not others:
        return []
    gain = f"{best} is preferable to {joined(others)}"
    (costs,) = [r.costs for r in good if r.design == best]
    if costs is not None and costs.at_risk and costs.at_risk[0]:
        gain += " where downtime matters more than an occasional full backup"
    return [gain]
