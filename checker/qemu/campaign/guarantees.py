# SPDX-License-Identifier: GPL-2.0-or-later
"""Does what was seen keep the guarantees?

The rule: every judgement is about what a backup client or management could
see and do, and needs nothing but the observation.  A bitmap counts where a
backup may be taken by it: it is there, neither busy nor inconsistent, and
the guest runs there.  The names of the guarantees are the model's.
"""

from __future__ import annotations

from collections.abc import Iterator

from checker.qemu.campaign.violation import Violation, place
from checker.qemu.campaign.vm_outcome import harm
from checker.qemu.harness import observation as seen
from checker.qemu.harness.bitmaps import Bitmap, ShownBitmap, missing, same
from checker.qemu.harness.observation import (
    Moment,
    Observation,
    ProcessView,
)
from checker.qemu.harness.scenario import Storage, Then
from checker.stateful.adapter import Side


def judge(
    seen_: Observation, twin: Observation | None = None
) -> list[Violation]:
    """Return every violation, the gravest first.

    ``twin``: the same scenario without bitmaps, to tell what the bitmaps do
    to the VM from what the fault does.
    """
    found: list[Violation] = []
    found += _missing_bits(seen_)
    found += _unseen_losses(seen_)
    found += _both_run(seen_)
    found += harm(seen_, twin)
    found += _copies(seen_)
    found += _needless_losses(seen_)
    found += _metadata(seen_)
    found += _precision(seen_)
    found += _endings(seen_)
    return found


def _running(
    observation: Observation,
) -> Iterator[tuple[Moment, Side, ProcessView]]:
    """Yield each moment and side at which the guest runs."""
    for moment in observation.moments:
        for side in Side:
            view = moment.of(side)
            if view.runs:
                yield moment, side, view


def _shown(
    observation: Observation,
) -> Iterator[tuple[Moment, Side, Bitmap, ShownBitmap]]:
    """Yield the bitmaps by which a backup may be taken."""
    for moment, side, view in _running(observation):
        for wanted in observation.scenario.bitmaps:
            found = view.bitmap(*wanted.key)
            if found is not None and found.usable:
                yield moment, side, wanted, found


def _missing_bits(observation: Observation) -> Iterator[Violation]:
    """Yield violations of S1: a bit is missing."""
    for moment, side, wanted, view in _shown(observation):
        truth = observation.truth(side, *wanted.key, moment)
        if same(view, truth):
            continue
        text = ""
        if view.dirty is not None:
            lost = missing(view.dirty, truth)
            if lost:
                text = f"offset {lost[0][0]}, {lost[0][1]} bytes, is clear"
        elif view.count < truth.dirty_bytes():
            text = f"{view.count} of {truth.dirty_bytes()} bytes are dirty"
        if text:
            yield Violation(
                "S1",
                place(side, moment),
                f"bitmap {wanted.name!r} of {wanted.node!r} lacks what the "
                f"guest wrote: {text}",
            )


def _unseen_losses(observation: Observation) -> Iterator[Violation]:
    """Yield violations of S2: a usable bitmap records no more."""
    for moment, side, wanted, view in _shown(observation):
        if not wanted.disabled and not view.recording:
            if moment.name == seen.BEFORE:
                continue
            yield Violation(
                "S2",
                place(side, moment),
                f"bitmap {wanted.name!r} of {wanted.node!r} looks usable "
                "but records no writes",
            )


def _both_run(observation: Observation) -> Iterator[Violation]:
    """Yield the violation of S6: both sides run the guest."""
    for moment in observation.moments:
        if moment.source.runs and moment.destination.runs:
            yield Violation(
                "S6",
                f"both, {moment.name}",
                "the guest runs on the source and on the destination",
            )
            return
    if observation.overlap > 0:
        yield Violation(
            "S6",
            "both, by events",
            "the guest ran on both sides for "
            f"{observation.overlap * 1000:.1f} ms",
        )


def _copies(observation: Observation) -> Iterator[Violation]:
    """Yield violations of S4, seen in the images after the end."""
    valid: dict[tuple[str, str], list[Side]] = {}
    for stored in observation.stored:
        for bitmap in stored.bitmaps:
            if not bitmap.in_use:
                key = bitmap.node, bitmap.name
                valid.setdefault(key, []).append(stored.side)
    for (_, name), sides in valid.items():
        if len(sides) > 1:
            yield Violation(
                "S4",
                "both, images",
                f"bitmap {name!r} is valid in the image of the source and "
                "in that of the destination",
            )
    separate = observation.scenario.storage is Storage.SEPARATE
    holders = [side for side in Side if observation.last.of(side).runs]
    if not separate or len(holders) != 1:
        return
    holder = holders[0]
    for (_, name), sides in valid.items():
        if sides == [holder.other]:
            yield Violation(
                "S4",
                f"{holder.other.value}, images",
                f"bitmap {name!r} is valid in the {holder.other.value}'s "
                f"image, yet the guest runs on the {holder.value}",
            )


