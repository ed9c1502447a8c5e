# SPDX-License-Identifier: GPL-2.0-or-later
"""Conditions: what is printed is read back, and means what it says.

The meaning is held against an evaluator that knows the states as people read
them and nothing of expressions.
"""

from __future__ import annotations

import random
import re
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checker.engines.evaluate import Evaluator
from checker.engines.interpreter import successors
from checker.input.condition import (
    Both,
    Compared,
    Condition,
    Either,
    Holds,
    Is,
    Member,
    Named,
    Not,
    Statement,
    Within,
    Yes,
)
from checker.input.condition_meaning import Meaning
from checker.input.condition_parser import (
    DEEPEST,
    MOST_CHARACTERS,
    ConditionError,
    Words,
    parse,
)
from checker.input.configuration import load
from model.designs import build
from model.language.machine import Machine, State

CONFIGURATIONS = ("live-small", "postcopy-two-nodes")
WALKS, STEPS = 8, 60
WORDS = Words(
    {
        "a.flag": ("no", "yes"),
        "lamp": ("on", "off", "half-on"),
        "count": tuple(map(str, range(4))),
        "set": ("empty",),
        "other": ("empty",),
        "wire": ("empty", "HELLO", "BYE"),
    },
    ("KeepsQuiet",),
    ("silent_left",),
)


@cache
def machine(name: str) -> Machine:
    return build(load(name).options)


@cache
def meaning(name: str) -> Meaning:
    return Meaning(machine(name))


@cache
def states(name: str) -> list[State]:
    """States along random walks."""
    chance = random.Random(name)
    found = []
    for _ in range(WALKS):
        state = chance.choice(machine(name).initials)
        for _ in range(STEPS):
            found.append(state)
            ahead = [s for _, s in successors(machine(name), state)]
            if not ahead:
                break
            state = chance.choice(ahead)
    return found


# -- what people read, without any expression --------------------------------


def shown(name: str, state: State, field: str) -> str:
    (variable,) = (v for v in machine(name).variables if v.name == field)
    return machine(name).show(variable, state)


def members(text: str) -> set[int]:
    return {int(number) for number in re.findall(r"\d+", text)}


def truth(name: str, state: State, part: Condition) -> bool:
    match part:
        case Not(of):
            return not truth(name, state, of)
        case Both(parts):
            return all(truth(name, state, one) for one in parts)
        case Either(parts):
            return any(truth(name, state, one) for one in parts)
        case Is(field, values):
            text = shown(name, state, field).removeprefix("chunk ")
            return ("empty" if text == "{}" else text) in values
        case Yes(field):
            return shown(name, state, field) == "yes"
        case Compared(field, sign, number):
            value = int(shown(name, state, field))
            return {
                "<": value < number,
                "<=": value <= number,
                ">": value > number,
                ">=": value >= number,
            }[sign]
        case Member(number, field):
            return number in members(shown(name, state, field))
        case Within(field, other):
            mine, its = shown(name, state, field), shown(name, state, other)
            return members(mine) <= members(its)
        case Holds(field, kind):
            return kind in re.split(r"\W+", shown(name, state, field))
        case Named(text):
            return by_name(name, state, text)


def by_name(name: str, state: State, text: str) -> bool:
    here = Evaluator(machine(name), state)
    for prop in machine(name).properties:
        if prop.name == text:
            premise = all(here.holds(c.expression) for c in prop.when)
            goal = all(here.holds(c.expression) for c in prop.then)
            return goal or (prop.kind == "always" and not premise)
    (found,) = meaning(name).named[text]
    return here.holds(found)


# -- conditions that a machine understands -----------------------------------


def kind_of(name: str, field: str) -> str:
    found = machine(name)
    if field in {c.name for c in found.channels}:
        return "channel"
    text = str(found.fields[found.position[field]].type)
    kinds = ("flag", "set of", "contents", "counter", "cursor", "name of")
    return next((kind for kind in kinds if kind in text), "enumeration")


