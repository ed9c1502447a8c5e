# SPDX-License-Identifier: GPL-2.0-or-later
"""Do flags, enumerations and counters mean what Python's own would mean?"""

import enum
import operator
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.language import (
    NO,
    YES,
    Counter,
    Flag,
    all_of,
    any_of,
    choose,
)
from tests.unit.meaning import after, builder, worth

BOTH = (False, True)


class Colour(enum.Enum):
    RED = "red"
    GREEN = "green"
    BLUE = "blue"


def flags(*names: str) -> list[Flag]:
    build = builder()
    return [build.flag(name) for name in names]


def counter(name: str, limit: int) -> Counter:
    return builder().counter(name, limit)


# -- flags -------------------------------------------------------------------


@pytest.mark.parametrize("a", BOTH)
@pytest.mark.parametrize("b", BOTH)
def test_flags_combine_as_truth_values(a: bool, b: bool) -> None:
    left, right = flags("left", "right")
    state = {"left": int(a), "right": int(b)}
    assert worth(left & right, **state) == (a and b)
    assert worth(left | right, **state) == (a or b)
    assert worth(~left, **state) == (not a)
    assert worth(left.implies(right), **state) == ((not a) or b)
    assert worth(left & b, **state) == (a and b)
    assert worth(left | b, **state) == (a or b)


@given(st.lists(st.booleans(), max_size=5))
def test_all_of_and_any_of_are_pythons(values: list[bool]) -> None:
    names = [f"f{i}" for i in range(len(values))]
    fields = flags(*names)
    state = dict(zip(names, map(int, values), strict=True))
    assert worth(all_of(*fields), **state) == all(values)
    assert worth(any_of(*fields), **state) == any(values)


def test_yes_and_no_are_constants() -> None:
    assert (worth(YES), worth(NO)) == (1, 0)
    assert (worth(~YES), worth(~NO)) == (0, 1)


@pytest.mark.parametrize("value", BOTH)
def test_a_flag_becomes_a_literal_or_another_flag(value: bool) -> None:
    here, there = flags("here", "there")
    state = {"here": int(not value), "there": int(value)}
    assert after(state, here.becomes(value))["here"] == value
    assert after(state, here.becomes(there))["here"] == value
    assert after(state, here.becomes(~here))["here"] == value


def test_what_a_flag_says_is_what_was_written() -> None:
    a, b = flags("a", "b")
    said = {
        "a and b": a & b,
        "a or b": a | b,
        "not a": ~a,
        "a": ~~a,
        "if a then b": a.implies(b),
        "(a or b) and a": (a | b) & a,
        "not (a and b)": ~(a & b),
        "the reason": (a & b).named("the reason"),
        "not (the reason)": ~(a & b).named("the reason"),
    }
    assert {text: flag.text for text, flag in said.items()} == {
        text: text for text in said
    }


# -- enumerations ------------------------------------------------------------


@pytest.mark.parametrize("member", Colour)
def test_is_and_is_not_ask_for_membership(member: Colour) -> None:
    colour = builder().enum("colour", Colour.RED)
    code = colour.type.encode(member, "")
    for asked in (
        (Colour.RED,),
        (Colour.RED, Colour.BLUE),
        tuple(Colour),
    ):
        assert worth(colour.is_(*asked), colour=code) == (member in asked)
        assert worth(colour.is_not(*asked), colour=code) == (
            member not in asked
        )


@pytest.mark.parametrize("member", Colour)
def test_an_enum_becomes_a_member_or_another_enum(member: Colour) -> None:
    build = builder()
    here = build.enum("here", Colour.GREEN)
    there = build.enum("there", Colour.RED)
    code = here.type.encode(member, "")
    state = {"here": 1, "there": code}
    assert after(state, here.becomes(member))["here"] == code
    assert after(state, here.becomes(there))["here"] == code
    assert here.type.show(code) == member.value


def test_codes_of_an_enum_are_dense_and_the_rest_is_invalid() -> None:
    colour = builder().enum("colour", Colour.RED)
    valid = colour.type.is_valid(colour.expression)
    shown = Flag(NO.type, valid, "valid")
    assert [worth(shown, colour=code) for code in range(4)] == [1, 1, 1, 0]
    assert [colour.type.encode(c, "") for c in Colour] == [0, 1, 2]


