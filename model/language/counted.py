# SPDX-License-Identifier: GPL-2.0-or-later
"""A disk of any size, of which only "none or some" is known: the count.

    set of granules or chunks   empty, or some are in it
    contents of a chunk         empty, or some
    cursor                      at the end, or not
    name of a chunk             none, or some
    tally                       none left or some; full or not
    limit on a number           kept or not, remembered (see ``counted_view``)

It forgets which granules there are, and so has a few thousand states where a
disk has any number.  What it keeps is what decides whether a step can be
taken: emptiness and the end of a cursor are part of the state, so an action
that a disk keeps enabled stays enabled here.

What is forgotten is an unknown (``unknown``).  An unknown is named after the
one term that asks it, so two questions never share an answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from attrs import define, field, frozen

from model.language import expression as ex
from model.language.counted_channel import CountedChannel
from model.language.errors import ModelError
from model.language.expression import Expression
from model.language.schematic import SETS, SORTS, asked
from model.language.unknown import open_question

#: questions about an action's own parameter: some chunk or granule serves
OF_PARAMETER: Final = frozenset(
    {"has_granule", "has_chunk", "position_at", "names_chunk"}
)
_PARAMETER: Final = "?open: the parameter: "


@frozen
class Outside:
    """The complement of a set, of which only the difference has a meaning.

    ``members``: what is known of the set.
    """

    members: Any


@frozen
class Words:
    """The type of a field of the count: ``words`` are its values, in order."""

    words: tuple[str, ...]

    @property
    def width(self) -> int:
        """Bits that a value takes."""
        return max(1, (len(self.words) - 1).bit_length())

    def encode(self, literal: Any, where: str) -> int:
        """Return the code of a word; ModelError naming ``where`` if none."""
        if literal not in self.words:
            raise ModelError(f"{where}: {literal!r} is not of {self.words}")
        return self.words.index(literal)

    def show(self, code: int) -> str:
        """Return the word of a code."""
        return self.words[code] if code < len(self.words) else "?"

    def is_valid(self, value: Expression) -> Expression:
        """Return whether ``value`` is a code in use."""
        if len(self.words) > ex.ones(self.width):
            return ex.TRUE
        return ex.less(value, ex.constant(len(self.words), self.width))


def text_of(node: Expression) -> str:
    """Return a text that is ``node``'s alone among the terms of a schema."""
    if node.operator == "const":
        return f"{node.value}:{node.width}"
    if node.operator == "field":
        return node.name
    inside = "".join(f" {text_of(operand)}" for operand in node.operands)
    head = node.name or node.operator
    at = f"@{node.value}" if node.operator in ("slice", "place") else ""
    return f"({head}{at}{inside})"


def is_about_parameter(name: str) -> bool:
    """Return whether an unknown asks about the action's own parameter."""
    return name.startswith(_PARAMETER)


