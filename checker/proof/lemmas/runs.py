# SPDX-License-Identifier: GPL-2.0-or-later
"""Lemmas on what a slot of a projected channel says of a run.

A run is an array of messages of chunk k, of any length.  Its slot keeps the
contents of the last one, whether one before it carries c, and whether one
before it does not.  That stays true when a message is put behind the run, and
may stay true when the oldest is taken.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import Any

import z3
from attrs import frozen

from checker.proof.lemmas.fifo import Fifo, Message, Slots
from checker.proof.lemmas.terms import Lemma, among
from model.language.channel import slot_field
from model.language.projected_channel import (
    EARLIER_WITH,
    EARLIER_WITHOUT,
    ProjectedChannel,
)


@frozen(eq=False)
class _Run:
    """Messages ``first`` to ``end - 1`` of chunk k, oldest first.

    ``carries``: which of them carry c.  ``with_`` and ``without``: whether
    one before the last does, and whether one does not; ``some_with`` and
    ``some_without`` are such messages.
    """

    carries: z3.ArrayRef
    first: z3.ArithRef
    end: z3.ArithRef
    with_: z3.BoolRef
    without: z3.BoolRef
    some_with: z3.ArithRef
    some_without: z3.ArithRef

    @property
    def last(self) -> z3.BoolRef:
        """Return whether the newest message carries c."""
        return self.carries[self.end - 1]

    def meaning(self, *at: z3.ArithRef) -> z3.BoolRef:
        """Return what the two truth values mean, for the messages ``at``."""

        def earlier(i: z3.ArithRef) -> z3.BoolRef:
            return z3.And(self.first <= i, i < self.end - 1)

        known = [
            z3.Implies(
                self.with_,
                z3.And(earlier(self.some_with), self.carries[self.some_with]),
            ),
            z3.Implies(
                self.without,
                z3.And(
                    earlier(self.some_without),
                    z3.Not(self.carries[self.some_without]),
                ),
            ),
        ]
        for i in at:
            inside = z3.Implies(earlier(i), self.carries[i])
            outside = z3.Implies(earlier(i), z3.Not(self.carries[i]))
            known.append(z3.Implies(z3.Not(self.with_), outside))
            known.append(z3.Implies(z3.Not(self.without), inside))
        return z3.And(known)


def _run(carries: z3.ArrayRef, first: Any, end: Any, suffix: str) -> _Run:
    return _Run(
        carries,
        first,
        end,
        *z3.Bools(f"with{suffix} without{suffix}"),
        *z3.Ints(f"some_with{suffix} some_without{suffix}"),
    )


def run_lemmas(channel: ProjectedChannel) -> Iterator[Lemma]:
    """Yield the lemmas about the runs of one channel of any capacity."""
    fifo = Fifo(channel)
    first, end = z3.Ints("first end")
    carries = z3.Array("carries", z3.IntSort(), z3.BoolSort())
    run = _run(carries, first, end, "")
    slots = fifo.before
    for kind in fifo.channel.payloads:
        if fifo.is_run(kind):
            yield _longer(fifo, kind, run, slots)
            yield _shorter(fifo, kind, run, slots)


def _longer(fifo: Fifo, kind: enum.Enum, run: _Run, slots: Slots) -> Lemma:
    """Return the lemma that a message lengthens the run in front of it."""
    message, more = fifo.more[kind]
    new = z3.Store(run.carries, run.end, message.bit)
    longer = _run(new, run.first, run.end + 1, "'")
    here, still = [], []
    for slot in range(fifo.channel.capacity - 1):
        newest = z3.And(
            _kind_is(fifo, slots, slot, kind),
            slots[slot_field(fifo.channel.name, slot + 1, "kind")] == 0,
        )
        here.append(z3.And(newest, _says(fifo, slots, slot, run)))
        still.append(
            z3.Implies(
                newest,
                z3.And(
                    _kind_is(fifo, more, slot, kind),
                    _says(fifo, more, slot, longer),
                ),
            )
        )
    ends = (run.end - 1, longer.some_with, longer.some_without)
    return Lemma(
        f"put: {kind.value} behind a run",
        "A slot goes on to say of a run of any length what it means when "
        "one more message of chunk k is put.",
        z3.And(
            run.first < run.end,
            message.mine,
            fifo.well_formed(slots),
            run.meaning(*ends),
            longer.meaning(*ends, run.some_with, run.some_without),
            z3.Or(here),
        ),
        z3.And(still),
    )


def _shorter(fifo: Fifo, kind: enum.Enum, run: _Run, slots: Slots) -> Lemma:
    """Return the lemma that taking the oldest message shortens the run."""
    shorter = _run(run.carries, run.first + 1, run.end, "'")
    known = z3.And(
        run.first + 1 < run.end,
        _kind_is(fifo, slots, 0, kind),
        fifo.well_formed(slots),
        run.meaning(run.first, shorter.some_with, shorter.some_without),
        shorter.meaning(run.some_with, run.some_without),
        _says(fifo, slots, 0, run),
    )
    always = z3.BoolVal(True)
    kind_code = z3.BitVecVal(fifo.code(kind), fifo.channel.kinds.width)
    message = Message(kind_code, always, always, run.carries[run.first])
    left = dict(slots)
    for part, truth in _said(fifo, shorter).items():
        left[slot_field(fifo.channel.name, 0, part)] = truth
    return among(
        f"take: {kind.value} from a run",
        "The front may be the oldest of a run of any length, and the slot "
        "may go on to say what it means of those that are left.",
        known,
        fifo.taken(message, left),
        slots,
    )


def _kind_is(
    fifo: Fifo, slots: Slots, slot: int, kind: enum.Enum
) -> z3.BoolRef:
    name = slot_field(fifo.channel.name, slot, "kind")
    return slots[name] == fifo.code(kind)


def _said(fifo: Fifo, run: _Run) -> dict[str, z3.BoolRef]:
    return {
        fifo.contents_part: run.last,
        EARLIER_WITH: run.with_,
        EARLIER_WITHOUT: run.without,
    }


def _says(fifo: Fifo, slots: Slots, slot: int, run: _Run) -> z3.BoolRef:
    """Return whether a slot says what is true of ``run``."""
    name = fifo.channel.name
    return z3.And(
        [
            slots[slot_field(name, slot, part)] == truth
            for part, truth in _said(fifo, run).items()
        ]
    )
