# SPDX-License-Identifier: GPL-2.0-or-later
"""What each step does to each rank, on a disk of any size.

A rank is a sum of sizes (``Rank``).  A step may raise it only if it raises the
sum at some place; it is sure to lower it if it lowers the sum at its own
parameter and raises it nowhere.  Both are formulas over the fields of the
count.  How a place is read is the business of ``by_chunk``:

* at the parameter, all of the sum is looked at together: its chunk, its
  granule, and what is not of the disk (messages, tallies, flags);
* at any other chunk, and at any other granule, only that one's share.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from attrs import field, frozen

from model.language import expression as ex
from model.language.budgets import counted
from model.language.by_chunk import AtGranules, ByChunk, Where
from model.language.counted_view import CountedView
from model.language.expression import Expression
from model.language.machine import Instance, Rank
from model.language.movement import (
    after_step,
    asked_both_ways,
    given_at,
    places,
)
from model.language.schematic import SORTS, Sort, asked
from model.language.tally import TallyType
from model.language.tokens import key_of

#: wide enough for the sum of all weights of a rank, twice
_SUM_WIDTH = 8
_OWN = frozenset({Where.FOLLOWED, Where.MINE, Where.NOWHERE})


@frozen(eq=False)
class Label:
    """What one step does to one rank.

    ``rises``: where it may raise it; ``stays``: where it may fail to lower
    it.  Formulas over the fields of the count.
    """

    rises: Expression
    stays: Expression


@frozen(eq=False)
class Share:
    """The sum of a rank at one place, before and after a step.

    ``own``: the place is that of the step's parameter.  ``given``: what holds
    where the step is taken.
    """

    own: bool
    given: Expression
    before: Expression
    after: Expression


def usable_ranks(view: CountedView) -> tuple[Rank, ...]:
    """Return the ranks that speak of fields that the count keeps.

    And of tallies that have a limit; what is left of a limited budget is a
    rank as well.
    """
    budgets = {counted(name): name for name in view.schema.budgets}
    left = [
        Rank(f"{budgets[f.name]} left", ((1, f.expression),))
        for f in view.schema.fields
        if f.name in budgets
    ]
    kept = {f.name for f in view.schema.fields}
    return tuple(
        rank
        for rank in (*left, *view.schema.ranks)
        if ex.fields_read([e for _, e in rank.parts]) <= kept
    )


def labels(view: CountedView, rank: Rank) -> tuple[Label, ...]:
    """Return what each instance of the view's schema does to ``rank``."""
    return tuple(_label(view, one, rank) for one in view.schema.instances)


def _label(view: CountedView, one: Instance, rank: Rank) -> Label:
    rises: Expression = ex.FALSE
    stays: Expression | None = None
    for share in shares(view, one, rank):
        more = ex.less(share.before, share.after)
        rises = ex.disjunction(
            rises, asked_both_ways(ex.conjunction(share.given, more))
        )
        if share.own:
            no_less = ex.complement(ex.less(share.after, share.before))
            stays = asked_both_ways(ex.conjunction(share.given, no_less))
    if stays is None:
        stays = ex.TRUE
    return Label(rises, ex.disjunction(rises, stays))


def shares(view: CountedView, one: Instance, rank: Rank) -> Iterator[Share]:
    """Yield a rank's sum at each place; nothing if the step leaves it."""
    later = [after_step(one, e) for _, e in rank.parts]
    moved = [
        part is not after
        for (_, part), after in zip(rank.parts, later, strict=True)
    ]
    if not any(moved):
        return
    kept = [
        f.name
        for f in view.schema.fields
        if SORTS.get(f.type.width) not in (None, Sort.CHANNEL, Sort.TALLY)
    ]
    for where in places(one):
        seen = view.reading.by_chunk(view.counting, where)
        parts = _Parts()
        for weight, part in rank.parts:
            _add(parts, view, seen, one, rank, weight, part)
        given = given_at(seen, one, kept)
        for own, names in _GROUPS[where]:
            before = _total([w for n in names for w in parts.before[n]])
            after = _total([w for n in names for w in parts.after[n]])
            yield Share(own, given, before, after)


