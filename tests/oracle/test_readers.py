# SPDX-License-Identifier: GPL-2.0-or-later
"""Does every reader of expressions know every operator?

The table in ``checker/engines/README.md``, asked: each operator, at widths
below, at and above a word, is read by each reader in a few states, and all
say what ``evaluate`` says.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random
from typing import get_args

import numpy as np
import pytest
import z3

from checker.engines.evaluate import evaluate
from checker.engines.native.assembly import Module
from checker.engines.native.columns import column
from checker.engines.native.compile import native_code, nothing_kept
from checker.engines.native.emit import Emitter
from checker.engines.native.expansion import BLOCK
from checker.engines.native.layout import WORD, layout_of
from checker.engines.native.routine import Routine
from checker.engines.native.value import I64, vector_of
from checker.engines.smt.formula import Formulas
from checker.proof.certificate import smtlib
from model.language import expression as ex
from model.language.expression import Expression, Operator, field_value, ones
from model.language.machine import Field, Machine, State
from tests.command import ROOT
from tests.oracle import z3_reader
from tests.oracle.bits import Bits
from tests.stateful import python_steps

WIDTHS = (1, 3, 8, WORD, WORD + 6)
#: of expressions that stand for a disk nobody has chosen; see ``Meaning``
IN_A_SCHEMA_ONLY = {"ask"}
OPERATORS = [o for o in get_args(Operator) if o not in IN_A_SCHEMA_ONLY]


def machine(width: int) -> Machine:
    """Two fields of ``width`` bits and a truth value."""
    fields = [("a", width), ("b", width), ("c", 1)]
    return Machine(
        name="a test's model",
        fields=tuple(Field(n, Bits(w), 0) for n, w in fields),
        variables=(),
        initials=((0, 0, 0),),
        actions=(),
        properties=(),
    )


def applications(operator: str, width: int) -> list[Expression]:
    """``operator`` on operands of ``width`` bits, unless it is folded."""
    a, b = (field_value(name, width) for name in "ab")
    start = width // 2
    found = {
        "const": [ex.constant(value, width) for value in (0, ones(width))],
        "field": [a],
        "not": [ex.complement(a)],
        "and": [ex.conjunction(a, b)],
        "or": [ex.disjunction(a, b)],
        "eq": [ex.equal(a, b)],
        "lt": [ex.less(a, b), ex.less(b, a)],
        "add": [ex.add(a, b)],
        "sub": [ex.subtract(a, b), ex.subtract(b, a)],
        "ite": [ex.choice(field_value("c", 1), a, b)],
        "slice": [
            ex.bits_of(a, start, 1),
            ex.bits_of(a, start, width - start),
        ],
        "place": [ex.placed(a, 0, width + 1), ex.placed(a, 2, width + 3)],
        "count": [ex.count(a)],
    }
    return [node for node in found[operator] if node.operator == operator]


def states(width: int) -> list[State]:
    random, last = Random(width), ones(width)
    some = [random.getrandbits(width) for _ in range(4)]
    pairs = [(0, 0), (0, last), (last, 0), (last, last), (some[0], some[0])]
    pairs += [(some[1], some[2]), (some[3], last)]
    return [(a, b, c) for a, b in pairs for c in (0, 1)]


# -- the readers -------------------------------------------------------------

#: values of an expression in each of some states of ``machine(width)``
Read = Callable[[Expression, int, list[State]], list[int]]


def by_evaluate(node: Expression, width: int, asked: list[State]) -> list[int]:
    position = machine(width).position
    return [evaluate(node, state, position, {}) for state in asked]


def by_emit(node: Expression, width: int, asked: list[State]) -> list[int]:
    """As effects are compiled: in one state."""
    layout, module = layout_of(machine(width)), Module()
    routine = Routine(module, "read", "pp")
    row, out = routine.arguments
    emitter = Emitter(routine, layout, [row[i] for i in range(layout.words)])
    value = emitter.value(node)
    pieces = range(0, node.width, WORD)
    for place, start in enumerate(pieces):
        out[place] = (value >> start if start else value).fit(WORD)
    routine.result(0)
    with nothing_kept():
        code = native_code(module, {"read": "pp"})
    found, words = [], np.zeros(len(pieces), dtype=np.uint64)
    for state in asked:
        given = layout.pack([state])
        code.call("read", given.ctypes.data, words.ctypes.data)
        found.append(sum(n << WORD * i for i, n in enumerate(words.tolist())))
    return found


def by_emit_side_by_side(
    node: Expression, width: int, asked: list[State]
) -> list[int]:
    """As guards are compiled: in 64 states at once, words at most."""
    if any(inner.width > WORD for inner in ex.walk([node])):
        return by_emit(node, width, asked)
    layout, module = layout_of(machine(width)), Module()
    routine = Routine(module, "read", "pp")
    columns, out = routine.arguments
    words = [
        columns.row_at(routine.word(i), BLOCK).read(vector_of(BLOCK, I64))
        for i in range(layout.words)
    ]
    emitter = Emitter(routine, layout, words, BLOCK)
    out.write(emitter.value(node).fit(WORD))
    routine.result(0)
    with nothing_kept():
        code = native_code(module, {"read": "pp"})
    every = [*asked, *[asked[0]] * (BLOCK - len(asked))]
    given, numbers = layout.pack(every).T.copy(), np.zeros(BLOCK, np.uint64)
    code.call("read", given.ctypes.data, numbers.ctypes.data)
    found: list[int] = numbers[: len(asked)].tolist()
    return found


def by_columns(node: Expression, width: int, asked: list[State]) -> list[int]:
    layout = layout_of(machine(width))
    return [int(n) for n in column(layout, layout.pack(asked), node)]


def _number(term: z3.ExprRef) -> int:
    simple = z3.simplify(term)
    if z3.is_bool(simple):
        return int(z3.is_true(simple))
    return int(simple.as_long())


def by_formula(node: Expression, width: int, asked: list[State]) -> list[int]:
    kept = [("a", width), ("b", width), ("c", 1)]
    return [
        _number(
            Formulas(
                {
                    name: z3.BitVecVal(code, w)
                    for (name, w), code in zip(kept, state, strict=True)
                }
            ).term(node)
        )
        for state in asked
    ]


def by_smtlib(node: Expression, width: int, asked: list[State]) -> list[int]:
    """The text, read by z3: the fields, then the value as one more."""
    sort, literal = vars(smtlib)["_sort"], vars(smtlib)["_literal"]
    kept = [("a", width), ("b", width), ("c", 1)]
    found = []
    for state in asked:
        lines = [f"(declare-const result {sort(node.width)})"]
        given = {
            name: literal(code, w)
            for (name, w), code in zip(kept, state, strict=True)
        }
        term = vars(smtlib)["_Names"](lines, "n", given).read(node)
        lines.append(f"(assert (= result {term}))")
        solver = z3.Solver()
        solver.add(z3.parse_smt2_string("\n".join(lines)))
        assert solver.check() == z3.sat
        model = solver.model()
        (result,) = model.decls()
        found.append(_number(model[result]))
    return found


def by_z3_reader(
    node: Expression, width: int, asked: list[State]
) -> list[int]:
    term = z3_reader.Reader().term(node)
    names = [z3.BitVec("a", width), z3.BitVec("b", width), z3.BitVec("c", 1)]
    found = []
    for state in asked:
        codes = [
            (name, z3.BitVecVal(code, name.size()))
            for name, code in zip(names, state, strict=True)
        ]
        found.append(_number(z3.substitute(term, *codes)))
    return found


def by_python_steps(
    node: Expression, width: int, asked: list[State]
) -> list[int]:
    values = python_steps.compiled(machine(width), [node])
    return [values(state)[0] for state in asked]


def by_folding(node: Expression, width: int, asked: list[State]) -> list[int]:
    """The constructors, on operands that are constants."""
    position, found = machine(width).position, []
    for state in asked:
        known: dict[Expression, Expression] = {}
        for inner in ex.walk([node]):
            if inner.operator == "field":
                code = state[position[inner.name]]
                known[inner] = ex.constant(code, inner.width)
            else:
                operands = tuple(known[o] for o in inner.operands)
                known[inner] = ex.rebuilt(inner, operands)
        assert known[node].operator == "const"
        found.append(known[node].value)
    return found


#: those that are held against ``evaluate``, as the table names them
READERS: dict[str, list[Read]] = {
    "emit": [by_emit, by_emit_side_by_side],
    "columns": [by_columns],
    "formula": [by_formula],
    "smtlib": [by_smtlib],
    "folding": [by_folding],
    "z3_reader": [by_z3_reader],
    "python_steps": [by_python_steps],
}


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("reader", READERS)
def test_a_reader_knows_an_operator(reader: str, operator: str) -> None:
    asked = 0
    for width in WIDTHS:
        for node in applications(operator, width):
            told = by_evaluate(node, width, states(width))
            for read in READERS[reader]:
                assert read(node, width, states(width)) == told, str(node)
                asked += 1
    assert asked


def test_the_table_is_this_one() -> None:
    text = (ROOT / "checker/engines/README.md").read_text()
    rows = [
        [cell.strip().strip("`") for cell in line.split("|")[1:-1]]
        for line in text.splitlines()
        if line.startswith("|")
    ]
    heads = [row for row in rows if row[0] == "operator"]
    assert [head[1:] for head in heads] == [["evaluate", *READERS]]
    first = rows.index(heads[0]) + 2
    named = [row[0] for row in rows[first : first + len(OPERATORS)]]
    assert named == OPERATORS
    last = re.findall(r"`(\w+)` is met in a schema only", text)
    assert set(last) == IN_A_SCHEMA_ONLY
