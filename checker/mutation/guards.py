# SPDX-License-Identifier: GPL-2.0-or-later
"""Changes of a guard: conjuncts dropped, flags negated, members exchanged.

A conjunct may itself hold conjunctions.  Their parts are dropped one by one
as well, if they ask for nothing but flags and members of enumerations.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import evolve, frozen

from checker.mutation.change import Change, Kind, exchanged
from checker.mutation.wording import Words, comparisons, flat, sizeless
from model.language import expression as ex
from model.language.expression import Expression
from model.language.machine import Conjunct, Instance


@frozen(eq=False)
class _Place:
    """One conjunct of an instance."""

    instance: Instance
    number: int
    name: str

    @property
    def expression(self) -> Expression:
        return self.instance.guard[self.number].expression

    def without(self, kind: Kind, how: str) -> Change:
        """The instance without this conjunct."""
        return self._change(kind, how, ())

    def becomes(self, kind: Kind, how: str, new: Expression) -> Change:
        """The instance with ``new`` in this place."""
        text = self.instance.guard[self.number].text
        return self._change(kind, how, (Conjunct(text, new),))

    def _change(
        self, kind: Kind, how: str, new: tuple[Conjunct, ...]
    ) -> Change:
        guard = self.instance.guard
        before, after = guard[: self.number], guard[self.number + 1 :]
        changed = evolve(self.instance, guard=(*before, *new, *after))
        return Change(kind, f"{self.name}{how}", changed)


def guard_changes(instance: Instance, words: Words) -> Iterator[Change]:
    """Every change of the guard of ``instance``."""
    for place in _places(instance):
        yield place.without(Kind.DROPPED, " dropped")
        yield from _parts_changed(place, words)
        yield from _members_exchanged(place, words)


def _places(instance: Instance) -> Iterator[_Place]:
    """The conjuncts; one that has the same text as another is numbered."""
    met: dict[str, int] = {}
    for number, conjunct in enumerate(instance.guard):
        text = sizeless(conjunct.text)
        met[text] = met.get(text, 0) + 1
        again = f" ({met[text]})" if met[text] > 1 else ""
        yield _Place(instance, number, f'guard "{text}"{again}')


def _parts_changed(place: _Place, words: Words) -> Iterator[Change]:
    whole = place.expression
    if words.is_flag(whole):
        yield place.becomes(Kind.NEGATED, " negated", ex.complement(whole))
    for chain in _chains(whole):
        parts = list(flat(chain, "and"))
        named = {words.said(part): part for part in parts}
        named.pop("", None)
        for text, part in sorted(named.items()):
            rest = [other for other in parts if other is not part]
            (less,) = exchanged([whole], {chain: ex.all_of(rest)})
            yield place.becomes(Kind.DROPPED, f': "{text}" dropped', less)
            if words.is_flag(part):
                opposite = ex.all_of([*rest, ex.complement(part)])
                (other,) = exchanged([whole], {chain: opposite})
                yield place.becomes(Kind.NEGATED, f': "{text}" negated', other)


def _chains(node: Expression) -> Iterator[Expression]:
    """The conjunctions in ``node``, itself one or in what is alternative."""
    if node.width > 1 or node.operator not in ("and", "or"):
        return
    if node.operator == "and":
        yield node
    for part in flat(node, node.operator):
        yield from _chains(part)


def _members_exchanged(place: _Place, words: Words) -> Iterator[Change]:
    whole = place.expression
    for (name, code), node in comparisons([whole], words).items():
        known = words.members(name)
        for other in words.neighbours(name, code):
            field = ex.field_value(name, words.types[name].width)
            new = ex.equal(field, ex.constant(other, field.width))
            (changed,) = exchanged([whole], {node: new})
            how = f": {name}: {known[other]} for {known[code]}"
            yield place.becomes(Kind.GUARD, how, changed)
    for node in ex.walk([whole]):
        # of two members the comparison is the field itself
        if node.operator == "field" and words.is_pair(node.name):
            new = ex.complement(node)
            (changed,) = exchanged([whole], {node: new})
            how = f": {node.name}: the other member"
            yield place.becomes(Kind.GUARD, how, changed)
