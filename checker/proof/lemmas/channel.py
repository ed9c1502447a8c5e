# SPDX-License-Identifier: GPL-2.0-or-later
"""Lemmas on a FIFO of any capacity, seen through one granule.

The messages in flight are a list, oldest first, of any length.  Its
projection is defined by putting them, one by one, into an empty projected
channel.  By induction on the list, that is on the message that is put last:

* the projection of the list without its oldest message m is among
  the results of ``take`` on the projection of the whole, and with the same
  answers the front tells the kind, the chunk and the contents of m;
* ``holds`` may tell whether a message of a kind is in flight, and
  ``holds_chunk`` whether one that names a chunk is.

One step of an induction speaks of two states of the slots and of one message
more, nothing else: bit vectors are enough.  It asks that the last slot is
vacant before: the property SlotsSuffice, proved with the others.
"""

from __future__ import annotations

from collections.abc import Iterator

import z3

from checker.engines.smt.formula import Formulas
from checker.proof.lemmas.fifo import Fifo, Message, answered
from checker.proof.lemmas.terms import Lemma, among, may_be
from model.language.per_granule import at_one_granule
from model.language.projected import MINE, OTHER
from model.language.projected_channel import ProjectedChannel
from model.language.unknown import unknowns


def channel_lemmas(channel: ProjectedChannel) -> Iterator[Lemma]:
    """Yield all lemmas about one channel of any capacity."""
    fifo = Fifo(channel)
    yield from _empty(fifo)
    yield from _fifo_order(fifo)
    yield from _held(fifo)
    yield from _chunk_held(fifo)
    yield from _emptiness(fifo)
    yield from _form(fifo)


def _empty(fifo: Fifo) -> Iterator[Lemma]:
    """Yield lemmas about a channel in which no message is in flight."""
    channel, vacant = fifo.channel, fifo.vacant()
    never, none = z3.BoolVal(False), z3.BitVecVal(0, channel.kinds.width)
    nothing = Message(none, never, never, never)
    told = fifo.taken(nothing, vacant)
    told.append((channel.is_empty().expression, z3.BoolVal(True)))
    told += [
        (channel.holds(kind).expression, z3.BoolVal(False))
        for kind in channel.payloads
    ]
    told += [
        (channel.holds_chunk(chunk).expression, z3.BoolVal(False))
        for chunk in (MINE, OTHER)
    ]
    yield among(
        "channel: empty",
        "Where nothing is in flight the channel may say so.",
        z3.BoolVal(True),
        told,
        vacant,
    )
    slots = fifo.before
    yield among(
        "lose_all",
        "When all is lost nothing is in flight.",
        fifo.well_formed(slots),
        fifo.becomes(channel.lose_all(), vacant),
        slots,
    )


def _fifo_order(fifo: Fifo) -> Iterator[Lemma]:
    """Yield lemmas: the oldest message leaves first."""
    oldest, is_one = fifo.oldest()
    for kind in fifo.channel.payloads:
        message = fifo.sent(kind, "")
        alone = fifo.after_put(fifo.vacant(), kind, message)
        yield among(
            f"take: {kind.value} alone",
            f"A {kind.value} put into an empty channel is in front, and "
            "nothing is left when it is taken.",
            z3.BoolVal(True),
            fifo.taken(message, fifo.vacant()),
            alone,
        )
    for kind in fifo.channel.payloads:
        whole, rest = fifo.slots(" whole"), fifo.slots(" rest")
        message = fifo.sent(kind, "")
        more = fifo.after_put(whole, kind, message)
        left = fifo.after_put(rest, kind, message)
        yield among(
            f"take: {kind.value} behind others",
            "If taking the oldest message of a list may leave the rest, it "
            f"may so with a {kind.value} put at the back of both.",
            z3.And(
                is_one,
                fifo.well_formed(whole),
                fifo.fits(whole),
                answered(fifo.taken(oldest, rest), whole),
            ),
            fifo.taken(oldest, left),
            more,
        )


