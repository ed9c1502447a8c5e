# SPDX-License-Identifier: GPL-2.0-or-later
"""One chunk k of any disk, and one granule c of it, beside the count.

The count (``counted``) knows whether a set is empty and not how many are in
it.  Whether a step can make a set larger shows at one chunk or granule: if
none enters, it does not grow; if one leaves as well, it shrinks.  So a term
is read here at an arbitrary chunk k and an arbitrary granule c of it:

    set of granules       two bits: c is in it; another granule of k is
    contents of a chunk   the same; neither if the chunk is not k
    set of chunks         one bit: k is in it
    cursor                two bits: it stands at k; it has passed k
    name of a chunk       one bit: it is k's

The action's own parameter is c, another granule of k or one elsewhere; or k,
or another chunk.  What the rest of the disk decides is answered as the count
answers it, by the same unknowns.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Any, Final

from attrs import define, field, frozen

from model.language import expression as ex
from model.language.counted import OF_PARAMETER, Counting, Outside, text_of
from model.language.errors import ModelError
from model.language.expression import Expression
from model.language.schematic import SETS, SORTS, Sort, asked
from model.language.unknown import open_question

_AT_K: Final = "?k: "
_OF_GRANULES: Final = (Sort.GRANULES, Sort.CONTENTS)


class Where(enum.Enum):
    """Where the action's own parameter lies, as seen from c and k."""

    NOWHERE = "no parameter"
    FOLLOWED = "c"
    NEIGHBOUR = "another granule of k"
    ELSEWHERE = "a granule elsewhere"
    MINE = "k"
    OTHER = "another chunk"


#: of an action over granules, over chunks, and over neither
OVER_GRANULES: Final = (Where.FOLLOWED, Where.NEIGHBOUR, Where.ELSEWHERE)
OVER_CHUNKS: Final = (Where.MINE, Where.OTHER)
_IN_K: Final = frozenset({Where.FOLLOWED, Where.NEIGHBOUR, Where.MINE})


@frozen
class AtGranules:
    """What is seen of a set of granules: c is in it, another of k is."""

    followed: Expression
    others: Expression


@frozen
class AtCursor:
    """What is seen of a cursor: it stands at k, it has passed k."""

    here: Expression
    passed: Expression


NONE_SEEN: Final = AtGranules(ex.FALSE, ex.FALSE)


def local(what: str) -> Expression:
    """Return the truth value ``what``, which speaks of k and c alone."""
    return ex.field_value(_AT_K + what, 1)


def is_local(name: str) -> bool:
    """Return whether a name is of something that k and c decide."""
    return name.startswith(_AT_K)


