# SPDX-License-Identifier: GPL-2.0-or-later
"""What the terms of a schema mean in a domain.

An operator that is pointwise on sets means the same there; a question is put
to the domain, to the channel or to the tally that it is about, with the
action's own parameter filled in.  Nothing else has a meaning (``terms``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from attrs import define, field

from model.language import expression as ex
from model.language.channel import Channel
from model.language.domain import Chunk, Domain, Granule, Named
from model.language.errors import ModelError
from model.language.expression import Expression
from model.language.over_step import after, before, is_after
from model.language.schematic import SORTS, Sort, asked
from model.language.tally import Tally
from model.language.tokens import is_parameter, whole

Parameters = Mapping[str, Chunk | Granule]
Note = Callable[[Expression, Parameters, tuple[Any, ...], Any], None]
NONE: Final[Parameters] = {}


class Numbers(Protocol):
    """What the options say: the only place where numbers come from."""

    def limit(self, name: str) -> int | None:
        """A limit; None: there is none."""
        ...

    def budget(self, name: str) -> int | str:
        """How often something may happen; a word: as often as it likes."""
        ...


@define
class Meaning:
    """The meaning of terms; ``things``: each field, channel and tally.

    ``note`` is told each answer of the domain.
    """

    domain: Domain
    numbers: Numbers
    things: Mapping[str, Any]
    note: Note | None = None
    _closed: dict[Expression, Any] = field(factory=dict, init=False)
    _open: dict[Expression, bool] = field(factory=dict, init=False)

    def of(
        self, roots: Sequence[Expression], parameters: Parameters = NONE
    ) -> list[Any]:
        """What each of ``roots`` means."""
        here: dict[Expression, Any] = {}
        for node in ex.walk(roots):
            if node in self._closed:
                continue
            inside = tuple(
                here[o] if o in here else self._closed[o]
                for o in node.operands
            )
            meaning = self._meaning(node, inside, parameters)
            if self._is_open(node):
                here[node] = meaning
            else:
                self._closed[node] = meaning
        return [here[r] if r in here else self._closed[r] for r in roots]

    def _is_open(self, node: Expression) -> bool:
        """Whether it depends on a parameter, so on which instance it is."""
        if node not in self._open:
            named = node.operator == "ask" and is_parameter(asked(node)[1])
            self._open[node] = named or any(
                self._open[o] for o in node.operands
            )
        return self._open[node]

    def _meaning(
        self, node: Expression, inside: tuple[Any, ...], parameters: Parameters
    ) -> Any:
        match node.operator:
            case "ask":
                return self._answer(node, inside, parameters)
            case "field" if node.width in SORTS:
                thing = self.things[before(node.name)]
                if is_after(node.name):
                    return after(thing).expression
                whole = node.width in (Sort.CHANNEL, Sort.TALLY)
                return thing if whole else thing.expression
            case "const" if node.width in SORTS:
                width = self._width(SORTS[node.width])
                return ex.constant(ex.ones(width) if node.value else 0, width)
        return ex.rebuilt(node, inside) if node.operands else node

    def _width(self, sort: Sort) -> int:
        return {
            Sort.GRANULES: self.domain.set_width,
            Sort.CHUNKS: self.domain.chunk_set_width,
            Sort.CONTENTS: self.domain.contents_width,
            Sort.NAME: self.domain.chunk_width,
        }[sort]

    def _answer(
        self, node: Expression, inside: tuple[Any, ...], parameters: Parameters
    ) -> Any:
        operation, of = asked(node)
        if inside and isinstance(inside[0], Channel):
            if operation == "holds_chunk":
                chunk: Any = chosen(of, parameters)
                return inside[0].holds_chunk(chunk).expression
            return _of_channel(inside[0], operation, of)
        if inside and isinstance(inside[0], Tally):
            return getattr(inside[0], operation)().expression
        answer = self._of_domain(operation, of, inside, parameters)
        if self.note is not None:
            self.note(node, parameters, inside, answer)
        return answer

    def _of_domain(
        self,
        operation: str,
        of: str,
        inside: tuple[Any, ...],
        parameters: Parameters,
    ) -> Any:
        ask = getattr(self.domain, operation)
        if operation == "at_most":
            if of.isdecimal():
                return ask(*inside, int(of))
            limit = self.numbers.limit(of)
            few = None if limit is None else ask(*inside, Named(limit, of))
            return ex.TRUE if few is None else few
        if not of:
            return ask(*inside)
        members, *rest = (*inside, chosen(of, parameters))
        if operation == "with_contents":
            rest.reverse()
        return ask(members, *rest)


def _of_channel(channel: Channel, operation: str, of: str) -> Any:
    match operation:
        case "no_message":
            return channel.is_empty().expression
        case "has_room":
            return channel.has_room().expression
        case "head_is" | "holds":
            kind = channel.kinds.members[of]
            return getattr(channel, operation)(kind).expression
        case "head_chunk" | "head_contents" | "head_member" | "head_flag":
            return getattr(channel, operation)(of).expression
    raise ModelError(f"channel {channel.name} is asked '{operation}'")


def chosen(key: str, parameters: Parameters) -> Chunk | Granule:
    """The chunk or granule that a token stands for in one instance."""
    if whole(key) not in parameters:
        raise ModelError(f"'{key}' is not the action's parameter")
    found = parameters[whole(key)]
    if whole(key) == key:
        return found
    assert isinstance(found, Granule)
    return found.chunk
