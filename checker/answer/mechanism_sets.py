# SPDX-License-Identifier: GPL-2.0-or-later
"""Which mechanisms may be taken out together, and which are enough.

A promise is kept without a set of mechanisms, or it is not; here that is a
question to an oracle.  To take out one more may break a promise and may also
heal it, so nothing follows from the answer on a smaller set or a larger one:
every set that is named here was asked about itself.

All singles and all pairs are asked first.  From what they say larger sets
are grown: from nothing, then from each pair that heals and is in none of the
sets that were found.  A set grows by all that may go next, as far as no two
of them cover for each other.  One that cannot grow is maximal: no one
mechanism more may go, and no two.  Not every set is asked, so others may
exist.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from itertools import combinations

from attrs import define, field, frozen

Set = frozenset[str]
#: pairs of a promise and of what is taken out: whether it is kept then
Ask = Callable[[Sequence[tuple[str, Set]]], Sequence[bool]]
#: what a growing set asks next, is told, and becomes; None: others do
_Growing = Generator[list[Set], list[bool], Set | None]
MOST_BASES = 64
MOST_CHOICES = 32
MOST_PAIRS = 600
NOTHING: Set = frozenset()


@frozen(kw_only=True)
class Together:
    """What may go together without breaking one promise.

    ``sets``: what may go, the largest first; no one mechanism more may, and
    no two.  ``pairs``: whether the two were tried.  ``all_grown``: whether
    everything that was begun was grown to its end.
    """

    sets: tuple[Set, ...]
    pairs: bool = True
    all_grown: bool = True


@frozen(kw_only=True)
class Pairs:
    """What the singles and the pairs say of one promise.

    ``alone``: what may go alone.  ``covering``: each of the two may go, not
    both.  ``healing``: both may go together, but one of them not alone.
    """

    alone: Set
    covering: tuple[Set, ...]
    healing: tuple[Set, ...]


def pairs_of(names: Sequence[str], kept: Mapping[Set, bool]) -> Pairs:
    """``kept``: whether the promise is kept, for every single and pair."""
    alone = frozenset(n for n in names if kept[frozenset({n})])
    pairs = [frozenset(two) for two in combinations(names, 2)]
    return Pairs(
        alone=alone,
        covering=tuple(p for p in pairs if p <= alone and not kept[p]),
        healing=tuple(p for p in pairs if kept[p] and not p <= alone),
    )


def together(
    names: Sequence[str], pairs: Mapping[str, Pairs], ask: Ask
) -> dict[str, Together]:
    """For each promise of ``pairs`` what may go together.

    All growing sets of all promises ask at the same time, so that ``ask`` is
    called a few times with many questions.
    """
    growths = {
        promise: _Growth(names, found) for promise, found in pairs.items()
    }
    waiting = [
        (promise, growing, next(growing))
        for promise, growth in growths.items()
        for growing in growth.begin()
    ]
    while waiting:
        questions = [(p, s) for p, _, sets in waiting for s in sets]
        answers = iter(ask(questions))
        before, waiting = waiting, []
        for promise, growing, sets in before:
            told = [next(answers) for _ in sets]
            growth = growths[promise]
            try:
                waiting.append((promise, growing, growing.send(told)))
            except StopIteration as end:
                growth.keep(end.value)
        for promise, growth in growths.items():
            waiting += [(promise, g, next(g)) for g in growth.begin()]
    return {promise: growth.answer() for promise, growth in growths.items()}


@define
class _Growth:
    """The growing sets of one promise."""

    names: Sequence[str]
    pairs: Pairs
    _known: set[Set] = field(factory=set, init=False)
    _new: list[Set] = field(factory=list, init=False)
    _found: set[Set] = field(factory=set, init=False)
    _growing_now: int = field(default=0, init=False)
    _pairs_tried: bool = field(default=True, init=False)
    _all_grown: bool = field(default=True, init=False)

    def __attrs_post_init__(self) -> None:
        self._grow_from(NOTHING)

    def begin(self) -> Iterable[_Growing]:
        """What has to grow and does not yet."""
        if not self._new and not self._growing_now:
            for pair in self.pairs.healing:
                if not any(pair <= found for found in self._found):
                    self._grow_from(pair)
        new, self._new = self._new, []
        self._growing_now += len(new)
        return [self._growing(base) for base in new]

    def keep(self, grown: Set | None) -> None:
        """Note that one has ended, perhaps as a set that cannot grow."""
        self._growing_now -= 1
        if grown is not None:
            self._found.add(grown)

    def answer(self) -> Together:
        """The maximal ones of what was found."""
        maximal = [
            s for s in self._found if not any(s < t for t in self._found)
        ]
        place = {name: number for number, name in enumerate(self.names)}

        def order(chosen: Set) -> tuple[int, list[int]]:
            return -len(chosen), sorted(place[name] for name in chosen)

        return Together(
            sets=tuple(sorted(maximal, key=order)),
            pairs=self._pairs_tried,
            all_grown=self._all_grown,
        )

    def _grow_from(self, base: Set) -> None:
        if base in self._known:
            return
        if len(self._known) >= MOST_BASES:
            self._all_grown = False
            return
        self._known.add(base)
        self._new.append(base)

    def _growing(self, base: Set) -> _Growing:
        """Grow ``base``, which may go, until nothing more may."""
        while True:
            rest = [name for name in self.names if name not in base]
            answers = yield [base | {name} for name in rest]
            free = [n for n, may in zip(rest, answers, strict=True) if may]
            if not free:
                break
            larger = base | frozenset(free)
            (all_may,) = yield [larger]
            if not all_may:
                yield from self._choose(base, free)
                return None
            base = larger
        pairs = [base | frozenset(two) for two in combinations(rest, 2)]
        if len(pairs) > MOST_PAIRS:
            self._pairs_tried = False
            return base
        answers = yield pairs
        healed = [p for p, may in zip(pairs, answers, strict=True) if may]
        for pair in healed:
            self._grow_from(pair)
        return None if healed else base

    def _choose(self, base: Set, free: Sequence[str]) -> _Growing:
        """Each of ``free`` may go next, but not all of them.

        Those that cover for each other are not taken together.  Where that
        is not the reason, a part is taken, from either end.
        """
        choices = self._choices(free)
        answers = yield [base | choice for choice in choices]
        for choice, may in zip(choices, answers, strict=True):
            if may:
                self._grow_from(base | choice)
                continue
            order = [name for name in free if name in choice]
            for names in (order, order[::-1]):
                parts = [
                    base | frozenset(names[:n]) for n in range(1, len(names))
                ]
                told = yield parts
                kept = [p for p, may in zip(parts, told, strict=True) if may]
                # the first part is one of ``free``
                self._grow_from(kept[-1])
        return None

    def _choices(self, free: Sequence[str]) -> list[Set]:
        """The largest sets of ``free`` in which none cover for each other."""
        against = {name: set[str]() for name in free}
        for one, other in map(sorted, self.pairs.covering):
            if one in against and other in against:
                against[one].add(other)
                against[other].add(one)
        found: list[Set] = []

        def extend(taken: Set, left: Set, passed: Set) -> None:
            if not left and not passed:
                found.append(taken)
            elif left and len(found) < MOST_CHOICES:
                # what the pivot does not stand against comes with it
                pivot = min(
                    sorted(left | passed), key=lambda n: len(against[n] & left)
                )
                for name in [n for n in free if n in left]:
                    if name == pivot or name in against[pivot]:
                        apart = against[name] | {name}
                        extend(taken | {name}, left - apart, passed - apart)
                        left, passed = left - {name}, passed | {name}

        extend(NOTHING, frozenset(free), NOTHING)
        if len(found) == MOST_CHOICES:
            self._all_grown = False
        return found