def leaves(name: str) -> st.SearchStrategy[Condition]:
    words = meaning(name).words
    by_kind: dict[str, list[str]] = {}
    for field in words.fields:
        by_kind.setdefault(kind_of(name, field), []).append(field)
    sets = by_kind["set of"]
    granules = [f for f in sets if f != "source.meta"]
    listed = [*by_kind["enumeration"], *by_kind["flag"], *by_kind["cursor"]]

    def some_values(field: str) -> st.SearchStrategy[Condition]:
        values = st.lists(
            st.sampled_from(words.fields[field]), min_size=1, max_size=3
        )
        return values.map(lambda chosen: Is(field, tuple(chosen)))

    asked = [
        p.name
        for p in machine(name).properties
        if p.kind == "always" or (p.kind == "reachable" and p.then)
    ]
    plain = [t for t, e in meaning(name).named.items() if len(e) == 1]
    empty = [*sets, *by_kind["channel"]]
    every: list[st.SearchStrategy[Condition]] = [
        st.sampled_from(listed).flatmap(some_values),
        st.sampled_from(empty).map(lambda f: Is(f, ("empty",))),
        st.sampled_from(by_kind["flag"]).map(Yes),
        st.sampled_from(granules).map(lambda f: Member(0, f)),
        st.builds(
            Within, st.sampled_from(granules), st.sampled_from(granules)
        ),
        st.sampled_from(by_kind["counter"]).flatmap(
            lambda f: st.builds(
                Compared,
                st.just(f),
                st.sampled_from(["<", "<=", ">", ">="]),
                st.integers(0, len(words.fields[f]) - 1),
            )
        ),
        st.sampled_from(by_kind["channel"]).flatmap(
            lambda f: st.sampled_from(words.fields[f][1:]).map(
                lambda kind: Holds(f, kind)
            )
        ),
        st.sampled_from([*asked, *plain]).map(Named),
    ]
    return st.one_of(every)


def conditions(name: str) -> st.SearchStrategy[Condition]:
    def larger(
        inside: st.SearchStrategy[Condition],
    ) -> st.SearchStrategy[Condition]:
        some = st.lists(inside, min_size=2, max_size=3).map(tuple)
        return st.one_of(inside.map(Not), some.map(Both), some.map(Either))

    return st.recursive(leaves(name), larger, max_leaves=6)


@pytest.mark.parametrize("name", CONFIGURATIONS)
@given(data=st.data())
def test_what_is_printed_is_read_back(name: str, data: st.DataObject) -> None:
    when = data.draw(st.none() | conditions(name))
    statement = Statement(data.draw(conditions(name)), when)
    assert meaning(name).statement(str(statement)) == statement


@pytest.mark.parametrize("name", CONFIGURATIONS)
@given(data=st.data())
def test_a_condition_means_what_it_says(
    name: str, data: st.DataObject
) -> None:
    condition = data.draw(conditions(name))
    state = data.draw(st.sampled_from(states(name)))
    expression = meaning(name).of(condition)
    here = Evaluator(machine(name), state)
    assert here.holds(expression) == truth(name, state, condition)


@given(text=st.text(st.sampled_from("ifnotar .()<>=\"0-1'set lampwe\n")))
def test_any_text_is_a_statement_or_an_error(text: str) -> None:
    try:
        statement = parse(text, WORDS)
    except ConditionError as error:
        assert "\n" not in str(error)
    else:
        assert parse(str(statement), WORDS) == statement


# -- how it is written -------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.flag", Yes("a.flag")),
        ("lamp is on or off", Is("lamp", ("on", "off"))),
        ("lamp is not on or off", Not(Is("lamp", ("on", "off")))),
        ("lamp is on or a.flag", Either((Is("lamp", ("on",)), Yes("a.flag")))),
        (
            "lamp is on or 1 in set",
            Either((Is("lamp", ("on",)), Member(1, "set"))),
        ),
        (
            "lamp is on or lamp is off",
            Either((Is("lamp", ("on",)), Is("lamp", ("off",)))),
        ),
        ("lamp is half-on", Is("lamp", ("half-on",))),
        ("not a.flag and a.flag", Both((Not(Yes("a.flag")), Yes("a.flag")))),
        ("not (a.flag)", Not(Yes("a.flag"))),
        ("count is 3", Is("count", ("3",))),
        ("count <= 3", Compared("count", "<=", 3)),
        ("set within other", Within("set", "other")),
        ("wire holds BYE", Holds("wire", "BYE")),
        ("wire\n  is\tempty", Is("wire", ("empty",))),
        ("KeepsQuiet", Named("KeepsQuiet")),
        ('"any (words), at all"', Named("any (words), at all")),
    ],
)
def test_a_condition(text: str, expected: Condition) -> None:
    assert parse(text, WORDS) == Statement(expected)