@define
class Counting:
    """The meanings of a schema's terms in the count.

    ``channels``: each by its name.  ``remembered``: for the term of a limit,
    the field that remembers whether it is kept.  ``kept``: limits that are
    always kept.  ``tallies``: of those tallies that have a limit, the one
    question that is asked of each: 'any_left' or 'is_full'.
    """

    channels: Mapping[str, CountedChannel]
    remembered: Mapping[Expression, str]
    kept: frozenset[str]
    tallies: Mapping[str, str]
    _known: dict[Expression, Any] = field(factory=dict, init=False)

    def of(self, node: Expression) -> Expression:
        """Return what ``node`` means.  ModelError if it has no meaning."""
        for one in ex.walk([node]):
            if one not in self._known:
                inside = [self._known[o] for o in one.operands]
                self._known[one] = self._meaning(one, inside)
        found = self._known[node]
        if not isinstance(found, Expression):
            raise ModelError(f"'{text_of(node)}' has no meaning of its own")
        return found

    def all_of(self, nodes: Sequence[Expression]) -> list[Expression]:
        """Return what each of ``nodes`` means."""
        return [self.of(node) for node in nodes]

    def _meaning(self, node: Expression, inside: Sequence[Any]) -> Any:
        sort = SORTS.get(node.width)
        match node.operator:
            case "ask":
                return self._answer(node, inside)
            case "field" if sort is not None:
                return ex.field_value(node.name, 1)
            case "const" if sort is not None:
                return ex.FALSE if node.value == 0 else ex.TRUE
            case "not" if sort in SETS:
                return Outside(inside[0])
            case "and" if sort in SETS:
                return self._common(node, *inside)
        if any(isinstance(one, Outside) for one in inside):
            raise ModelError(f"'{text_of(node)}' is not counted")
        return ex.rebuilt(node, tuple(inside)) if node.operands else node

    def _common(self, node: Expression, one: Any, other: Any) -> Expression:
        """Return whether two sets, or a set and a complement, meet."""
        if isinstance(one, Outside) and isinstance(other, Outside):
            raise ModelError(f"'{text_of(node)}' is not counted")
        left, right = (
            (other, one) if isinstance(one, Outside) else (one, other)
        )
        if isinstance(right, Outside):
            # all of the left is left where nothing is taken away
            nothing = ex.complement(right.members)
            return ex.conjunction(left, ex.disjunction(nothing, _open(node)))
        return ex.all_of([left, right, _open(node)])

    def _answer(self, node: Expression, inside: Sequence[Any]) -> Any:
        operation, of = asked(node)
        about = node.operands[0].name if node.operands else ""
        if about in self.channels:
            return self.channels[about].answer(operation, of)
        if operation in OF_PARAMETER:
            here = inside[0]
            if operation == "position_at":
                here = ex.complement(here)
            mine = ex.field_value(_PARAMETER + text_of(node), 1)
            return ex.conjunction(here, mine)
        match operation:
            case "granule_member" | "chunk_member" | "chunk_code":
                return ex.TRUE
            case "is_empty" | "chunks_ahead":
                return ex.complement(inside[0])
            case "chunks_with" | "position_at_end":
                return inside[0]
            case "contents":
                return ex.conjunction(inside[0], _open(node))
            case "with_contents":
                others = ex.conjunction(inside[0], _open(node))
                return ex.disjunction(inside[1], others)
            case "position_start":
                return ex.FALSE
            case "position_past":
                return _open(node)
            case "at_most":
                return self._at_most(node, inside[0], of)
            case "any_left" | "is_full":
                return self._of_tally(about, operation)
        raise ModelError(f"'{text_of(node)}' is not counted")

    def _at_most(
        self, node: Expression, members: Expression, limit: str
    ) -> Expression:
        nothing = ex.complement(members)
        if limit in self.kept:
            return ex.TRUE
        if limit == "0":
            return nothing
        if node in self.remembered:
            return ex.field_value(self.remembered[node], 1)
        return ex.disjunction(nothing, _open(node))

    def _of_tally(self, name: str, operation: str) -> Expression:
        if name not in self.tallies:
            return ex.TRUE
        if self.tallies[name] != operation:
            raise ModelError(f"tally {name} is asked in two ways")
        return ex.field_value(name, 1)

    # -- effects ---------------------------------------------------------

    def effect(self, name: str, value: Expression) -> dict[str, Expression]:
        """Return the fields that an update of field ``name`` sets.

        ``value``: a schema's term, its new value.
        """
        operation, of = asked(value)
        if name in self.channels:
            return self.channels[name].effect(operation, of)
        if operation in ("one_more", "one_less", "emptied"):
            if name not in self.tallies:
                return {}
            return {name: self._tally_after(name, operation)}
        return {name: self.of(value)}

    def _tally_after(self, name: str, operation: str) -> Expression:
        """Return a tally after it moved by one, or was emptied."""
        now = ex.field_value(name, 1)
        comes = open_question(f"{name} comes to its end")
        if self.tallies[name] == "any_left":
            less = ex.conjunction(now, ex.complement(comes))
            return {"one_more": ex.TRUE, "one_less": less}.get(
                operation, ex.FALSE
            )
        more = ex.disjunction(now, comes)
        return more if operation == "one_more" else ex.FALSE


def _open(node: Expression) -> Expression:
    return open_question(text_of(node))
