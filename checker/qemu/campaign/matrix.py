# SPDX-License-Identifier: GPL-2.0-or-later
"""The systematic faults, as data.

The rule: the places are not written down but read off a run without a fault,
so that a QEMU that sends something else is tested there as well.  Before and
after every item, and in the middle of every dirty-bitmap chunk, each kind of
fault happens once; forward, and with a return path backward as well.  "After
an item" differs from "before the next one": there the sender has sent more.
Items that are sent as often as a clock wants are left out.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import attrs

from checker.qemu.campaign.case import Case
from checker.qemu.harness.faults import Fault, FaultKind
from checker.qemu.harness.places import UNCOUNTED, Passage, Place, Within
from checker.qemu.harness.scenario import Mode, Storage, Then

KINDS: Final = tuple(kind for kind in FaultKind if kind.natural)
CHUNKS: Final = frozenset({"start", "bits", "complete"})
#: each label belongs to the first kind whose words it begins with
_PLACE_KINDS: Final = (
    ("opening", ("header", "configuration", "open-", "ping", "postcopy-ad")),
    ("ram", ("ram.",)),
    ("bitmap", ("dirty-bitmap.", "start", "bits", "complete", "eos")),
    ("package", ("package", "postcopy-")),
    ("device", ("timer.", "globalstate.")),
    ("end", ("eof", "vm-description")),
    ("return", ("pong", "shut", "return")),
)
OTHER: Final = "other"
PLACE_KINDS: Final = (*(name for name, _ in _PLACE_KINDS), OTHER)


@attrs.frozen
class Spot:
    """An item of a run without a fault."""

    item: str
    number: int

    def __str__(self) -> str:
        return f"{self.item}:{self.number}"

    @classmethod
    def parse(cls, text: str) -> Spot:
        """Return the item that ``str`` shows so; ValueError if none."""
        item, _, number = text.rpartition(":")
        return cls(item, int(number))


def place_kind(label: str) -> str:
    """Return the name of the part of the stream that has the item."""
    for name, words in _PLACE_KINDS:
        if label.startswith(words):
            return name
    return OTHER


def spots_of(passages: Iterable[Passage]) -> tuple[Spot, ...]:
    """Return the items of a run at which a fault can happen.

    Forward first, whatever came between: the order of the two directions
    is up to the clock.
    """
    seen = [each for each in passages if each.label not in UNCOUNTED]
    ordered = sorted(seen, key=lambda each: each.returning)
    return tuple(Spot(each.label, each.number) for each in ordered)


def places_of(spots: Sequence[Spot]) -> Iterator[Place]:
    """Yield every place, in the order of the stream."""
    for spot in spots:
        yield Place(spot.item, spot.number, Within.BEFORE)
        if spot.item in CHUNKS:
            yield Place(spot.item, spot.number, Within.MIDDLE)
        yield Place(spot.item, spot.number, Within.AFTER)


def quick_places(spots: Sequence[Spot]) -> Iterator[Place]:
    """Yield a place for each part of the stream: before its last item.

    Of the bitmaps it is the middle of the first bits.
    """
    chosen: dict[str, Place] = {}
    for spot in spots:
        place = Place(spot.item, spot.number, Within.BEFORE)
        if spot.item == "bits":
            place = attrs.evolve(place, number=0, offset=Within.MIDDLE)
        kind = place_kind(spot.item)
        if kind not in chosen or chosen[kind].item != "bits":
            chosen[kind] = place
    yield from chosen.values()


def bases(
    modes: Sequence[Mode] = tuple(Mode),
    return_paths: Sequence[bool] = (False, True),
    storages: Sequence[Storage] = tuple(Storage),
) -> list[Case]:
    """Return the runs without a fault from which the places are read.

    Two bitmaps on one node, in the image as well, each of two chunks.
    """
    return [
        Case(mode, return_path, storage, bitmaps=2, persistent=True)
        for mode, return_path, storage in itertools.product(
            modes, return_paths, storages
        )
    ]


def quick_bases() -> list[Case]:
    """Return the bases with separate storage, for a quick look."""
    return bases(storages=(Storage.SEPARATE,))


def sequels(base: Case, spots: Sequence[Spot]) -> list[Case]:
    """Return cases in which a crash or another migration follows.

    Without a fault, and after a fault of each kind in each part of the
    stream.
    """
    cases = [base, *faults(base, spots, quick=True)]
    return [
        attrs.evolve(case, then=then)
        for then in (Then.CRASH, Then.AGAIN)
        for case in cases
    ]


def twins_of(cases: Iterable[Case]) -> list[Case]:
    """Return the same cases without bitmaps, each once."""
    return list(dict.fromkeys(case.twin for case in cases))


def faults(
    base: Case, spots: Sequence[Spot], quick: bool = False
) -> list[Case]:
    """Return one case for each place and kind of fault."""
    places = quick_places(spots) if quick else places_of(spots)
    return [base.at(Fault(kind, place)) for place in places for kind in KINDS]


def matching_twins(
    cases: Iterable[Case], spots: dict[Case, tuple[Spot, ...]]
) -> list[Case]:
    """Return the twins of cases whose place is there without bitmaps.

    ``spots``: of the twins without a fault.
    """
    found: dict[Case, None] = {}
    for case in cases:
        if has_twin(case, spots):
            found[case.twin] = None
    return list(found)


def has_twin(case: Case, spots: dict[Case, tuple[Spot, ...]]) -> bool:
    """Return whether the case's place is there without bitmaps."""
    if case.fault is None or not case.bitmaps:
        return False
    place = case.fault.place
    there = spots.get(case.twin.at(None), ())
    return Spot(place.item, place.number) in there
