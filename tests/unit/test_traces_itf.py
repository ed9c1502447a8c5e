# SPDX-License-Identifier: GPL-2.0-or-later
"""ITF: what Apalache's format asks for, with values that people read."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from checker.checking.minimise import shortest_violation
from checker.engines.exploration import Limits
from checker.engines.interpreter import interpret
from checker.traces.itf import render_itf, to_itf
from checker.traces.trace import Trace
from model.designs import build
from model.language import Machine
from model.options import Bounds, Failures, Options

OPTIONS = Options(
    design="postcopy",
    bounds=Bounds(chunks=2, granules=2, writes=1),
    without=frozenset({"fencing"}),
    failures=Failures(cut=1),
)
BROKEN = "NoDeadlock"


@pytest.fixture(scope="module")
def machine() -> Machine:
    return build(OPTIONS)


@pytest.fixture(scope="module")
def trace() -> Trace:
    found = shortest_violation(OPTIONS, BROKEN, interpret, Limits())
    assert found is not None
    return found


def numbers(value: Any) -> Iterator[object]:
    """Every number in a value that is not a big integer."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key != "#meta":
                yield from numbers(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from numbers(inner)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield value


def test_the_shape(machine: Machine, trace: Trace) -> None:
    itf = json.loads(render_itf(machine, trace))
    assert itf == to_itf(machine, trace)
    assert set(itf) == {"#meta", "params", "vars", "states"}
    assert itf["#meta"]["format"] == "ITF"
    assert itf["#meta"]["format-description"].startswith("https://")
    assert itf["#meta"]["trace"] == trace.id
    assert itf["vars"] == [v.name.replace(".", "_") for v in machine.variables]
    assert all(name.isidentifier() for name in itf["vars"])
    for state in itf["states"]:
        assert list(state) == ["#meta", *itf["vars"]]
        assert list(numbers(state)) == []


def test_each_state_says_who_did_what(machine: Machine, trace: Trace) -> None:
    states = to_itf(machine, trace)["states"]
    assert states[0]["#meta"] == {"index": 0}
    for index, (move, state) in enumerate(
        zip(trace.moves, states[1:], strict=True), 1
    ):
        assert state["#meta"] == {
            "index": index,
            "action": move.action,
            "actor": move.actor,
            "arguments": dict(move.arguments),
        }


def test_values(machine: Machine, trace: Trace) -> None:
    first = to_itf(machine, trace)["states"][0]
    assert first["source_vm"] == "running"
    assert first["source_has_bitmap"] is True
    assert first["source_cursor"] == "chunk 0"
    assert first["stream"] == []
    assert first["source_bits"] == {"#set": []}
    assert first["writes_left"] == {"#bigint": "1"}
    assert first["cut_left"] == {"#bigint": "1"}


def test_messages_carry_the_granules_of_the_disk(machine: Machine) -> None:
    state = dict(zip(machine.position, machine.initials[0], strict=True))
    state |= {
        "source.bits": 0b1001,
        "stream[0].kind": 2,
        "stream[0].chunk": 2,  # the name of chunk 1
        "stream[0].contents": 0b10,
        "stream[1].kind": 4,
    }
    trace = Trace(OPTIONS, BROKEN, tuple(state.values()), ())
    (only,) = to_itf(machine, trace)["states"]
    assert only["source_bits"] == {
        "#set": [{"#bigint": "0"}, {"#bigint": "3"}]
    }
    assert only["stream"] == [
        {
            "kind": "BITS",
            "chunk": {"#bigint": "1"},
            "contents": {"#set": [{"#bigint": "3"}]},
        },
        {"kind": "RUN"},
    ]


def test_a_lasso_has_a_loop(machine: Machine, trace: Trace) -> None:
    steps = len(trace.moves)
    lasso = Trace(OPTIONS, "MigrationEnds", trace.initial, trace.moves, steps)
    itf = to_itf(machine, lasso)
    assert itf["loop"] == steps
    assert len(itf["states"]) == steps + 1
