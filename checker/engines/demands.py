# SPDX-License-Identifier: GPL-2.0-or-later
"""What has to come about for an ``always`` property to say anything.

A property whose premise is never met holds of everything.  The same can hide
in a conclusion: "not a, or b" is "if a, then b", and says nothing where a
never comes about.  So a conclusion is taken apart into clauses, and what a
clause negates has to be met in some state in which the premise is met.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from itertools import chain, product
from math import prod

from attrs import frozen

from model.language import expression as ex
from model.language.expression import Expression
from model.language.machine import Machine, Property
from model.language.over_step import possible

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


def demands(prop: Property, machine: Machine) -> tuple[Demand, ...]:
    """Return what the conclusion of an ``always`` property has to meet.

    Of a property over a step: what some step of ``machine`` has to meet.
    """
    if prop.kind != "always":
        return ()
    about = prop if prop.of_step is None else prop.of_step
    found: dict[Expression, str] = {}
    for conjunct in about.then:
        for clause in _clauses(conjunct.expression, False):
            for met in _to_be_met(clause):
                asked = ex.conjunction(about.premise, met)
                if about is not prop:
                    asked = possible(asked, machine)
                found.setdefault(asked, conjunct.text)
    return tuple(
        Demand(f"{prop.name} case {number}", text, asked)
        for number, (asked, text) in enumerate(found.items(), 1)
    )


def _clauses(root: Expression, negated: bool) -> list[Clause]:
    """Return clauses, in each of which one alternative has to be true."""
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
    """Return what has to be true once, lest the clause says nothing.

    Of "if a and b then c": a and b at once.  Of "never a and b together": a,
    and b, each by itself; but that a field is not one of its values may be the
    whole claim, so such a value need not come about beside something else.
    """
    negations = [one for one in clause if one.operator == "not"]
    if len(clause) == 1:
        smaller = _smaller(clause[0])
        return [] if smaller is None else [smaller]
    if len(negations) == len(clause):
        plain = [one for one in negations if not _is_value(one.operands[0])]
        return [one.operands[0] for one in plain or negations]
    if not negations:
        return []
    return [ex.all_of(one.operands[0] for one in negations)]


def _is_value(root: Expression) -> bool:
    """Return whether it asks if one field has one of some values."""
    if root.operator in ("or", "and", "not"):
        read = ex.fields_read([root])
        return len(read) == 1 and all(map(_is_value, root.operands))
    return root.operator == "eq" and {"field", "const"} == {
        one.operator for one in root.operands
    }


def _smaller(node: Expression) -> Expression | None:
    """Return, of "this set is within that one", that this has a member."""
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
