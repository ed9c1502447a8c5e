# SPDX-License-Identifier: GPL-2.0-or-later
"""Is nonsense in a model refused in the model's words, not in Python's?"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any

import pytest

from model.language import (
    YES,
    Concrete,
    Disk,
    MachineBuilder,
    ModelError,
    NameType,
    Step,
    choose,
)


class Word(enum.Enum):
    HELLO = "HELLO"
    BYE = "BYE"


class Other(enum.Enum):
    HELLO = "HELLO"


DISK = Disk("disk", Concrete(2, 1))
# what a type checker would not let pass
NO_FLAG: Any = True
NO_CONTENTS: Any = frozenset()
NO_UPDATE: Any = 3


def build() -> MachineBuilder:
    made = MachineBuilder("m")
    made.flag("f")
    return made


def action(made: MachineBuilder, result: Any, **options: Any) -> None:
    if options:

        @made.action("x", **options)
        def with_parameter(which: object) -> Any:
            return result

        return

    @made.action("x")
    def go() -> Any:
        return result


def put_unknown() -> None:
    wire = build().channel("wire", 1, {Word.HELLO: {}})
    wire.put(Word.BYE)


def put_other() -> None:
    wire = build().channel("wire", 1, {Word.HELLO: {}})
    wire.put(Other.HELLO)


def head_of_nothing() -> None:
    build().channel("wire", 1, {Word.HELLO: {}}).head_chunk()


def start_twice() -> None:
    made = build()
    flag = made.flag("g")
    made.start(flag.becomes(True), flag.becomes(False))


def start_foreign() -> None:
    other = MachineBuilder("other").flag("h")
    build().start(other.becomes(True))


def unknown_cost() -> None:
    made = build()
    made.cost("paid", by=["nope"], when=YES)
    made.machine()


def constant_eventually() -> None:
    made = build()
    made.eventually("Goal", "", "", then=[YES])
    made.machine()


def foreign_end() -> None:
    other = MachineBuilder("other").flag("h")
    build().may_end(other)


def contents_of_nothing() -> None:
    bits = build().granules("bits", DISK)
    bits.with_contents(DISK.domain.chunks[0], NO_CONTENTS)


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        (put_unknown, "carries HELLO, not Word.BYE"),
        (put_other, "carries HELLO, not Other.HELLO"),
        (head_of_nothing, "carries no chunk 'chunk'"),
        (lambda: build().channel("c", 1, {}), "0 enumerations, allowed is 1"),
        (
            lambda: build().channel("c", 1, {Word.BYE: {}, Other.HELLO: {}}),
            "2 enumerations, allowed is 1",
        ),
        (
            lambda: build().granules("b", DISK).only_if(NO_FLAG),
            "True is used as a condition",
        ),
        (
            lambda: choose(NO_FLAG, build().flag("g"), False),
            "True is used as a condition",
        ),
        (contents_of_nothing, "is no contents of a chunk"),
        (lambda: action(build(), None), "action go: returns None"),
        (
            lambda: action(build(), Step([], [NO_UPDATE])),
            "3 in 'then' is no update",
        ),
        (
            lambda: action(build(), Step([], []), over=[1, 1]),
            "'over' repeats a value",
        ),
        (lambda: build().enum("e", Word.BYE).is_(), "names no member"),
        (start_twice, "is set twice"),
        (start_foreign, "field h is not declared"),
        (unknown_cost, "cost paid: no action 'nope'"),
        (constant_eventually, "property Goal could never fail"),
        (foreign_end, "field h is not declared"),
    ],
)
def test_refused(mistake: Callable[[], Any], said: str) -> None:
    with pytest.raises(ModelError) as caught:
        mistake()
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_negated_compound_keeps_its_meaning_in_words() -> None:
    made = MachineBuilder("m")
    a, b = made.flag("a"), made.flag("b")
    assert (~a).text == "not a"
    assert (~~a).text == "a"
    assert (~((~a) & b)).text == "not (not a and b)"


def test_set_texts_keep_their_brackets() -> None:
    made = MachineBuilder("m")
    s, t = made.granules("s", DISK), made.granules("t", DISK)
    assert (s - (s | t)).text == "s - (s | t)"


def test_a_channel_that_is_not_canonical_is_no_valid_state() -> None:
    from checker.engines.evaluate import Evaluator

    made = MachineBuilder("m")
    made.channel(
        "wire", 2, {Word.HELLO: {"chunk": NameType(DISK)}, Word.BYE: {}}
    )
    machine = made.machine()
    # kind and chunk of slot 0, then of slot 1
    cases = {
        (0, 0, 0, 0): True,
        (1, 1, 0, 0): True,
        (2, 0, 1, 1): True,
        (0, 0, 1, 0): False,
        (0, 1, 0, 0): False,
        (2, 1, 0, 0): False,
        (3, 0, 0, 0): False,
    }
    for state, valid in cases.items():
        here = Evaluator(machine, state)
        assert here.holds(machine.type_invariant) == valid
