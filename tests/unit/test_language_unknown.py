# SPDX-License-Identifier: GPL-2.0-or-later
"""Do unknowns become answers, and does an action do all that it may?"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.language import Conjunct, Flag, Instance, ModelError, Step
from model.language import expression as ex
from model.language.cases import cases
from model.language.expression import Expression
from model.language.unknown import (
    combinations,
    elsewhere,
    is_elsewhere,
    is_unknown,
    open_question,
    question,
    replaced,
    unknowns,
)
from tests.unit.meaning import builder, number

FIELDS = {"a": 1, "b": 1, "x": 2, "y": 3}
ASKED = (open_question("p"), open_question("q"), elsewhere("r"))
NAMES = ("?open: p", "?open: q", "?elsewhere: r")


def leaves() -> st.SearchStrategy[Expression]:
    fields = [ex.field_value(name, width) for name, width in FIELDS.items()]
    numbers = [ex.constant(v, w) for w in (1, 2, 3) for v in (0, 1)]
    return st.sampled_from([*fields, *numbers, *ASKED])


def fitted(node: Expression, width: int) -> Expression:
    """``node`` in ``width`` bits."""
    if node.width < width:
        return ex.placed(node, width - node.width, width)
    return ex.bits_of(node, node.width - width, width)


@st.composite
def larger(
    draw: st.DrawFn, inner: st.SearchStrategy[Expression]
) -> Expression:
    a, b, c = draw(inner), draw(inner), fitted(draw(inner), 1)
    b = fitted(b, a.width)
    return draw(
        st.sampled_from(
            [
                ex.complement(a),
                ex.conjunction(a, b),
                ex.disjunction(a, b),
                ex.equal(a, b),
                ex.less(a, b),
                ex.add(a, b),
                ex.subtract(a, b),
                ex.choice(c, a, b),
                ex.bits_of(a, a.width - 1, 1),
                ex.placed(a, 1, a.width + 1),
                ex.count(a),
            ]
        )
    )


expressions = st.recursive(leaves(), larger, max_leaves=12)
truths = expressions.map(lambda node: fitted(node, 1))
states = st.fixed_dictionaries(
    {n: st.integers(0, ex.ones(w)) for n, w in FIELDS.items()}
)
answers = st.fixed_dictionaries({name: st.integers(0, 1) for name in NAMES})


def as_constants(values: dict[str, int]) -> dict[str, Expression]:
    return {name: ex.constant(value, 1) for name, value in values.items()}


# -- questions ---------------------------------------------------------------


def test_what_is_asked_is_told_apart() -> None:
    here = ex.field_value("a", 1)
    both = ex.conjunction(ASKED[0], ex.disjunction(here, ASKED[2]))
    assert unknowns([both, ASKED[0]]) == ("?elsewhere: r", "?open: p")
    assert unknowns([here]) == ()
    assert [is_unknown(n) for n in (*NAMES, "a")] == [True, True, True, False]
    assert [is_elsewhere(name) for name in NAMES] == [False, False, True]
    assert [question(n) for n in NAMES] == ["p", "q", "elsewhere: r"]


def test_one_question_is_one_unknown() -> None:
    assert open_question("p") is ASKED[0]
    assert open_question("r") is not elsewhere("r")


@pytest.mark.parametrize("many", range(4))
def test_each_combination_of_answers_comes_once(many: int) -> None:
    found = [
        tuple(answer.value for answer in one.values())
        for one in combinations(NAMES[:many])
    ]
    assert sorted(found) == sorted(product((0, 1), repeat=many))


@given(expressions, states, answers)
def test_to_replace_is_to_put_the_value_there(
    node: Expression, state: dict[str, int], told: dict[str, int]
) -> None:
    (found,) = replaced([node], as_constants(told))
    assert unknowns([found]) == ()
    assert found.width == node.width
    assert number(found, state) == number(node, {**state, **told})


@given(expressions, expressions, states, answers)
def test_to_replace_by_an_expression_is_to_read_it_there(
    node: Expression,
    other: Expression,
    state: dict[str, int],
    told: dict[str, int],
) -> None:
    known = {**state, **told}
    (found,) = replaced([node], {"x": fitted(other, FIELDS["x"])})
    there = {**known, "x": number(fitted(other, FIELDS["x"]), known)}
    assert number(found, known) == number(node, there)


@given(expressions)
def test_nothing_to_replace_changes_nothing(node: Expression) -> None:
    assert replaced([node], {}) == (node,)
    assert replaced([node, node], {"another": ex.TRUE}) == (node, node)


# -- cases -------------------------------------------------------------------


def instance(
    guard: Sequence[Expression], effect: dict[str, Expression]
) -> Instance:
    return Instance(
        "act",
        "actor",
        (("chunk", "k"),),
        tuple(Conjunct(f"part {n}", e) for n, e in enumerate(guard)),
        tuple(effect.items()),
    )


def test_what_asks_nothing_stays_as_it_is() -> None:
    plain = instance([ex.field_value("a", 1)], {"b": ex.TRUE})
    assert cases(plain) == (plain,)


def test_each_answer_that_matters_is_a_case() -> None:
    p, q, r = ASKED
    a, x = ex.field_value("a", 1), ex.field_value("x", 2)
    moved = ex.choice(q, ex.constant(1, 2), x)
    found = cases(instance([p, a], {"x": moved}))
    # p must be yes; q decides what happens
    assert [one.label for one in found] == [
        "act(chunk=k, case=1)",
        "act(chunk=k, case=2)",
    ]
    assert [dict(one.assumed) for one in found] == [
        {"p": True, "q": False},
        {"p": True, "q": True},
    ]
    assert [dict(one.effect) for one in found] == [
        {},
        {"x": ex.constant(1, 2)},
    ]
    # a question that only forbids makes no second case
    (one,) = cases(instance([ex.disjunction(a, r)], {"b": ex.TRUE}))
    assert one.arguments == (("chunk", "k"),)
    assert one.enabled is ex.TRUE


def test_a_case_that_another_covers_is_left_out() -> None:
    p, q, _ = ASKED
    a, b = ex.field_value("a", 1), ex.field_value("b", 1)
    guard = [ex.disjunction(p, a), ex.disjunction(q, b)]
    assert len(cases(instance(guard, {"x": ex.constant(1, 2)}))) == 1
    different = {"x": ex.choice(p, ex.constant(1, 2), ex.constant(2, 2))}
    assert len(cases(instance(guard, different))) == 2


def test_what_no_answer_allows_has_no_case() -> None:
    p = ASKED[0]
    never = instance([p, ex.complement(p)], {"b": ex.TRUE})
    assert cases(never) == ()


def test_an_action_that_no_answer_allows_is_refused() -> None:
    build = builder()
    done = build.flag("done")
    never = Flag(done.type, ex.FALSE, "never")
    asks = Flag(done.type, ASKED[0], "asks")

    with pytest.raises(ModelError, match="has no instance"):

        @build.action("nobody")
        def nothing() -> Step:
            """Nothing."""
            return Step(when=[never, asks], then=[done.becomes(True)])


guards = st.lists(truths, max_size=3)
effects = st.fixed_dictionaries(
    {
        "a": truths,
        "x": expressions.map(lambda node: fitted(node, FIELDS["x"])),
    }
)


@given(guards, effects)
def test_no_case_asks_anything(
    guard: list[Expression], effect: dict[str, Expression]
) -> None:
    whole = instance(guard, effect)
    asked = unknowns([*guard, *effect.values()])
    found = cases(whole)
    assert len(found) <= 2 ** len(asked)
    for one in found:
        told = [c.expression for c in one.guard]
        told += [value for _, value in one.effect]
        assert unknowns(told) == ()
        assert [c.text for c in one.guard] == [c.text for c in whole.guard]
    assert len({one.label for one in found}) == len(found)


def outcome(
    one: Instance, state: dict[str, int], told: dict[str, int]
) -> tuple[int, ...] | None:
    """The state after ``one``; None where its guard is false."""
    known = {**state, **told}
    if not all(number(c.expression, known) for c in one.guard):
        return None
    new = {name: number(value, known) for name, value in one.effect}
    return tuple({**state, **new}.values())


@given(guards, effects, states)
def test_the_cases_do_all_that_may_be_done_and_no_more(
    guard: list[Expression],
    effect: dict[str, Expression],
    state: dict[str, int],
) -> None:
    whole = instance(guard, effect)
    possible = {
        outcome(whole, state, dict(zip(NAMES, told, strict=True)))
        for told in product((0, 1), repeat=len(NAMES))
    }
    done = {outcome(one, state, {}) for one in cases(whole)}
    assert done - {None} == possible - {None}
