# SPDX-License-Identifier: GPL-2.0-or-later
"""Sets of mechanisms, grown with made-up oracles: what may go together?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from checker.answer.mechanism_sets import (
    Pairs,
    Set,
    Together,
    pairs_of,
    together,
)

Keeps = Callable[[Set], bool]


def names(number: int) -> list[str]:
    return [f"m{n}" for n in range(number)]


def subsets(chosen: Sequence[str], most: int | None = None) -> list[Set]:
    sizes = range((len(chosen) if most is None else most) + 1)
    return [frozenset(c) for n in sizes for c in combinations(chosen, n)]


def grown(
    chosen: Sequence[str], **promises: Keeps
) -> tuple[dict[str, Pairs], dict[str, Together], int]:
    """Pairs and sets by promise, and how often the oracle was called."""
    few = subsets(chosen, 2)
    pairs = {
        promise: pairs_of(chosen, {s: keeps(s) for s in few})
        for promise, keeps in promises.items()
    }
    calls = 0

    def ask(questions: Sequence[tuple[str, Set]]) -> list[bool]:
        nonlocal calls
        calls += 1
        return [promises[promise](s) for promise, s in questions]

    return pairs, together(chosen, pairs, ask), calls


def needs(*groups: str) -> Keeps:
    """One mechanism of each group has to stay: 'm0 m1' is a group."""

    def keeps(gone: Set) -> bool:
        return all(set(group.split()) - gone for group in groups)

    return keeps


def test_what_is_needed_stays_and_all_else_goes() -> None:
    chosen = names(6)
    pairs, sets, _ = grown(chosen, S1=needs("m1", "m4"))
    assert pairs["S1"] == Pairs(
        alone=frozenset({"m0", "m2", "m3", "m5"}), covering=(), healing=()
    )
    assert sets["S1"].sets == (frozenset({"m0", "m2", "m3", "m5"}),)
    assert sets["S1"].pairs and sets["S1"].all_grown


def test_of_two_that_cover_for_each_other_either_may_go() -> None:
    chosen = names(5)
    pairs, sets, _ = grown(chosen, S1=needs("m0", "m1 m2"))
    assert pairs["S1"].covering == (frozenset({"m1", "m2"}),)
    assert set(sets["S1"].sets) == {
        frozenset({"m1", "m3", "m4"}),
        frozenset({"m2", "m3", "m4"}),
    }


def test_a_second_removal_heals() -> None:
    """Without m1 it breaks; without m1 and m3 it is kept again."""

    def keeps(gone: Set) -> bool:
        return ("m1" not in gone or "m3" in gone) and "m0" not in gone

    chosen = names(4)
    pairs, sets, _ = grown(chosen, S1=keeps)
    assert pairs["S1"].healing == (frozenset({"m1", "m3"}),)
    assert sets["S1"].sets == (frozenset({"m1", "m2", "m3"}),)


def test_a_pair_that_heals_only_on_top_of_others_is_found() -> None:
    """m1 and m2 may go only together, and only when m0 has gone."""

    def keeps(gone: Set) -> bool:
        two = gone & {"m1", "m2"}
        return not two or (len(two) == 2 and "m0" in gone)

    pairs, sets, _ = grown(names(3), S1=keeps)
    assert pairs["S1"].healing == ()
    assert sets["S1"].sets == (frozenset({"m0", "m1", "m2"}),)


def test_three_that_cover_for_each_other() -> None:
    """No pair says so: a part is taken, and the answers are right."""
    chosen = names(4)
    pairs, sets, _ = grown(chosen, S1=needs("m0 m1 m2"))
    assert pairs["S1"].covering == ()
    found = sets["S1"].sets
    assert len(found) >= 2
    for gone in found:
        assert "m3" in gone and len(gone & {"m0", "m1", "m2"}) == 2


def test_nothing_may_go() -> None:
    _, sets, _ = grown(names(3), S1=lambda gone: not gone)
    assert sets["S1"].sets == (frozenset(),)


def test_promises_ask_together() -> None:
    """A promise more costs questions, not rounds."""
    chosen = names(8)
    one = needs("m0", "m1 m2")
    _, _, alone = grown(chosen, S1=one)
    _, sets, calls = grown(chosen, S1=one, S2=one, S3=one)
    assert calls == alone
    assert sets["S1"] == sets["S2"] == sets["S3"]


@settings(max_examples=150)
@given(
    st.integers(1, 7),
    st.lists(
        st.frozensets(st.integers(0, 6), min_size=1, max_size=2), max_size=5
    ),
)
def test_all_maximal_sets_where_pairs_say_everything(
    number: int, groups: list[frozenset[int]]
) -> None:
    chosen = names(number)
    here = [g for g in groups if max(g) < number]
    keeps = needs(*(" ".join(f"m{n}" for n in g) for g in here))
    _, sets, _ = grown(chosen, S1=keeps)
    kept = [s for s in subsets(chosen) if keeps(s)]
    maximal = {s for s in kept if not any(s < t for t in kept)}
    assert set(sets["S1"].sets) == maximal


@settings(max_examples=150)
@given(st.integers(1, 6), st.randoms(use_true_random=False))
def test_what_is_named_is_true_of_any_oracle(
    number: int, random: Random
) -> None:
    """Healing and breaking at will: each set was asked, and is maximal."""
    chosen = names(number)
    answers = {s: random.random() < 0.5 for s in subsets(chosen)}
    answers[frozenset()] = True
    _, sets, _ = grown(chosen, S1=answers.__getitem__)
    assert sets["S1"].sets
    for gone in sets["S1"].sets:
        assert answers[gone]
        rest = [name for name in chosen if name not in gone]
        for more in subsets(rest, 2)[1:]:
            assert not answers[gone | more]