@define
class ByChunk:
    """The meanings of a schema's terms at k and c.

    ``counting``: the count, which answers for the rest of the disk.
    ``where``: the action's parameter.
    """

    counting: Counting
    where: Where
    _known: dict[Expression, Any] = field(factory=dict, init=False)

    def of(self, node: Expression) -> Any:
        """Return what ``node`` means: an expression, or what is seen of it.

        Raises ModelError if it has no meaning.
        """
        for one in ex.walk([node]):
            if one not in self._known:
                inside = [self._known[o] for o in one.operands]
                self._known[one] = self._meaning(one, inside)
        return self._known[node]

    def truth(self, node: Expression) -> Expression:
        """Return what the truth value ``node`` means."""
        found = self.of(node)
        if not isinstance(found, Expression):
            raise ModelError(f"'{text_of(node)}' is not a truth value")
        return found

    def links(self, name: str) -> Expression:
        """Return how what is seen of the field ``name`` and the count agree.

        ``name``: of a field of the schema that the count keeps.
        """
        for node, seen in self._known.items():
            if node.operator != "field" or node.name != name:
                continue
            some = ex.field_value(name, 1)
            if isinstance(seen, AtGranules):
                any_ = ex.disjunction(seen.followed, seen.others)
                return _implies(any_, some)
            if isinstance(seen, AtCursor):
                both = ex.conjunction(seen.here, seen.passed)
                ended = _implies(some, seen.passed)
                return ex.conjunction(ex.complement(both), ended)
            if SORTS.get(node.width) in (Sort.CHUNKS, Sort.NAME):
                return _implies(seen, some)
        return ex.TRUE

    # -- terms -----------------------------------------------------------

    def _meaning(self, node: Expression, inside: Sequence[Any]) -> Any:
        sort = SORTS.get(node.width)
        if node.operator == "ask":
            return self._answer(node, inside)
        if node.operator == "field" and sort is not None:
            return _seen(node.name, sort)
        if node.operator == "const" and sort is not None:
            return self._constant(node, sort)
        if sort in SETS:
            return self._set(node, inside, sort)
        if any(isinstance(one, Outside) for one in inside):
            raise ModelError(f"'{text_of(node)}' is not seen at one chunk")
        if sort is not None and node.operator == "ite":
            return self._chosen(inside)
        return ex.rebuilt(node, tuple(inside)) if node.operands else node

    def _constant(self, node: Expression, sort: Sort) -> Any:
        bit = ex.FALSE if node.value == 0 else ex.TRUE
        if sort not in _OF_GRANULES:
            return bit
        # whether k has another granule at all is the disk's business
        others = ex.conjunction(bit, open_question("k has another granule"))
        return AtGranules(bit, others)

    def _set(self, node: Expression, inside: Sequence[Any], sort: Sort) -> Any:
        if node.operator == "not":
            return Outside(inside[0])
        if node.operator == "ite":
            return self._chosen(inside)
        one, other = inside
        if isinstance(one, Outside):
            one, other = other, one
        if isinstance(one, Outside) or (
            node.operator == "or" and isinstance(other, Outside)
        ):
            raise ModelError(f"'{text_of(node)}' is not seen at one chunk")
        if sort is Sort.CHUNKS:
            return _of_bits(node.operator, one, other)
        return self._of_granules(node, one, other)

    def _of_granules(self, node: Expression, one: Any, other: Any) -> Any:
        if node.operator == "or":
            return AtGranules(
                ex.disjunction(one.followed, other.followed),
                ex.disjunction(one.others, other.others),
            )
        some = open_question(f"at k: {text_of(node)}")
        if isinstance(other, Outside):
            gone = other.members
            left = ex.disjunction(ex.complement(gone.others), some)
            return AtGranules(
                ex.conjunction(one.followed, ex.complement(gone.followed)),
                ex.conjunction(one.others, left),
            )
        return AtGranules(
            ex.conjunction(one.followed, other.followed),
            ex.all_of([one.others, other.others, some]),
        )

    def _chosen(self, inside: Sequence[Any]) -> Any:
        condition, one, other = inside
        if isinstance(one, AtGranules):
            return AtGranules(
                ex.choice(condition, one.followed, other.followed),
                ex.choice(condition, one.others, other.others),
            )
        if isinstance(one, AtCursor):
            return AtCursor(
                ex.choice(condition, one.here, other.here),
                ex.choice(condition, one.passed, other.passed),
            )
        return ex.choice(condition, one, other)

    # -- questions -------------------------------------------------------

    def _answer(self, node: Expression, inside: Sequence[Any]) -> Any:
        operation, _ = asked(node)
        if operation in OF_PARAMETER:
            return self._of_parameter(node, operation, inside[0])
        if SORTS.get(node.width) is None:
            # the rest of the disk decides: as the count says
            return self.counting.of(node)
        mine = self.where in _IN_K
        match operation:
            case "granule_member":
                here = ex.constant(int(self.where is Where.FOLLOWED), 1)
                near = ex.constant(int(self.where is Where.NEIGHBOUR), 1)
                return AtGranules(here, near)
            case "chunk_member" | "chunk_code":
                return ex.constant(int(mine), 1)
            case "contents":
                return inside[0] if mine else NONE_SEEN
            case "with_contents":
                return inside[1] if mine else inside[0]
            case "chunks_with":
                return ex.disjunction(inside[0].followed, inside[0].others)
            case "position_start":
                first = open_question("k is the first chunk")
                return AtCursor(first, ex.FALSE)
            case "position_past":
                return self._past(node, inside[0])
            case "chunks_ahead":
                return ex.complement(inside[0].passed)
            case "head_chunk":
                return open_question(f"{text_of(node)} is k")
            case "head_contents":
                text = text_of(node)
                return AtGranules(
                    open_question(f"c is in {text}"),
                    open_question(f"at k: {text}"),
                )
        raise ModelError(f"'{text_of(node)}' is not seen at one chunk")

    def _past(self, node: Expression, cursor: AtCursor) -> AtCursor:
        """Return a cursor that stood at the parameter, and passed it."""
        if self.where in _IN_K:
            return AtCursor(ex.FALSE, ex.TRUE)
        reaches = open_question(f"{text_of(node)} reaches k")
        before = ex.complement(cursor.passed)
        return AtCursor(ex.conjunction(before, reaches), cursor.passed)

    def _of_parameter(
        self, node: Expression, operation: str, seen: Any
    ) -> Expression:
        """Return a question about the parameter, as c and k see it."""
        told = self.counting.of(node)
        if operation == "has_granule":
            match self.where:
                case Where.FOLLOWED:
                    found: Expression = seen.followed
                    return found
                case Where.NEIGHBOUR:
                    return ex.conjunction(told, seen.others)
            return told
        here = seen.here if operation == "position_at" else seen
        if self.where in _IN_K:
            return ex.conjunction(ex.TRUE, here)
        if operation == "has_chunk":
            return told  # another chunk may be there as well as k
        return ex.conjunction(told, ex.complement(here))


def _of_bits(operator: str, one: Any, other: Any) -> Expression:
    if operator == "or":
        return ex.disjunction(one, other)
    if isinstance(other, Outside):
        return ex.conjunction(one, ex.complement(other.members))
    return ex.conjunction(one, other)


def _seen(name: str, sort: Sort) -> Any:
    if sort in _OF_GRANULES:
        return AtGranules(local(f"{name} has c"), local(f"{name} beside c"))
    if sort is Sort.POSITION:
        return AtCursor(local(f"{name} at k"), local(f"{name} passed k"))
    if sort in (Sort.CHUNKS, Sort.NAME):
        return local(f"{name} has k")
    return None  # a channel or a tally: the count answers for it


def _implies(one: Expression, other: Expression) -> Expression:
    return ex.disjunction(ex.complement(one), other)
