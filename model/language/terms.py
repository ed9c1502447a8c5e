# SPDX-License-Identifier: GPL-2.0-or-later
"""What a schema may be made of, so that it means the same on every disk.

A term is a question that the language knows (``OPERATIONS``), an operator
that is pointwise on sets, or something of which no disk decides the size.  A
sum, a slice, a count or a comparison of a set or of a cursor is none of these
and is refused, and so is a chunk or granule that is not the action's own
parameter.  A limit on a number may only keep an action from happening: a
tally is asked in a guard, never the other way round, and moves in its own
update.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from attrs import frozen

from model.language import expression as ex
from model.language.budgets import counted
from model.language.channel import Channel
from model.language.errors import ModelError
from model.language.expression import Expression
from model.language.machine import Instance, Machine
from model.language.over_step import before
from model.language.schematic import SETS, SORTS, Sort, asked
from model.language.schematic_channel import ChannelType
from model.language.tally import TallyType
from model.language.tokens import (
    CHUNKS,
    GRANULES,
    Limit,
    key_of,
    named_in,
    whole,
)

FLAG: Final = 1
#: any width that is a number of bits, the same on every disk
FINITE: Final = 0
POINTWISE: Final = frozenset({"and", "or", "not", "ite"})
_SET = (Sort.GRANULES, Sort.CHUNKS, Sort.CONTENTS)
_COUNTED = (Sort.GRANULES, Sort.CHUNKS)


@frozen
class Operation:
    """A question: its operands' sorts, the answer's, what it is about.

    ``about``: 'chunk', 'granule', 'limit', 'kind', 'part' or nothing.
    """

    operands: tuple[Sequence[int], ...]
    answer: int
    about: str = ""


OPERATIONS: Final[Mapping[str, Operation]] = {
    "granule_member": Operation((), Sort.GRANULES, GRANULES),
    "chunk_member": Operation((), Sort.CHUNKS, CHUNKS),
    "has_granule": Operation(((Sort.GRANULES,),), FLAG, GRANULES),
    "has_chunk": Operation(((Sort.CHUNKS,),), FLAG, CHUNKS),
    "is_empty": Operation((_SET,), FLAG),
    "at_most": Operation((_COUNTED,), FLAG, "limit"),
    "contents": Operation(((Sort.GRANULES,),), Sort.CONTENTS, CHUNKS),
    "with_contents": Operation(
        ((Sort.GRANULES,), (Sort.CONTENTS,)), Sort.GRANULES, CHUNKS
    ),
    "chunks_with": Operation(((Sort.GRANULES,),), Sort.CHUNKS),
    "position_at": Operation(((Sort.POSITION,),), FLAG, CHUNKS),
    "position_start": Operation((), Sort.POSITION),
    "position_past": Operation(((Sort.POSITION,),), Sort.POSITION, CHUNKS),
    "position_at_end": Operation(((Sort.POSITION,),), FLAG),
    "chunks_ahead": Operation(((Sort.POSITION,),), Sort.CHUNKS),
    "chunk_code": Operation((), Sort.NAME, CHUNKS),
    "names_chunk": Operation(((Sort.NAME,),), FLAG, CHUNKS),
    "has_room": Operation(((Sort.CHANNEL,),), FLAG),
    "no_message": Operation(((Sort.CHANNEL,),), FLAG),
    "head_is": Operation(((Sort.CHANNEL,),), FLAG, "kind"),
    "holds": Operation(((Sort.CHANNEL,),), FLAG, "kind"),
    "holds_chunk": Operation(((Sort.CHANNEL,),), FLAG, CHUNKS),
    "head_chunk": Operation(((Sort.CHANNEL,),), Sort.NAME, "part"),
    "head_contents": Operation(((Sort.CHANNEL,),), Sort.CONTENTS, "part"),
    "head_member": Operation(((Sort.CHANNEL,),), FINITE, "part"),
    "head_flag": Operation(((Sort.CHANNEL,),), FLAG, "part"),
    "any_left": Operation(((Sort.TALLY,),), FLAG),
    "is_full": Operation(((Sort.TALLY,),), FLAG),
}
#: what may become of a channel, and of a tally, in its own update alone
MOVES: Final = frozenset({"take", "lose_all"})
STEPS: Final = frozenset({"one_more", "one_less", "emptied"})


def parameter_of(one: Instance) -> str:
    """The token of an action's parameter, or ''."""
    keys = [named_in(label) for _, label in one.arguments]
    return next((key for key in keys if key), "")