@pytest.mark.parametrize("condition", BOTH)
def test_choose_is_the_conditional_expression(condition: bool) -> None:
    build = builder()
    which = build.flag("which")
    colour = build.enum("colour", Colour.BLUE)
    size = build.counter("size", 5)
    chosen = choose(which, colour, Colour.GREEN)
    state = {"which": int(condition), "colour": 2, "size": 3}
    assert worth(chosen, **state) == (2 if condition else 1)
    assert worth(choose(which, size, 4), **state) == (3 if condition else 4)
    assert chosen.text == "(colour if which else green)"


# -- counters ----------------------------------------------------------------

COMPARISONS: tuple[Callable[[Any, Any], Any], ...] = (
    operator.lt,
    operator.le,
    operator.gt,
    operator.ge,
)


@st.composite
def two_counters(draw: st.DrawFn) -> tuple[int, int, int, int]:
    """Limit and value of one counter, limit and value of another."""
    limit, other = draw(st.integers(1, 20)), draw(st.integers(1, 20))
    value = draw(st.integers(0, limit))
    return limit, value, other, draw(st.integers(0, other))


@given(two_counters())
def test_counters_compare_as_numbers(drawn: tuple[int, int, int, int]) -> None:
    limit, a, other, b = drawn
    left, right = counter("left", limit), counter("right", other)
    state = {"left": a, "right": b}
    for compare in COMPARISONS:
        assert worth(compare(left, right), **state) == compare(a, b)
        assert worth(compare(left, b), **state) == compare(a, b)
        assert worth(compare(a, right), **state) == compare(a, b)
    assert worth(left.is_(right), **state) == (a == b)
    assert worth(left.is_(b), **state) == (a == b)


@given(two_counters())
def test_sums_are_exact_and_never_wrap(
    drawn: tuple[int, int, int, int],
) -> None:
    limit, a, other, b = drawn
    left, right = counter("left", limit), counter("right", other)
    total = left + right
    assert worth(total, left=a, right=b) == a + b
    assert total.type.limit == limit + other
    assert worth(left + b, left=a) == a + b
    assert (left + b).type.limit == limit + b


@given(two_counters())
def test_minus_stops_at_nothing(drawn: tuple[int, int, int, int]) -> None:
    limit, a, other, b = drawn
    left, right = counter("left", limit), counter("right", other)
    assert worth(left - right, left=a, right=b) == max(0, a - b)
    assert worth(left - b, left=a) == max(0, a - b)
    assert (left - right).type.limit == limit


@given(two_counters(), st.integers(1, 50))
def test_capped_is_the_smaller_number(
    drawn: tuple[int, int, int, int], cap: int
) -> None:
    limit, a, other, b = drawn
    total = counter("left", limit) + counter("right", other)
    assert worth(total.capped(cap), left=a, right=b) == min(a + b, cap)
    assert total.capped(cap).type.limit == min(limit + other, cap)


@given(two_counters())
def test_a_counter_holds_what_is_stored(
    drawn: tuple[int, int, int, int],
) -> None:
    limit, a, other, b = drawn
    left, right = counter("left", limit), counter("right", other)
    state = {"left": a, "right": b}
    capped = (left + right).capped(limit)
    assert after(state, left.becomes(capped))["left"] == min(a + b, limit)
    assert after(state, left.becomes(left - 1))["left"] == max(0, a - 1)
    assert after(state, left.becomes(limit))["left"] == limit
    if other <= limit:
        assert after(state, left.becomes(right))["left"] == b


@given(st.integers(1, 40))
def test_codes_of_a_counter_end_at_its_limit(limit: int) -> None:
    count = counter("count", limit)
    valid = Flag(NO.type, count.type.is_valid(count.expression), "valid")
    for code in range(1 << count.type.width):
        assert worth(valid, count=code) == (code <= limit)


def test_text_of_long_values_is_cut() -> None:
    (a,) = flags("a")
    long = a
    for _ in range(60):
        long = long & a
    assert len(long.text) == 300
    assert long.text.endswith("...")