def test_a_premise() -> None:
    found = parse("if a.flag or lamp is on then set is empty", WORDS)
    either = Either((Yes("a.flag"), Is("lamp", ("on",))))
    assert found == Statement(Is("set", ("empty",)), either)


@pytest.mark.parametrize(
    ("text", "at", "said"),
    [
        ("", 1, "expected a condition"),
        ("lamp is onn", 9, "did you mean 'on'?"),
        ("lamp is on or of", 15, "did you mean 'off'?"),
        ("lamp is on or a.flg", 15, "did you mean 'a.flag'?"),
        ("lamp is on or lmp is off", 15, "did you mean 'lamp'?"),
        ("lmp is on", 1, "fields are a.flag, lamp"),
        ("KeepQuiet", 1, "did you mean 'KeepsQuiet'?"),
        ("lamp on", 6, "expected 'is'"),
        ("lamp is", 8, "allowed are on, off, half-on"),
        ("a.flag AND a.flag", 8, "expected 'is'"),
        ("a.flag and lamp is on or off", 12, "write parentheses"),
        ("lamp is on or off and a.flag", 19, "write parentheses"),
        ("a.flag or a.flag and a.flag", 18, "write parentheses"),
        ("(a.flag", 8, "the '(' at character 1"),
        ("a.flag)", 7, "the end"),
        ("if a.flag", 10, "expected 'then'"),
        ("a.flag then a.flag", 8, "'if' is missing"),
        ("not if a.flag then a.flag", 5, "'if A then B' only"),
        ("a.flag = yes", 8, "write 'is' instead"),
        ("a.flag && a.flag", 8, "write 'and' instead"),
        ('"KeepsQuiet', 1, "never closed"),
        ("a.flag; a.flag", 7, "nothing begins like that"),
        ('"a\x1b[31mb"', 3, "nothing begins like that"),
        ("a.flag\xa0and a.flag", 7, "nothing begins like that"),
        ("count is 9", 10, "allowed are 0, 1, 2, 3"),
        ("count < x", 9, "expected a whole number"),
        ("7 of set", 3, "expected 'in'"),
        ("wire holds empty", 12, "allowed are HELLO, BYE"),
        ("set within lmp", 12, "no field"),
        ("silent_left > 0", 1, "does not count it"),
        ("(" * (DEEPEST + 1), DEEPEST + 1, "nested deeper"),
        ("not " * (DEEPEST + 1), 4 * DEEPEST + 1, "nested deeper"),
    ],
)
def test_a_mistake_is_told_with_its_place(
    text: str, at: int, said: str
) -> None:
    with pytest.raises(ConditionError) as caught:
        parse(text, WORDS)
    message = str(caught.value)
    assert message.startswith(f"character {at}, ")
    assert said in message
    assert message.isprintable()


def test_a_text_is_not_too_long() -> None:
    with pytest.raises(ConditionError, match="4001 characters"):
        parse("x" * (MOST_CHARACTERS + 1), WORDS)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("source.vm", "this is a SourceVm, no flag; write source.vm is run"),
        ("stream", "this is a channel, no flag"),
        ("link > 1", "compares numbers, and link is none; allowed are"),
        ("9 in source.bits", "has members 0 to 0 here"),
        ("0 in source.cursor", "'in' asks a set"),
        ("0 in stream", "'in' asks a set"),
        ("source.bits within source.meta", "two sets of one kind"),
        ("source.bits within stream", "two sets of one kind"),
        ("link holds down", "asks a channel for a message"),
        ("stream is START", "'empty', or holds one"),
        ('"no bitmap is bussy"', "did you mean 'no bitmap is busy'?"),
        ("MigrationEnds", "met in time"),
        ("BackupOnSource", "met by a step"),
    ],
)
def test_what_means_nothing_is_refused(text: str, said: str) -> None:
    bound = meaning("live-small")
    statement = bound.statement(text)
    with pytest.raises(ConditionError) as caught:
        bound.of(statement.then)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_number_beyond_the_limit_is_refused() -> None:
    bound = meaning("postcopy-two-nodes")
    statement = bound.statement("cut_left > 7")
    with pytest.raises(ConditionError, match="counts from 0 to 1"):
        bound.of(statement.then)


def test_a_name_of_two_things_is_refused() -> None:
    bound = meaning("postcopy-two-nodes")
    name = "the source's bitmap is usable"
    assert len(bound.named[name]) == 2
    with pytest.raises(ConditionError, match="2 things have this name"):
        bound.of(bound.statement(f'"{name}"').then)
