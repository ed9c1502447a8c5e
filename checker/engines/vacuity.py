# SPDX-License-Identifier: GPL-2.0-or-later
"""What has to come about for a property to say anything.

A property whose premise is never met holds of everything.  The same can hide
in a conclusion: "not a, or b" is "if a, then b", and says nothing where a
never comes about.  So a conclusion is taken apart into clauses, and what a
clause negates has to be met in some state in which the premise is met.  And a
conclusion that reads only what never changes cannot fail at all, nor can one
that no state violates (``tautology``).
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterator
from functools import reduce
from itertools import chain, product
from math import prod

from attrs import frozen

from checker.engines.evaluate import evaluate
from checker.engines.tautology import could_fail
from model.language import expression as ex
from model.language.expression import Expression
from model.language.machine import Machine, Property

Clause = tuple[Expression, ...]
#: a conclusion that would fall into more is taken as one
MAX_CLAUSES = 64


@frozen(eq=False)
class Demand:
    """``expression`` has to be true once, else ``text`` says nothing.

    ``name``: of the watch that looks for it.
    """

    name: str
    text: str
    expression: Expression


def demands(prop: Property) -> tuple[Demand, ...]:
    """What the conclusion of an ``always`` property has to meet."""
    if prop.kind != "always":
        return ()
    found: dict[Expression, str] = {}
    for conjunct in prop.then:
        for clause in _clauses(conjunct.expression, False):
            for met in _to_be_met(clause):
                asked = ex.conjunction(prop.premise, met)
                found.setdefault(asked, conjunct.text)
    return tuple(
        Demand(f"{prop.name} case {number}", text, asked)
        for number, (asked, text) in enumerate(found.items(), 1)
    )


def _clauses(root: Expression, negated: bool) -> list[Clause]:
    """Choices, of each of which one alternative at least has to be true."""
    if _is_value(root):
        return [(ex.complement(root) if negated else root,)]
    if root.width == 1 and root.operator == "not":
        return _clauses(root.operands[0], not negated)
    if root.width == 1 and root.operator in ("and", "or"):
        inside = [_clauses(o, negated) for o in root.operands]
        if (root.operator == "or") == negated:
            return [clause for clauses in inside for clause in clauses]
        if prod(map(len, inside)) <= MAX_CLAUSES:
            return [tuple(chain(*some)) for some in product(*inside)]
    return [(ex.complement(root) if negated else root,)]


def _to_be_met(clause: Clause) -> list[Expression]:
    """What has to be true once, lest the clause says nothing.

    All that it negates, at once.  That a field is not one of its values is
    negated only if nothing else is said.
    """
    negations = [one for one in clause if one.operator == "not"]
    if len(clause) == 1:
        smaller = _smaller(clause[0])
        return [] if smaller is None else [smaller]
    if len(negations) == len(clause):
        plain = [one for one in negations if not _is_value(one.operands[0])]
        if not plain:
            return [one.operands[0] for one in negations]
        negations = plain
    if not negations:
        return []
    return [ex.all_of(one.operands[0] for one in negations)]


def _is_value(root: Expression) -> bool:
    """Whether it asks if one field has one of some values."""
    if root.operator in ("or", "and", "not"):
        read = ex.fields_read([root])
        return len(read) == 1 and all(map(_is_value, root.operands))
    return root.operator == "eq" and {"field", "const"} == {
        one.operator for one in root.operands
    }


def _smaller(node: Expression) -> Expression | None:
    """Of "this set is within that one": that this one has a member."""
    if node.operator != "eq":
        return None
    for one, other in (node.operands, node.operands[::-1]):
        if other.operator == "const" and other.value == 0:
            parts = list(_conjoined(one))
            kept = [p for p in parts if p.operator != "not"]
            if kept and len(kept) < len(parts):
                return ex.complement(
                    ex.equal(reduce(ex.conjunction, kept), other)
                )
    return None


def _conjoined(node: Expression) -> Iterator[Expression]:
    if node.operator != "and":
        yield node
        return
    for operand in node.operands:
        yield from _conjoined(operand)


def still(machine: Machine, silent: Container[str] = ()) -> frozenset[str]:
    """The fields that no step can change.

    No action writes them, or only one of those called ``silent``, which are
    known not to happen, or with what they hold from the first state on.
    """
    writes = [
        written
        for action in machine.actions
        if action.name not in silent
        for instance in action.instances
        for written in instance.effect
    ]
    kept = {f.name for f in machine.fields}
    left = len(kept) + 1
    # what is written from a field that changes may change as well
    while len(kept) < left:
        left = len(kept)
        for name, value in writes:
            if name in kept and not _keeps(machine, name, value, kept):
                kept.discard(name)
    return frozenset(kept)


def _keeps(
    machine: Machine, name: str, value: Expression, kept: Collection[str]
) -> bool:
    """Whether ``value`` is what ``name`` holds, wherever a run begins."""
    if not ex.fields_read([value]) <= set(kept):
        return False
    place = machine.position[name]
    return all(
        evaluate(value, state, machine.position, {}) == state[place]
        for state in machine.initials
    )


def without_object(
    machine: Machine, prop: Property, unmoved: frozenset[str]
) -> str:
    """Why the property could not fail whatever the states are, or ''.

    ``unmoved``: the fields that are ``still``.
    """
    if prop.kind != "reachable":
        written = {name for one in machine.instances for name, _ in one.effect}
        for conjunct in prop.then:
            read = ex.fields_read([conjunct.expression])
            if read and not read & written:
                return f"'{conjunct.text}' reads only what no action writes"
    if prop.kind == "always":
        read = ex.fields_read(c.expression for c in prop.then)
        if read and read <= unmoved:
            return f"'{prop.then[0].text}' reads only what never changes"
    if prop.trivial or could_fail(machine, prop):
        return ""
    return "no state could violate it: it says nothing"
