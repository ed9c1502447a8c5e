# SPDX-License-Identifier: GPL-2.0-or-later
"""Does folding change what an expression means?

Every constructor is applied to every combination of operands from a pool of
fields, constants and nested expressions.  z3 proves that the node it built is
equal to the operator's meaning applied to the operands as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import product
from typing import Any

import pytest
import z3

from checker.engines.evaluate import evaluate
from model.language import expression as ex
from model.language.expression import Expression, constant, field_value, ones
from tests.oracle.z3_reader import Reader, Term, meaning

WIDTHS = (1, 2, 3, 4)
#: an application: what was built, and what it should mean
Case = tuple[Expression, Term, str]


def fields(width: int) -> list[Expression]:
    return [field_value(f"{name}{width}", width) for name in "ab"]


def pool(width: int) -> list[Expression]:
    """Operands of one width: fields, constants, and what is nested."""
    a, b = fields(width)
    (c,) = (field_value("c1", 1),)
    wide = field_value("wide", width + 2)
    last = ones(width)
    values = sorted({0, 1, last // 2, last - 1, last} & set(range(last + 1)))
    numbers = [constant(value, width) for value in values]
    nested = [
        ex.complement(a),
        ex.complement(ex.complement(b)),
        ex.conjunction(a, b),
        ex.conjunction(ex.complement(a), b),
        ex.disjunction(a, ex.complement(b)),
        ex.complement(ex.disjunction(a, b)),
        ex.conjunction(a, constant(last // 2, width)),
        ex.choice(c, a, b),
        ex.choice(ex.complement(c), a, numbers[-1]),
        ex.bits_of(wide, 1, width),
        ex.add(a, b),
        ex.subtract(a, numbers[0]),
    ]
    if width == 1:
        x, y = fields(2)
        nested += [ex.equal(x, y), ex.less(x, y), ex.less(y, constant(2, 2))]
    else:
        nested.append(ex.placed(c, width - 1, width))
    return list(dict.fromkeys([a, b, *numbers, *nested]))


Binary = Callable[[Expression, Expression], Expression]
BINARY: dict[str, Binary] = {
    "and": ex.conjunction,
    "or": ex.disjunction,
    "eq": ex.equal,
    "lt": ex.less,
    "add": ex.add,
    "sub": ex.subtract,
}


def cases(operator: str, width: int, read: Reader) -> Iterator[Case]:
    """Every application of ``operator`` to operands of ``width`` bits."""
    if operator in BINARY:
        for a, b in product(pool(width), repeat=2):
            built = BINARY[operator](a, b)
            yield case(operator, built, [a, b], read)
    elif operator == "ite":
        for c, a, b in product(pool(1), pool(width), pool(width)):
            yield case(operator, ex.choice(c, a, b), [c, a, b], read)
    else:
        for a in pool(width):
            for built, start in UNARY[operator](a):
                yield case(operator, built, [a], read, start)


def slices(a: Expression) -> Iterator[tuple[Expression, int]]:
    """Every slice of ``a``, with where it starts."""
    for start in range(a.width):
        for size in range(1, a.width - start + 1):
            yield ex.bits_of(a, start, size), start


def places(a: Expression) -> Iterator[tuple[Expression, int]]:
    """``a`` at several places of several widths."""
    for start, more in product(range(3), range(3)):
        yield ex.placed(a, start, a.width + start + more), start


Unary = Callable[[Expression], Iterable[tuple[Expression, int]]]
UNARY: dict[str, Unary] = {
    "not": lambda a: [(ex.complement(a), 0)],
    "count": lambda a: [(ex.count(a), 0)],
    "slice": slices,
    "place": places,
}
OPERATORS = (*BINARY, "ite", *UNARY)


def case(
    operator: str,
    built: Expression,
    operands: list[Expression],
    read: Reader,
    value: int = 0,
) -> Case:
    terms = [read.term(operand) for operand in operands]
    direct = meaning(operator, built.width, terms, value)
    return built, direct, f"{operator}@{value} {operands} became {built}"


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("operator", OPERATORS)
def test_what_is_built_means_what_was_written(
    operator: str, width: int
) -> None:
    read = Reader()
    every = list(cases(operator, width, read))
    differ = [read.term(built) != direct for built, direct, _ in every]
    solver = z3.SolverFor("QF_BV")
    solver.add(z3.Or(differ))
    if solver.check() == z3.unsat:
        return
    model = solver.model()
    wrong = [
        text
        for (_, _, text), unlike in zip(every, differ, strict=True)
        if z3.is_true(model.eval(unlike, model_completion=True))
    ]
    pytest.fail(f"{wrong[0]}, which differs where {model}")


@pytest.mark.parametrize("width", WIDTHS)
def test_what_is_constant_becomes_a_constant(width: int) -> None:
    values = range(1 << width)
    for a, b in product(values, repeat=2):
        x, y = constant(a, width), constant(b, width)
        for build in BINARY.values():
            assert build(x, y).operator == "const"
        for c in (ex.TRUE, ex.FALSE):
            assert ex.choice(c, x, y).operator == "const"
        for built in (
            ex.complement(x),
            ex.count(x),
            ex.bits_of(x, 0, 1),
            ex.placed(x, 1, width + 2),
        ):
            assert built.operator == "const"


@pytest.mark.parametrize("width", WIDTHS)
def test_what_is_written_alike_is_one_node(width: int) -> None:
    assert all(
        one is other
        for one, other in zip(pool(width), pool(width), strict=True)
    )
    a, b = fields(width)
    for commutes in (ex.conjunction, ex.disjunction, ex.equal, ex.add):
        assert commutes(a, b) is commutes(b, a)


@pytest.mark.parametrize("width", [1, 2, 3])
def test_the_evaluator_agrees_with_z3(width: int) -> None:
    read = Reader()
    a, b = fields(width)
    names = {a.name: 0, b.name: 1, "c1": 2, "wide": 3}
    made = [build(a, b) for build in BINARY.values()]
    made += [*pool(width), ex.count(a), ex.placed(a, 1, width + 2)]
    made = [m for m in made if ex.fields_read([m]) <= set(names)]
    terms: list[Any] = [read.term(m) for m in made]
    every = product(range(1 << width), range(1 << width), (0, 1), (0, 5))
    for state in every:
        values = [
            (read.term(a), z3.BitVecVal(state[0], width)),
            (read.term(b), z3.BitVecVal(state[1], width)),
            (z3.BitVec("c1", 1), z3.BitVecVal(state[2], 1)),
            (z3.BitVec("wide", width + 2), z3.BitVecVal(state[3], width + 2)),
        ]
        for node, term in zip(made, terms, strict=True):
            told = z3.simplify(z3.substitute(term, *values)).as_long()
            assert told == evaluate(node, state, names, {}), (node, state)