def limits_of(schema: Machine) -> frozenset[str]:
    """The limits that the options must give: channels', tallies', others'."""
    budgets = set(map(counted, schema.budgets))
    found = {
        key_of(f.type.limit)
        for f in schema.fields
        if isinstance(f.type, TallyType) and f.name not in budgets
    }
    for channel in schema.channels:
        capacity: object = channel.capacity
        if isinstance(capacity, Limit):
            found.add(key_of(capacity))
    for node in ex.walk(node for _, _, node in roots(schema)):
        operation, of = asked(node)
        if node.operator == "ask" and operation == "at_most":
            found.update(() if of.isdecimal() else (of,))
    return frozenset(found)


def roots(schema: Machine) -> Iterator[tuple[str, str, Expression]]:
    """Each formula: where it stands, the parameter there, and the formula."""
    for one in schema.instances:
        place, own = f"action {one.action}", parameter_of(one)
        for conjunct in one.guard:
            yield place, own, conjunct.expression
        for _, value in one.effect:
            yield place, own, value
    for prop in schema.properties:
        for conjunct in (*prop.when, *prop.then):
            yield f"property {prop.name}", "", conjunct.expression
    for cost in schema.costs:
        yield f"cost {cost.name}", "", cost.when
    for name, noted in schema.notes.items():
        yield f"note {name}", "", noted
    yield "may_end", "", schema.may_end


def check_terms(schema: Machine) -> None:
    """Raise ModelError if a term does not mean the same on every disk."""
    channels = {c.name: c for c in schema.channels}
    widths = {f.name: f.type.width for f in schema.fields}
    for one in schema.instances:
        for name, value in one.effect:
            reason = _why_no_update(schema, name, value, channels)
            if reason:
                raise ModelError(f"action {one.action}: {reason}")
    for place, own, root in roots(schema):
        body = root.operands if _moves(root) else (root,)
        for node in ex.walk(body):
            reason = why_meaningless(node, own, channels)
            known = widths.get(before(node.name))
            if node.operator == "field" and known != node.width:
                reason = f"field {node.name} is used as something else"
            if reason:
                raise ModelError(f"{place}: {reason}")
    _check_tallies(schema)


def _moves(root: Expression) -> bool:
    return root.operator == "ask" and root.width in (Sort.CHANNEL, Sort.TALLY)


def why_meaningless(
    node: Expression, own: str, channels: Mapping[str, Channel]
) -> str:
    """Why a term does not mean the same on every disk, or ''.

    ``own``: the parameter of the action that it stands in.
    """
    if node.operator == "ask":
        return _why_no_question(node, own, channels)
    widths = (node.width, *(o.width for o in node.operands))
    sorts = [SORTS[w] for w in widths if w in SORTS]
    if not sorts or node.operator == "field":
        return ""
    if node.operator == "const":
        empty = node.value == 0 and sorts[0] in {*SETS, Sort.NAME}
        full = sorts[0] in SETS and node.value == ex.ones(node.width)
        if empty or full:
            return ""
    elif node.operator in POINTWISE and SORTS.get(node.width) in SETS:
        return ""
    named = sorts[0].name.lower()
    return (
        f"'{node.operator}' of the disk's {named} does not mean the same on "
        "every disk"
    )


