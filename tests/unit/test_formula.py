# SPDX-License-Identifier: GPL-2.0-or-later
"""Do formulas of z3 mean what the evaluator says?

Each operator is applied to all values of small widths, and random expressions
are compared with the evaluator in random states and, for all states at once,
with the tests' own translator.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import product
from typing import Any

import pytest
import z3
from hypothesis import given, settings
from hypothesis import strategies as st

from checker.engines.evaluate import evaluate
from checker.engines.smt import formula
from checker.engines.smt.formula import Formulas, solver, variable
from model.language import expression as ex
from model.language.expression import Expression, constant, field_value
from tests.oracle.z3_reader import Reader

WIDTHS = {"a1": 1, "b1": 1, "a3": 3, "b3": 3, "a6": 6}
NAMES = {name: number for number, name in enumerate(WIDTHS)}
FIELDS = {name: field_value(name, width) for name, width in WIDTHS.items()}

Translation = Callable[[Expression, list[z3.ExprRef]], Any]
Binary = Callable[[Expression, Expression], Expression]
BINARY: dict[str, Binary] = {
    "and": ex.conjunction,
    "or": ex.disjunction,
    "eq": ex.equal,
    "lt": ex.less,
    "add": ex.add,
    "sub": ex.subtract,
}


def value(node: Expression, values: Mapping[str, int]) -> int:
    """``node`` where the fields have ``values``, by way of z3."""
    read = Formulas({n: z3.BitVecVal(v, WIDTHS[n]) for n, v in values.items()})
    term = z3.simplify(read.term(node))
    assert term.size() == node.width
    if node.width == 1:
        assert z3.is_true(z3.simplify(read.holds(node))) == bool(
            term.as_long()
        )
    return int(term.as_long())


def check(node: Expression, values: Mapping[str, int]) -> None:
    state = tuple(values[name] for name in NAMES)
    assert value(node, values) == evaluate(node, state, NAMES, {}), node


def in_states(nodes: list[Expression], *names: str) -> None:
    """Compare in every state of the fields ``names``."""
    for codes in product(*(range(1 << WIDTHS[n]) for n in names)):
        values = dict.fromkeys(NAMES, 0) | dict(zip(names, codes, strict=True))
        for node in nodes:
            check(node, values)


@pytest.mark.parametrize("operator", BINARY)
def test_binary_operators(operator: str) -> None:
    build = BINARY[operator]
    in_states([build(FIELDS["a3"], FIELDS["b3"])], "a3", "b3")
    one = [build(FIELDS["a1"], FIELDS["b1"])]
    assert one[0].operator == operator
    in_states(one, "a1", "b1")


def test_unary_operators() -> None:
    nodes = []
    for name in ("a1", "a6"):
        node = FIELDS[name]
        nodes += [ex.complement(node), ex.count(node)]
        nodes += [ex.placed(node, at, node.width + 3) for at in range(4)]
        nodes += [
            ex.bits_of(node, at, width)
            for at in range(node.width)
            for width in range(1, node.width - at + 1)
        ]
    in_states(nodes, "a1", "a6")


@pytest.mark.parametrize("width", [2, 3, 5, 8, 9, 64])
def test_count_of_any_width(width: int) -> None:
    node = ex.count(field_value("wide", width))
    for number in (
        0,
        1,
        1 << width - 1,
        ex.ones(width),
        0x5A5A & ex.ones(width),
    ):
        read = Formulas({"wide": z3.BitVecVal(number, width)})
        term = z3.simplify(read.term(node))
        assert (term.size(), term.as_long()) == (
            node.width,
            number.bit_count(),
        )


def test_choice_and_constants() -> None:
    a, b, c = FIELDS["a3"], FIELDS["b3"], FIELDS["a1"]
    in_states(
        [ex.choice(c, a, b), ex.choice(c, a, constant(5, 3))], "a1", "a3"
    )
    for node in (ex.TRUE, ex.FALSE, constant(0, 3), constant(6, 3)):
        assert value(node, {}) == node.value


def test_fields_may_be_booleans() -> None:
    a, b = FIELDS["a1"], FIELDS["b1"]
    read = Formulas({"a1": z3.Bool("a1"), "b1": variable("b", 1, "@3")})
    both = read.holds(ex.conjunction(a, b))
    asked = solver()
    asked.add(both, z3.Not(z3.Bool("a1")))
    assert asked.check() == z3.unsat
    assert read.term(a).size() == 1
    assert read.holds(ex.conjunction(a, b)) is both


def test_a_field_that_nobody_gave() -> None:
    with pytest.raises(KeyError, match="a3"):
        Formulas({}).term(FIELDS["a3"])


def test_a_number_is_no_truth_value() -> None:
    with pytest.raises(AssertionError, match="truth"):
        Formulas({"a3": variable("a3", 3)}).holds(FIELDS["a3"])


def test_deep_expressions() -> None:
    node = FIELDS["a3"]
    for _ in range(3000):
        node = ex.add(ex.complement(node), FIELDS["b3"])
    values = dict.fromkeys(NAMES, 0) | {"a3": 3, "b3": 1}
    # -(-x - 1 + 1) - 1 + 1 is x again after every two rounds
    assert value(node, values) == 3


def fitted(node: Expression, width: int) -> Expression:
    if node.width > width:
        return ex.bits_of(node, node.width - width, width)
    return ex.placed(node, 0, width)


@st.composite
def grown(
    draw: st.DrawFn, inside: st.SearchStrategy[Expression]
) -> Expression:
    first, second = draw(inside), draw(inside)
    operator = draw(
        st.sampled_from([*BINARY, "not", "ite", "slice", "place", "count"])
    )
    if operator in BINARY:
        return BINARY[operator](first, fitted(second, first.width))
    if operator == "not":
        return ex.complement(first)
    if operator == "ite":
        condition = fitted(draw(inside), 1)
        return ex.choice(condition, first, fitted(second, first.width))
    if operator == "count":
        return ex.count(first)
    at = draw(st.integers(0, first.width - 1))
    if operator == "slice":
        width = draw(st.integers(1, first.width - at))
        return ex.bits_of(first, at, width)
    return fitted(ex.placed(first, at, first.width + at), 8)


leaves = st.one_of(
    st.sampled_from(list(FIELDS.values())),
    st.integers(0, 7).map(lambda n: constant(n, 3)),
    st.sampled_from([ex.TRUE, ex.FALSE]),
)
expressions = st.recursive(leaves, grown, max_leaves=25)
states = st.fixed_dictionaries(
    {n: st.integers(0, ex.ones(w)) for n, w in WIDTHS.items()}
)


@given(expressions, states)
@settings(max_examples=200)
def test_random_expressions_in_random_states(
    node: Expression, values: dict[str, int]
) -> None:
    check(node, values)


def differs(node: Expression) -> bool:
    """Whether the two translators differ in some state."""
    read = Formulas({n: variable(n, w) for n, w in WIDTHS.items()})
    asked = solver()
    asked.add(read.term(node) != Reader().term(node))
    return bool(asked.check() != z3.unsat)


@given(expressions)
@settings(max_examples=100)
def test_two_translators_agree(node: Expression) -> None:
    assert not differs(node)


def changed(operator: str, wrong: Callable[..., z3.ExprRef]) -> Translation:
    """The translation of numbers, with another meaning for ``operator``."""
    right: Translation = vars(formula)["_of_numbers"]

    def translated(node: Expression, operands: list[z3.ExprRef]) -> Any:
        if node.operator == operator:
            return wrong(*operands)
        return right(node, operands)

    return translated


@pytest.mark.parametrize(
    ("function", "wrong"),
    [
        ("_of_numbers", changed("lt", lambda a, b: a < b)),
        ("_of_numbers", changed("lt", z3.ULE)),
        ("_of_numbers", changed("sub", lambda a, b: b - a)),
        ("_placed", lambda term, start, width: z3.ZeroExt(width - 3, term)),
        ("_how_many", lambda term, width: z3.Extract(width - 1, 0, term)),
        ("_as_truth", lambda bit: z3.BoolVal(True)),
    ],
    ids=["signed", "not strict", "turned round", "place", "count", "truth"],
)
def test_a_wrong_translator_is_found(
    monkeypatch: pytest.MonkeyPatch,
    function: str,
    wrong: Callable[..., z3.ExprRef],
) -> None:
    a, b = FIELDS["a3"], FIELDS["b3"]
    nodes = [ex.less(a, b), ex.subtract(a, b), ex.placed(a, 1, 6), ex.count(a)]
    nodes.append(ex.bits_of(a, 2, 1))
    assert not any(differs(node) for node in nodes)
    monkeypatch.setattr(formula, function, wrong)
    assert any(differs(node) for node in nodes)
