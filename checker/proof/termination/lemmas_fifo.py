# SPDX-License-Identifier: GPL-2.0-or-later
"""Lemmas on the channel of the count: the kinds in flight, runs as one slot.

The slots that stand for a word of messages are what is left when each message
of it, oldest first, is put into an empty channel.  So putting is right by
definition.  Taking is right if, for a word m w, the slots of w are among what
taking may leave of those of m w.  That is shown by induction over the length
of w, of which the solver shows the beginning and the step, for every state of
the slots: putting a message and taking one may change places.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import z3

from checker.engines.smt.formula import Formulas, variable
from checker.proof.lemmas.terms import Lemma
from model.language import expression as ex
from model.language.counted_channel import CountedChannel
from model.language.expression import Expression
from model.language.unknown import combinations, replaced, unknowns

Slots = Mapping[str, Expression]


def fifo_lemmas(channels: Sequence[CountedChannel]) -> Iterator[Lemma]:
    """Yield the lemmas on each of ``channels`` that is of any capacity."""
    for channel in channels:
        if channel.any_capacity:
            yield from _of_channel(channel)


def _of_channel(channel: CountedChannel) -> Iterator[Lemma]:
    formulas = Formulas(
        {name: variable(name, _width(channel)) for name in channel.fields()}
    )
    now: Slots = {
        name: ex.field_value(name, _width(channel))
        for name in channel.fields()
    }
    zero = ex.constant(0, _width(channel))
    empty: Slots = dict.fromkeys(channel.fields(), zero)
    some = ex.complement(channel.vacant(0))
    state = ex.all_of([_valid(channel), channel.canonical()])
    #: two messages more fit as well
    room = ex.conjunction(channel.fits(), channel.vacant(channel.slots - 2))

    def told(
        name: str, text: str, given: Expression, then: Expression
    ) -> Lemma:
        return Lemma(
            f"{channel.name}: {name}",
            text,
            formulas.holds(given),
            formulas.holds(then),
        )

    yield _of_room(channel, formulas)
    for kind in _kinds(channel):
        put = channel.effect("put", kind)
        first = _read(put, empty)
        yield told(
            f"{kind} alone",
            "Of one message that is taken nothing is left.",
            ex.TRUE,
            ex.any_of(_same(left, empty) for left in _taken(channel, first)),
        )
        yield told(
            f"put {kind}, then take",
            "Taking the next message and putting another may change places.",
            ex.all_of([state, some, room]),
            _change_places(channel, put, now),
        )
        front = [_is(channel, first, kind), _front_stays(channel, put)]
        yield told(
            f"next after {kind}",
            "A message that is put alone is the next; one that is put behind "
            "others changes nothing of the next.",
            state,
            ex.conjunction(
                front[0], ex.disjunction(ex.complement(some), front[1])
            ),
        )
        held = [
            ex.equal(
                _read({"h": channel.answer("holds", other)}, put)["h"],
                ex.disjunction(
                    channel.answer("holds", other),
                    ex.constant(int(other == kind), 1),
                ),
            )
            for other in _kinds(channel)
        ]
        yield told(
            f"holds after {kind}",
            "After a message was put its kind is held, and what was before.",
            ex.conjunction(state, room),
            ex.all_of(held),
        )
        (form,) = replaced([channel.canonical()], put)
        yield told(
            f"form after {kind}",
            "The slots keep their form when a message is put.",
            ex.conjunction(state, room),
            form,
        )


def _of_room(channel: CountedChannel, formulas: Formulas) -> Lemma:
    """Return the lemma that whether one more message fits is an answer."""
    number, capacity = z3.Ints("number capacity")
    some = formulas.holds(ex.complement(channel.vacant(0)))
    told = channel.answer("has_room", "")
    return Lemma(
        f"{channel.name}: has_room",
        "Whether one more message fits is an answer; without any it does.",
        z3.And(
            formulas.holds(channel.fits()),
            capacity >= 1,
            number >= 0,
            number <= capacity,
            some == (number >= 1),
        ),
        z3.Or(
            [
                formulas.holds(replaced([told], answers)[0])
                == (number < capacity)
                for answers in combinations(unknowns([told]))
            ]
        ),
    )


def _width(channel: CountedChannel) -> int:
    return channel.channel.kinds.width


def _kinds(channel: CountedChannel) -> list[str]:
    return [member.name for member in channel.channel.payloads]


def _valid(channel: CountedChannel) -> Expression:
    kinds = channel.channel.kinds
    return ex.all_of(
        kinds.is_valid(ex.field_value(name, kinds.width))
        for name in channel.fields()
    )


def _read(values: Slots, slots: Slots) -> dict[str, Expression]:
    """Return expressions over the slots, read where these are ``slots``."""
    found = replaced(list(values.values()), slots)
    return dict(zip(values, found, strict=True))


def _taken(channel: CountedChannel, slots: Slots) -> Iterator[Slots]:
    """Yield what may be left of ``slots`` when the next is taken."""
    left = _read(channel.effect("take", ""), slots)
    for answers in combinations(unknowns(left.values())):
        yield _read(left, answers)


def _same(one: Slots, other: Slots) -> Expression:
    return ex.all_of(ex.equal(one[name], other[name]) for name in one)


def _change_places(
    channel: CountedChannel, put: Slots, now: Slots
) -> Expression:
    """Return that whatever is taken before can be taken after a put."""
    later = list(_taken(channel, _read(put, now)))
    return ex.all_of(
        ex.any_of(_same(_read(put, left), after) for after in later)
        for left in _taken(channel, now)
    )


def _is(channel: CountedChannel, slots: Slots, kind: str) -> Expression:
    (found,) = replaced([channel.front_is(kind)], slots)
    return found


def _front_stays(channel: CountedChannel, put: Slots) -> Expression:
    first = channel.fields()[0]
    return ex.equal(put[first], ex.field_value(first, _width(channel)))