def _why_no_question(
    node: Expression, own: str, channels: Mapping[str, Channel]
) -> str:
    name, of = asked(node)
    operation = OPERATIONS.get(name)
    widths = [o.width for o in node.operands]
    if (
        operation is None
        or len(widths) != len(operation.operands)
        or any(
            w not in sorts
            for w, sorts in zip(widths, operation.operands, strict=True)
        )
        or not _answers(node, operation)
    ):
        return f"'{node.name}' is no question of the language"
    if operation.about in (CHUNKS, GRANULES):
        sort = CHUNKS if of != whole(of) else of.partition(" ")[0]
        if whole(of) != own or sort != operation.about or not own:
            return f"'{of}' is not the action's own parameter"
    elif operation.about == "limit":
        return "" if of else "a number is compared with no limit"
    elif operation.about:
        return _why_no_message(node, operation.about, of, channels)
    return ""


def _answers(node: Expression, operation: Operation) -> bool:
    if operation.answer == FINITE:
        return node.width not in SORTS
    return node.width == operation.answer


def _why_no_message(
    node: Expression, about: str, of: str, channels: Mapping[str, Channel]
) -> str:
    channel = channels.get(node.operands[0].name)
    if channel is None:
        return f"'{node.name}' is asked of no channel"
    known = channel.parts if about == "part" else _kinds(channel)
    return "" if of in known else f"channel {channel.name} knows no {of}"


def _kinds(channel: Channel) -> Mapping[str, object]:
    return channel.kinds.members.__members__


# -- what moves -----------------------------------------------------------


def _why_no_update(
    schema: Machine,
    name: str,
    value: Expression,
    channels: Mapping[str, Channel],
) -> str:
    """Why a channel or a tally does not move like this, or ''."""
    if name not in schema.position:
        return f"there is no field {name}"
    kind = schema.fields[schema.position[name]].type
    if kind.width != value.width:
        return f"{name} becomes something of another sort"
    if not isinstance(kind, ChannelType | TallyType):
        return ""
    operation, of = asked(value)
    now = value.operands[0] if value.operands else value
    alone = len(value.operands) == 1 and not of
    if value.operator != "ask" or now.operator != "field" or now.name != name:
        return f"{name} is set to something else than what becomes of it"
    if isinstance(kind, TallyType):
        fits = operation in STEPS and alone
        return "" if fits else f"tally {name} does not move like this"
    if operation in MOVES and alone:
        return ""
    channel = channels[name]
    if operation == "put" and of in _kinds(channel):
        parts = channel.payloads[channel.kinds.members[of]]
        widths = [channel.parts[part].width for part in parts]
        if widths == [o.width for o in value.operands[1:]]:
            return ""
    return f"channel {name} does not move like this"


def _is_tally(node: Expression) -> bool:
    return node.operator == "ask" and asked(node)[0] in ("any_left", "is_full")


def _is_weak(root: Expression) -> bool:
    """Whether each question about a tally is met along and, or alone."""
    if _is_tally(root) or not any(map(_is_tally, ex.walk([root]))):
        return True
    joins = root.operator in ("and", "or") and root.width == FLAG
    return joins and all(map(_is_weak, root.operands))


def _check_tallies(schema: Machine) -> None:
    """That tallies are asked in guards only, and can only forbid."""
    for one in schema.instances:
        place = f"action {one.action}"
        for conjunct in one.guard:
            if not _is_weak(conjunct.expression):
                _refuse_tally(place, conjunct.expression)
        for _, value in one.effect:
            _refuse_tally(place, value)
    for place, _, root in roots(schema):
        if not place.startswith("action "):
            _refuse_tally(place, root)


def _refuse_tally(place: str, root: Expression) -> None:
    for node in ex.walk([root]):
        if _is_tally(node):
            raise ModelError(
                f"{place}: '{node.operands[0].name}' decides more than "
                "whether an action may happen; a limit can only keep it from "
                "happening"
            )