def _needless_losses(observation: Observation) -> Iterator[Violation]:
    """Yield violations of S5: a bitmap is lost without need.

    That is after success without a fault, or where the source goes on.
    """
    end = observation.end
    if not observation.scenario.carried:
        return
    yield from _lost_on_the_way(observation)
    yield from _not_stored(observation)
    side = Side.SOURCE
    if end.destination.runs:
        if observation.scenario.fault is not None:
            return
        side = Side.DESTINATION
    view = end.of(side)
    if not view.runs:
        return
    for wanted in observation.scenario.bitmaps:
        found = view.bitmap(*wanted.key)
        if found is None:
            yield Violation(
                "S5", place(side, end), f"bitmap {wanted.name!r} is gone"
            )
        elif found.inconsistent:
            yield Violation(
                "S5",
                place(side, end),
                f"bitmap {wanted.name!r} is inconsistent",
            )


def _lost_on_the_way(observation: Observation) -> Iterator[Violation]:
    """Yield violations of S5 by the next migration, which has no fault."""
    again = observation.moment(seen.AGAIN)
    holder = next((s for s in Side if again and again.of(s).runs), None)
    if again is None or holder is None:
        return
    giver = next(s for s in Side if observation.end.of(s).runs)
    for before in observation.end.of(giver).bitmaps:
        after = again.of(holder).bitmap(*before.key)
        if before.usable and (after is None or not after.usable):
            fate = "is gone" if after is None else "cannot be used"
            yield Violation(
                "S5",
                place(holder, again),
                f"bitmap {before.name!r} {fate} after the next migration",
            )


def _not_stored(observation: Observation) -> Iterator[Violation]:
    """Yield violations of S5: a persistent bitmap was not stored."""
    again = observation.moment(seen.RESTARTED)
    if again is None or observation.scenario.then is Then.CRASH:
        return
    side = next(side for side in Side if observation.last.of(side).runs)
    if not observation.quits[0 if side is Side.SOURCE else 1]:
        return
    for before in observation.last.of(side).bitmaps:
        if not before.persistent or not before.usable:
            continue
        after = again.of(side).bitmap(*before.key)
        if after is None or not after.usable:
            fate = "is gone" if after is None else "cannot be used"
            yield Violation(
                "S5",
                place(side, again),
                f"bitmap {before.name!r} was shown as persistent and {fate} "
                "after an orderly end and a start from the image",
            )


def _metadata(observation: Observation) -> Iterator[Violation]:
    """Yield violations of M1: a bitmap's metadata changed."""
    for moment, side, wanted, view in _shown(observation):
        if moment.name == seen.BEFORE:
            continue
        pairs = (
            ("granularity", wanted.granularity, view.granularity),
            ("persistent", wanted.persistent, view.persistent),
        )
        for what, before, after in pairs:
            if before != after:
                yield Violation(
                    "M1",
                    place(side, moment),
                    f"{what} of bitmap {wanted.name!r} was {before} and is "
                    f"{after}",
                )
        if wanted.disabled and view.recording:
            yield Violation(
                "M1",
                place(side, moment),
                f"bitmap {wanted.name!r} was disabled and records now",
            )


def _precision(observation: Observation) -> Iterator[Violation]:
    """Yield violations of P1: too many bits, without a fault."""
    if observation.scenario.fault is not None:
        return
    for moment, side, wanted, view in _shown(observation):
        truth = observation.truth(side, *wanted.key, moment)
        if view.count > truth.dirty_bytes():
            yield Violation(
                "P1",
                place(side, moment),
                f"bitmap {wanted.name!r} has {view.count} dirty bytes, the "
                f"guest wrote to {truth.dirty_bytes()}",
            )


def _endings(observation: Observation) -> Iterator[Violation]:
    """Yield violations of L1: a migration, or a busy bitmap, never ends."""
    end = observation.end
    faultless = observation.scenario.fault is None
    if faultless and observation.settled and not end.destination.runs:
        yield Violation(
            "L1",
            f"both, {end.name}",
            "the migration fails although nothing goes wrong; the source says "
            f"{last_status(observation, Side.SOURCE)}, the destination "
            f"{last_status(observation, Side.DESTINATION)}",
        )
    if not observation.settled:
        yield Violation(
            "L1",
            f"both, {end.name}",
            "the migration does not end; the source says "
            f"{last_status(observation, Side.SOURCE)}, the destination "
            f"{last_status(observation, Side.DESTINATION)}",
        )
    if not observation.settled_again:
        yield Violation(
            "L1",
            f"both, {observation.last.name}",
            "the next migration does not end",
        )
    for side in Side:
        for each in observation.last.of(side).bitmaps:
            if each.busy:
                yield Violation(
                    "L1",
                    place(side, observation.last),
                    f"bitmap {each.name!r} stays busy",
                )


def last_status(observation: Observation, side: Side) -> str:
    """Return the last status of the migration on a side."""
    said = observation.statuses[0 if side is Side.SOURCE else 1]
    return said[-1] if said else "nothing"
