# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether a step can add to a set, or take from it, on a disk of any size.

It can add if a chunk k, or a granule c, may enter that was not there.  That is
read at an arbitrary k and c (``by_chunk``); what k and c decide, and what the
rest of the disk does, is then asked both ways, so that a formula over the
fields of the count is left: where it is false, nothing can enter.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from attrs import frozen

from model.language import expression as ex
from model.language.by_chunk import (
    OVER_CHUNKS,
    OVER_GRANULES,
    AtGranules,
    ByChunk,
    Where,
    is_local,
)
from model.language.counted import Counting
from model.language.expression import Expression
from model.language.machine import Instance
from model.language.terms import parameter_of
from model.language.tokens import CHUNKS
from model.language.unknown import is_unknown, replaced


@frozen(eq=False)
class Change:
    """A set before and after a step, as one place sees it.

    ``where``: the step's parameter.  ``granule``: the set is of granules and
    only c is looked at.  ``given``: what holds where the step is taken.
    """

    where: Where
    granule: bool
    given: Expression
    before: Expression
    after: Expression


def places(instance: Instance) -> tuple[Where, ...]:
    """Return where the parameter of a schema's instance may lie."""
    key = parameter_of(instance)
    if not key:
        return (Where.NOWHERE,)
    return OVER_CHUNKS if key.startswith(CHUNKS) else OVER_GRANULES


def after_step(instance: Instance, node: Expression) -> Expression:
    """Return the term ``node`` of a schema as the step leaves it."""
    (found,) = replaced([node], dict(instance.effect))
    return found


def given_at(
    seen: ByChunk, instance: Instance, kept: Iterable[str]
) -> Expression:
    """Return the guard as k and c see it, and that they agree with the count.

    ``kept``: the names of the schema's fields that the count keeps.  What
    the guard's terms and those read before do not mention is not linked.
    """
    guard = [seen.truth(c.expression) for c in instance.guard]
    return ex.all_of([*guard, *(seen.links(name) for name in kept)])


def changes(
    counting: Counting,
    instance: Instance,
    members: Expression,
    kept: Iterable[str],
    by_chunk: type[ByChunk] = ByChunk,
) -> Iterator[Change]:
    """Yield the set ``members`` before and after the step, from each place."""
    later = after_step(instance, members)
    if later is members:
        return
    for where in places(instance):
        seen = by_chunk(counting, where)
        before, after = seen.of(members), seen.of(later)
        given = given_at(seen, instance, kept)
        of_granules = isinstance(before, AtGranules)
        if of_granules:
            before, after = before.followed, after.followed
        yield Change(where, of_granules, given, before, after)


def may_enter(
    counting: Counting,
    instance: Instance,
    members: Expression,
    kept: Iterable[str],
    by_chunk: type[ByChunk] = ByChunk,
) -> Expression:
    """Return where a step may add to a set: a formula over the count."""
    return ex.any_of(
        _possible(one, ex.conjunction(one.after, ex.complement(one.before)))
        for one in changes(counting, instance, members, kept, by_chunk)
    )


def may_leave(
    counting: Counting,
    instance: Instance,
    members: Expression,
    kept: Iterable[str],
    by_chunk: type[ByChunk] = ByChunk,
) -> Expression:
    """Return where a step may take from a set: a formula over the count."""
    return ex.any_of(
        _possible(one, ex.conjunction(one.before, ex.complement(one.after)))
        for one in changes(counting, instance, members, kept, by_chunk)
    )


def _possible(one: Change, moved: Expression) -> Expression:
    """Where a member may have ``moved``, whatever else there is."""
    return asked_both_ways(ex.conjunction(one.given, moved))


def asked_both_ways(root: Expression) -> Expression:
    """Return whether some answer of k, c and the rest makes ``root`` true.

    A formula over what is left: the fields of the count.
    """
    while True:
        free = sorted(
            name
            for name in ex.fields_read([root])
            if is_local(name) or is_unknown(name)
        )
        if not free:
            return root
        no, yes = (
            replaced([root], {free[0]: answer})[0]
            for answer in (ex.FALSE, ex.TRUE)
        )
        root = ex.disjunction(no, yes)