_CHUNK, _GRANULE, _FINITE = "chunk", "granule", "finite"
#: which shares are looked at together, from each place
_GROUPS: Mapping[Where, tuple[tuple[bool, tuple[str, ...]], ...]] = {
    Where.FOLLOWED: ((True, (_CHUNK, _GRANULE, _FINITE)),),
    Where.NEIGHBOUR: ((False, (_GRANULE,)),),
    Where.ELSEWHERE: ((False, (_CHUNK,)), (False, (_GRANULE,))),
    Where.MINE: ((True, (_CHUNK, _FINITE)), (False, (_GRANULE,))),
    Where.OTHER: ((False, (_CHUNK,)), (False, (_GRANULE,))),
    Where.NOWHERE: (
        (True, (_FINITE,)),
        (False, (_CHUNK,)),
        (False, (_GRANULE,)),
    ),
}
Terms = dict[str, list[Expression]]


def _none() -> Terms:
    return {name: [] for name in (_CHUNK, _GRANULE, _FINITE)}


@frozen(eq=False)
class _Parts:
    """The terms of a rank's sum at one place, by what they are of."""

    before: Terms = field(factory=_none)
    after: Terms = field(factory=_none)


def _add(
    parts: _Parts,
    view: CountedView,
    seen: ByChunk,
    one: Instance,
    rank: Rank,
    weight: int,
    part: Expression,
) -> None:
    """Add one part of a rank to the terms before and after a step."""
    sort = SORTS.get(part.width)
    effect = dict(one.effect)
    if sort is Sort.CHANNEL:
        _add_messages(parts, view, effect.get(part.name), weight, part)
        return
    if sort is Sort.TALLY:
        full = view.counting.tallies[part.name] == "is_full"
        least = _least(view, rank, part.name) if full else 1
        moved = effect.get(part.name)
        _add_tally(parts, moved, weight, part, full, least)
        return
    before, after = seen.of(part), seen.of(after_step(one, part))
    kind = _CHUNK if sort is Sort.CHUNKS else _FINITE
    if isinstance(before, AtGranules):
        kind, before, after = _GRANULE, before.followed, after.followed
    parts.before[kind].append(_weighed(before, weight))
    parts.after[kind].append(_weighed(after, weight))


def _add_messages(
    parts: _Parts,
    view: CountedView,
    value: Expression | None,
    weight: int,
    part: Expression,
) -> None:
    if value is None:
        return
    operation = asked(value)[0]
    if operation == "put":
        parts.after[_FINITE].append(_weighed(ex.TRUE, weight))
    elif operation == "take":
        some = ex.complement(view.counting.channels[part.name].vacant(0))
        parts.before[_FINITE].append(_weighed(some, weight))
    else:
        assert operation == "lose_all", "a channel moves in three ways"


def _add_tally(
    parts: _Parts,
    value: Expression | None,
    weight: int,
    part: Expression,
    full: bool,
    least: int,
) -> None:
    """Add a tally to the terms; one that is there is ``least`` at least.

    ``full``: the count knows whether it is full, else whether any is left.
    """
    if value is None:
        return
    known = ex.field_value(part.name, 1)
    match asked(value)[0]:
        case "one_more":
            more = ex.complement(known) if full else ex.TRUE
            parts.after[_FINITE].append(_weighed(more, weight))
        case "one_less":
            parts.before[_FINITE].append(_weighed(known, weight))
        case _:
            gone = _weighed(known, weight * least)
            parts.before[_FINITE].append(gone)


def _least(view: CountedView, rank: Rank, name: str) -> int:
    """Return the least that the limit of a tally may be, for ``rank``."""
    kind = view.schema.fields[view.schema.position[name]].type
    assert isinstance(kind, TallyType)
    return dict(rank.at_least).get(key_of(kind.limit), 1)


def _weighed(bit: Expression, weight: int) -> Expression:
    zero = ex.constant(0, _SUM_WIDTH)
    return ex.choice(bit, ex.constant(weight, _SUM_WIDTH), zero)


def _total(terms: list[Expression]) -> Expression:
    found = ex.constant(0, _SUM_WIDTH)
    for term in terms:
        found = ex.add(found, term)
    return found
