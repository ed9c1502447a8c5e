# SPDX-License-Identifier: GPL-2.0-or-later
"""Take out several mechanisms at once: what is enough, what heals.

The promises are the guarantees that the complete design keeps, and
everything together: that includes what must stay possible.  All singles and
pairs are asked for all of them; a larger set only for what it is grown for
(see ``mechanism_sets``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

from attrs import define, evolve, field, frozen

from checker.answer.mechanism_sets import (
    Pairs,
    Set,
    Together,
    pairs_of,
    together,
)
from checker.checking.kept import Kept
from checker.checking.variants import AT_ONCE, LASTING, Explore, lacking
from checker.engines.exploration import INTERRUPTED
from model.guarantees import MODELLED
from model.lookup import mechanisms_of

EVERYTHING = "everything"


@frozen(kw_only=True)
class Sets:
    """What was found out about taking out several mechanisms.

    ``names``: the mechanisms.  ``broken``: what each single and each pair
    breaks, guarantees or names of what has none; empty if not all pairs were
    asked.  ``pairs`` and ``together``: by promise.  ``variants``: how many
    sets were asked about.  ``stopped``: why this is not all, or ''.
    """

    names: tuple[str, ...]
    promises: tuple[str, ...]
    broken: Mapping[Set, frozenset[str]] = field(factory=dict)
    pairs: Mapping[str, Pairs] = field(factory=dict)
    together: Mapping[str, Together] = field(factory=dict)
    variants: int = 0
    stopped: str = ""


def promises_of(kept: Kept) -> tuple[str, ...]:
    """The guarantees that are asked, and everything together."""
    asked = {f.guarantee for q in kept.questions for f in q.kept}
    return (*(g for g in MODELLED if g in asked), EVERYTHING)


def removed_together(design: str, kept: Kept, explore: Explore) -> Sets:
    """All pairs, and sets that are grown from them.

    Ctrl-C ends it with what is known by then.
    """
    options = kept.questions[0].options
    names = tuple(m.name for m in mechanisms_of(design) if options.has(m.name))
    promises = promises_of(kept)
    oracle = _Oracle(kept, explore, design)
    broken: dict[Set, frozenset[str]] = {}
    pairs: dict[str, Pairs] = {}
    found: dict[str, Together] = {}
    stopped = ""
    try:
        few = [
            frozenset(chosen)
            for size in (1, 2)
            for chosen in combinations(names, size)
        ]
        answers = oracle.broken(few)
        broken = dict(zip(few, answers, strict=True))
        for promise in promises:
            may = {s: _keeps(promise, b) for s, b in broken.items()}
            pairs[promise] = pairs_of(names, may)
        found = together(names, pairs, oracle.keep)
    except KeyboardInterrupt:
        stopped = INTERRUPTED
    return Sets(
        names=names,
        promises=promises,
        broken=broken,
        pairs=pairs,
        together=found,
        variants=len(oracle.asked),
        stopped=stopped or oracle.stopped,
    )


def _keeps(promise: str, broken: frozenset[str]) -> bool:
    return not broken if promise == EVERYTHING else promise not in broken


@define
class _Oracle:
    """Whether promises are kept without sets of mechanisms.

    What a limit was in the way of counts as broken, and ``stopped`` says so.
    So does what a variant does not even promise: it does not keep it.
    """

    kept: Kept
    explore: Explore
    design: str
    asked: set[Set] = field(factory=set)
    stopped: str = ""
    #: what is broken that a state or a step shows, and what whole runs show
    _at_once: dict[Set, frozenset[str]] = field(factory=dict)
    _lasting: dict[Set, frozenset[str]] = field(factory=dict)

    def broken(self, sets: Sequence[Set]) -> list[frozenset[str]]:
        """All that is broken without each of ``sets``."""
        found = self._broken(sets, AT_ONCE | LASTING, "two at a time")
        self._at_once |= found
        self._lasting |= found
        return [found[s] for s in sets]

    def keep(self, questions: Sequence[tuple[str, Set]]) -> list[bool]:
        """For each promise and set, whether it is kept without the set."""
        lasting = {
            f.guarantee
            for q in self.kept.questions
            for f in q.kept
            if f.kind in LASTING
        }
        first = [s for p, s in questions if p not in lasting]
        self._look(first, self._at_once, AT_ONCE)
        then = [
            s
            for p, s in questions
            if p in lasting or (p == EVERYTHING and not self._at_once[s])
        ]
        self._look(then, self._lasting, LASTING)
        return [
            _keeps(p, self._lasting[s])
            if p in lasting or (p == EVERYTHING and not self._at_once[s])
            else _keeps(p, self._at_once[s])
            for p, s in questions
        ]

    def _look(
        self,
        sets: Sequence[Set],
        known: dict[Set, frozenset[str]],
        kinds: frozenset[str],
    ) -> None:
        new = [s for s in dict.fromkeys(sets) if s not in known]
        known |= self._broken(new, kinds, "larger sets")

    def _broken(
        self, sets: Sequence[Set], kinds: frozenset[str], title: str
    ) -> dict[Set, frozenset[str]]:
        """What is broken of what has one of the kinds, or none."""
        self.asked.update(sets)
        found: dict[Set, set[str]] = {s: set() for s in sets}
        for question in self.kept.questions:
            named = question.choice.names is not None
            if named and not any(f.kind in kinds for f in question.kept):
                continue
            variants = self.explore(
                [lacking(question.options, s) for s in sets],
                evolve(question.choice, kinds=kinds),
                f"{self.design}, {title}",
            )
            for chosen, variant in zip(sets, variants, strict=True):
                broken = question.of(variant)
                missing = [f for f in broken.missing if f.kind in kinds]
                bad = (*broken.findings, *broken.undecided, *missing)
                found[chosen] |= {f.guarantee or f.name for f in bad}
                for finding in broken.undecided:
                    self.stopped = self.stopped or finding.reason
        return {s: frozenset(broken) for s, broken in found.items()}
