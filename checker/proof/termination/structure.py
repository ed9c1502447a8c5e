# SPDX-License-Identifier: GPL-2.0-or-later
"""What the count relies on and a look at the finite term decides.

* A cursor is moved past a chunk only where it stands at that chunk.
* A message that may name a chunk is put with the action's own chunk.
* A message is put only where there is room, and taken where there is one.
* No number of the options keeps a fair action from happening, but the limits
  that the count remembers: a fair action spends nothing and asks no tally.
* Each question of the text is one that the count and its lemmas know.
* No two terms read alike: an unknown is named after the term that asks it.
"""

from __future__ import annotations

from collections.abc import Iterator

from checker.proof.obligation import Outcome, Shown
from model.language import expression as ex
from model.language.counted import text_of
from model.language.counted_view import CountedView
from model.language.expression import Expression
from model.language.machine import Action, Instance, Machine
from model.language.schematic import asked
from model.language.terms import check_terms, roots
from model.language.types import NameType

#: questions and operations that lemmas of the count are about
KNOWN = frozenset(
    {
        *("granule_member", "chunk_member", "has_granule", "has_chunk"),
        *("is_empty", "at_most", "contents", "with_contents", "chunks_with"),
        *("position_at", "position_start", "position_past"),
        *("position_at_end", "chunks_ahead", "chunk_code", "names_chunk"),
        *("has_room", "no_message", "head_is", "holds", "head_chunk"),
        *("head_contents", "put", "take", "lose_all"),
        *("any_left", "is_full", "one_more", "one_less", "emptied"),
    }
)


def structure(schema: Machine, view: CountedView) -> Shown:
    """Show that ``schema`` is one that the count reads as it is meant.

    ``view``: its count.
    """
    check_terms(schema)
    looked_at = 0
    texts: dict[str, Expression] = {}
    for _, _, root in roots(schema):
        for node in ex.walk([root]):
            if texts.setdefault(text_of(node), node) is not node:
                reason = f"two terms read '{text_of(node)}'"
                return Shown(Outcome.REFUTED, len(texts), reason)
    for action in view.schema.actions:
        for one in action.instances:
            looked_at += 1
            for reason in _wrong(view.schema, action, one):
                return Shown(
                    Outcome.REFUTED, looked_at, f"{action.name}: {reason}"
                )
    return Shown(Outcome.PROVED, looked_at)


def _wrong(schema: Machine, action: Action, one: Instance) -> Iterator[str]:
    given = set(_conjuncts(one))
    roots = [*given, *(value for _, value in one.effect)]
    for node in ex.walk(roots):
        operation, of = asked(node)
        if node.operator != "ask":
            continue
        if operation not in KNOWN:
            yield f"no lemma is about '{operation}'"
        if operation == "position_past":
            here = ex.asked(f"position_at|{of}", 1, node.operands)
            if here not in given:
                yield "a cursor passes a chunk that it may not stand at"
    for name, value in one.effect:
        yield from _wrong_move(schema, name, value, given)
    if action.fair:
        yield from _narrowed(action, one)


def _conjuncts(one: Instance) -> Iterator[Expression]:
    """Yield what a guard asks, taken apart at each 'and'."""
    waiting = [c.expression for c in one.guard]
    while waiting:
        node = waiting.pop()
        if node.operator == "and" and node.width == 1:
            waiting.extend(node.operands)
        yield node


def _wrong_move(
    schema: Machine, name: str, value: Expression, given: set[Expression]
) -> Iterator[str]:
    channels = {c.name: c for c in schema.channels}
    if name not in channels:
        return
    operation, of = asked(value)
    channel = channels[name]
    now = value.operands[0]
    if operation == "put":
        if ex.asked("has_room", 1, (now,)) not in given:
            yield "a message is put where there may be no room"
        parts = channel.payloads[channel.kinds.members[of]]
        for part, operand in zip(parts, value.operands[1:], strict=True):
            of_chunk = isinstance(channel.parts[part], NameType)
            if of_chunk and asked(operand)[0] != "chunk_code":
                yield f"{of} may name no chunk"
    if operation == "take" and not any(_is_front(n, now) for n in given):
        yield "a message is taken where there may be none"


def _is_front(node: Expression, channel: Expression) -> bool:
    """Return whether a condition says that some message is the next."""
    if node.operator == "or":
        return all(_is_front(one, channel) for one in node.operands)
    return (
        node.operator == "ask"
        and asked(node)[0] == "head_is"
        and node.operands == (channel,)
    )


def _narrowed(action: Action, one: Instance) -> Iterator[str]:
    if action.spends:
        yield f"it is fair and spends {action.spends}"
    for node in ex.walk([c.expression for c in one.guard]):
        if node.operator == "ask" and asked(node)[0] in (
            "any_left",
            "is_full",
        ):
            yield f"it is fair and asks {node.operands[0].name}"
