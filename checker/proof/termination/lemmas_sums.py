# SPDX-License-Identifier: GPL-2.0-or-later
"""Lemmas on how much there is: sums over a disk, tallies, messages.

A rank is a sum over chunks, over granules, and of what is not of the disk.
That no share grows means that the sum does not, and that one share shrinks as
well means that the sum does: by induction over the places, of which the
solver shows the step.
"""

from __future__ import annotations

from collections.abc import Iterator

import z3

from checker.proof.lemmas.terms import Lemma


def sum_lemmas() -> Iterator[Lemma]:
    """Yield the lemmas on sums, tallies and messages."""
    yield from _of_sums()
    yield from _of_tallies()
    yield from _of_messages()


def _of_sums() -> Iterator[Lemma]:
    before, after, one, other = z3.Ints("before after one other")
    yield Lemma(
        "sum: no more",
        "A sum that is no larger stays so with one more share that is not.",
        z3.And(after <= before, other <= one),
        after + other <= before + one,
    )
    yield Lemma(
        "sum: less",
        "A sum stays smaller with one more share that is no larger, and gets "
        "smaller with one that is.",
        z3.Or(
            z3.And(after < before, other <= one),
            z3.And(after <= before, other < one),
        ),
        after + other < before + one,
    )
    names = "chunk granule finite chunks granules"
    here = z3.Ints(names)
    there = z3.Ints(" ".join(f"{name}'" for name in names.split()))
    own_before, own_after = z3.Sum(here[:3]), z3.Sum(there[:3])
    rest = z3.And(there[3] <= here[3], there[4] <= here[4])
    yield Lemma(
        "sum: the parameter's share",
        "A rank is no larger if what is at the parameter is not, taken "
        "together, and neither the other chunks' share nor the other "
        "granules'.",
        z3.And(rest, own_after <= own_before),
        z3.Sum(there) <= z3.Sum(here),
    )
    yield Lemma(
        "sum: the parameter's share shrinks",
        "A rank is smaller if what is at the parameter is.",
        z3.And(rest, own_after < own_before),
        z3.Sum(there) < z3.Sum(here),
    )
    size, weight = z3.Ints("size weight")
    yield Lemma(
        "sum: never below 0",
        "A share is a weight or nothing, so a rank is never below 0.",
        z3.And(size >= 0, weight >= 1),
        weight * size >= 0,
    )


def _of_tallies() -> Iterator[Lemma]:
    now, top, least = z3.Ints("now top least")
    known = z3.And(top >= 1, now >= 0, now <= top, least <= top, least >= 1)
    more = z3.If(now == top, now, now + 1)
    less = z3.If(now == 0, now, now - 1)
    yield Lemma(
        "tally: one more",
        "A tally grows by 1 at most, and not where it is full; then some are "
        "left.",
        known,
        z3.And(
            more <= now + z3.If(now == top, 0, 1),
            more >= 1,
            z3.Implies(now == top, more == top),
        ),
    )
    yield Lemma(
        "tally: one less",
        "A tally of which some are left shrinks by 1; a full one has some "
        "left, and none is full afterwards.",
        known,
        z3.And(
            z3.Implies(now >= 1, less == now - 1),
            z3.Implies(now == top, less == now - 1),
            less < top,
            less <= now,
        ),
    )
    yield Lemma(
        "tally: emptied",
        "A full tally that is emptied loses the least of its limit or more; "
        "one with some left loses 1 or more; it is not full then.",
        known,
        z3.And(
            z3.Implies(now == top, now - 0 >= least),
            z3.Implies(now >= 1, now - 0 >= 1),
            top != 0,
        ),
    )


def _of_messages() -> Iterator[Lemma]:
    number, capacity = z3.Ints("number capacity")
    known = z3.And(capacity >= 1, number >= 0, number <= capacity)
    yield Lemma(
        "messages: room",
        "A channel without a message has room for one.",
        z3.And(known, number == 0),
        number < capacity,
    )
    yield Lemma(
        "messages: taken",
        "One message less is in flight after one of some was taken, and none "
        "after all were lost.",
        z3.And(known, number >= 1),
        z3.And(number - 1 < number, number - 1 >= 0, number >= 0),
    )