def _held(fifo: Fifo) -> Iterator[Lemma]:
    """Yield lemmas on whether a message of some kind is in flight."""
    slots, truth = fifo.before, z3.Bool("held")
    for asked in fifo.channel.payloads:
        told = fifo.channel.holds(asked).expression
        known = answered([(told, truth)], slots)
        claims = []
        for kind, (_, more) in fifo.more.items():
            now = z3.BoolVal(True) if kind is asked else truth
            claims.append(may_be([(told, now)], more))
        yield Lemma(
            f"holds: {asked.value}",
            f"If whether a {asked.value} is in flight is an answer, it is so "
            "with any message more.",
            z3.And(fifo.well_formed(slots), fifo.fits(slots), known),
            z3.And(claims),
        )


def _chunk_held(fifo: Fifo) -> Iterator[Lemma]:
    """Yield lemmas on whether a message of some chunk is in flight.

    That another chunk is not k says nothing of which one it is.
    """
    slots, truth = fifo.before, z3.Bool("held")
    one_of_many = z3.Bool("it is that other chunk")
    for chunk in (MINE, OTHER):
        told = fifo.channel.holds_chunk(chunk).expression
        known = answered([(told, truth)], slots)
        claims = []
        for message, more in fifo.more.values():
            named = z3.And(message.names, message.mine)
            if chunk is OTHER:
                other = z3.And(message.names, z3.Not(message.mine))
                named = z3.And(other, one_of_many)
            claims.append(may_be([(told, z3.Or(truth, named))], more))
        yield Lemma(
            f"holds_chunk: {chunk}",
            f"If whether a message of chunk {chunk} is in flight is an "
            "answer, it is so with any message more.",
            z3.And(fifo.well_formed(slots), fifo.fits(slots), known),
            z3.And(claims),
        )


def _emptiness(fifo: Fifo) -> Iterator[Lemma]:
    """Yield lemmas: a channel that is not empty may say so; some c sees it."""
    channel, slots = fifo.channel, fifo.before
    told = channel.is_empty().expression
    yield among(
        "is_empty: channel",
        "Where a message is in flight the channel may say so.",
        fifo.well_formed(slots),
        [(told, z3.BoolVal(False))],
        slots,
    )
    (alone,) = at_one_granule([told])
    holds = Formulas(slots).holds(alone)
    claims = []
    for message, more in fifo.more.values():
        kept = z3.Or(z3.Not(message.names), message.mine)
        claims.append(
            z3.Implies(
                z3.Or(kept, z3.Not(holds)),
                z3.Not(Formulas(more).holds(alone)),
            )
        )
    yield Lemma(
        "is_empty: channel, false somewhere",
        "A message in flight is seen from each granule of its chunk, and "
        "stays so with any message more.",
        z3.And(fifo.well_formed(slots), fifo.fits(slots)),
        z3.And(claims),
    )
    yield among(
        "has_room",
        "Where the slots suffice the channel may have room.",
        z3.And(fifo.well_formed(slots), fifo.fits(slots)),
        [(channel.has_room().expression, z3.BoolVal(True))],
        slots,
    )


def _form(fifo: Fifo) -> Iterator[Lemma]:
    """Yield lemmas: the slots keep their form; more messages take no fewer."""
    slots = fifo.before
    formed = z3.And(fifo.well_formed(slots), fifo.fits(slots))
    kept, needed = [fifo.well_formed(fifo.vacant())], []
    for _, more in fifo.more.values():
        kept.append(fifo.well_formed(more))
        needed.append(z3.Implies(fifo.fits(more), fifo.fits(slots)))
    yield Lemma(
        "put: form",
        "The form of the slots is right at first, and a message more keeps "
        "it.",
        formed,
        z3.And(kept),
    )
    yield Lemma(
        "put: slots",
        "If the slots suffice with a message more, they did without it.",
        fifo.well_formed(slots),
        z3.And(needed),
    )
    updates = fifo.channel.take()
    answers = unknowns([u.expression for u in updates])
    left = fifo.after(updates, {**slots, **{n: z3.Bool(n) for n in answers}})
    yield Lemma(
        "take: form",
        "Whatever is answered, taking a message keeps the form of the slots.",
        formed,
        fifo.well_formed(left),
    )
