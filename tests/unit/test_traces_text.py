# SPDX-License-Identifier: GPL-2.0-or-later
"""Traces as text: at most 72 columns, and what a reader looks for."""

import random

import pytest

from checker.citing.sequence import render_sequence
from checker.engines.interpreter import successors
from checker.text import (
    UNBROKEN,
    WIDTH,
    command_lines,
    listed,
    wrapped,
)
from checker.traces.changes import Change, changes_along
from checker.traces.explain import explain
from checker.traces.messages import Traffic, traffic_along
from checker.traces.shortest import move_of
from checker.traces.table import render_states, render_table
from checker.traces.trace import Trace
from model.design import DESIGNS
from model.designs import build
from model.language import Machine
from model.lookup import mechanisms_of
from model.options import Bounds, Failures, Options
from tests.unit.violations import mail, violations


@pytest.fixture(scope="module")
def found() -> dict[str, tuple[Machine, Trace]]:
    return violations()


FORMS = {
    "table": render_table,
    "states": render_states,
    "sequence": render_sequence,
    "explain": explain,
    "mail": mail,
}


def assert_fits(text: str) -> None:
    for line in text.split("\n"):
        assert len(line) <= WIDTH, line
        assert line == line.rstrip(), repr(line)
        assert line.isascii(), line
    assert text.endswith("\n") and not text.endswith("\n\n")


@pytest.mark.parametrize("form", FORMS)
def test_72_columns_on_every_variant(
    found: dict[str, tuple[Machine, Trace]], form: str
) -> None:
    for machine, trace in found.values():
        assert_fits(FORMS[form](machine, trace))


def stroll(options: Options, steps: int, seed: int) -> tuple[Machine, Trace]:
    """A run that goes anywhere; what it claims to show is not looked at."""
    machine = build(options)
    chance = random.Random(seed)
    state, moves = machine.initials[0], []
    for _ in range(steps):
        ways = list(successors(machine, state))
        if not ways:
            break
        number, state = chance.choice(ways)
        moves.append(move_of(machine, number, state))
    name = next(p.name for p in machine.properties if p.kind == "always")
    return machine, Trace(options, name, machine.initials[0], tuple(moves))


@pytest.mark.parametrize("design", DESIGNS)
def test_72_columns_on_large_disks(design: str) -> None:
    options = Options(
        design=design,
        bounds=Bounds(chunks=4, granules=16, channel=16),
        failures=Failures(cut="unlimited", retry=1000, cancel=3, refuse=1),
        without=frozenset(m.name for m in mechanisms_of(design)[:4]),
    )
    for seed in range(2):
        machine, trace = stroll(options, 120, seed)
        for form in FORMS.values():
            assert_fits(form(machine, trace))


def test_every_form_works_without_any_step() -> None:
    machine, trace = stroll(Options(design="live"), 0, 0)
    for form in FORMS.values():
        assert_fits(form(machine, trace))


def test_the_same_trace_gives_the_same_text(
    found: dict[str, tuple[Machine, Trace]],
) -> None:
    machine, trace = found["successor"]
    for form in FORMS.values():
        assert form(machine, trace) == form(build(trace.options), trace)


def test_changes_are_what_differs(
    found: dict[str, tuple[Machine, Trace]],
) -> None:
    machine, trace = found["successor"]
    steps = changes_along(machine, trace)
    assert len(steps) == len(trace.moves)
    assert steps[0] == (
        Change("source.migration", "none", "setup", ghost=False),
        Change("link", "down", "up", ghost=False),
    )
    ghosts = {c.name for step in steps for c in step if c.ghost}
    assert ghosts == {"ghost_true_dirty", "ghost_arrived"}


def test_the_table_marks_ghosts_and_shows_nothing_else(
    found: dict[str, tuple[Machine, Trace]],
) -> None:
    machine, trace = found["successor"]
    text = render_table(machine, trace)
    assert "* ghost_true_dirty          {} -> {0}" in text
    assert "* ghost: no host can see it" in text
    assert "ghost_missed" not in text
    assert "successor" in render_states(machine, trace)
    assert "* ghost_missed" in render_states(machine, trace)


def flows(machine: Machine, trace: Trace, action: str) -> list[Traffic]:
    return [
        flow
        for move, step in zip(
            trace.moves, traffic_along(machine, trace), strict=True
        )
        for flow in step
        if move.action == action
    ]


def test_messages_are_sent_received_and_lost(
    found: dict[str, tuple[Machine, Trace]],
) -> None:
    machine, trace = found["nobody fences"]
    (sent,) = flows(machine, trace, "dirty_bitmap_save_setup")
    assert sent == Traffic("stream", sent=("START",))
    assert not flows(machine, trace, "channel_cut")  # it may still arrive
    (noticed,) = flows(machine, trace, "incoming_fails")
    assert "RUN" in noticed.lost and not noticed.received
    machine, trace = found["successor"]
    (loaded,) = flows(machine, trace, "dirty_bitmap_load_bits")
    assert loaded == Traffic("stream", received=("BITS(0: {})",))


def test_a_refusal_receives_the_message_it_refuses(
    found: dict[str, tuple[Machine, Trace]],
) -> None:
    machine, trace = found["refused"]
    (flow,) = flows(machine, trace, "dirty_bitmap_load_start_refused")
    assert flow.received == ("START",)


def rows(text: str, word: str) -> list[str]:
    return [line for line in text.split("\n") if word in line]


def test_the_chart_shows_arrows_losses_and_who_runs(
    found: dict[str, tuple[Machine, Trace]],
) -> None:
    chart = render_sequence(*found["successor"])
    assert rows(chart, "---")[0].startswith("   |" + " " * 24 + "#--- START")
    assert any(line.endswith("--- START -->|") for line in rows(chart, "---"))
    assert rows(chart, "guest: destination_write_data")
    assert rows(chart, "[true dirty {} -> {0}]")
    chart = render_sequence(*found["nobody fences"])
    assert rows(chart, "X X channel_cut(how=close) X X")
    assert rows(chart, "x RUN is lost x")
    both = render_sequence(*found["both run"]).split("\n")
    last = both[both.index("") - 1]
    assert last.count("#") == 2
    chart = render_sequence(*found["partial"])
    assert "X source_killed" in chart
    after = chart.split("\n")[
        chart.split("\n").index(rows(chart, "X source_killed")[0]) + 1
    ]
    assert after[28] == " "  # its lifeline has ended


def test_a_lasso_shows_where_it_starts_and_ends(
    found: dict[str, tuple[Machine, Trace]],
) -> None:
    machine, trace = found["never ends"]
    assert trace.loop is not None
    chart = render_sequence(machine, trace)
    assert "~~~ from here on, for ever ~~~" in chart
    assert f"~~~ and again from step {trace.loop + 1} ~~~" in chart
    assert "--- from here on, for ever ---" in render_table(machine, trace)
    text = explain(machine, trace)
    assert f"repeats steps {trace.loop + 1} to {len(trace.moves)}" in text
    assert len(rows(text, " for ever  ")) == len(trace.moves) - trace.loop + 1
    text = explain(*found["stays"])
    assert "no fair action is enabled there" in " ".join(text.split())
    assert "and stays like this" in render_table(*found["stays"])


def test_explain_marks_the_step_that_breaks_it(
    found: dict[str, tuple[Machine, Trace]],
) -> None:
    machine, trace = found["successor"]
    text = explain(machine, trace)
    (violated,) = rows(text, "VIOLATED")
    assert violated.startswith(f"{len(trace.moves):3}  ")
    assert trace.moves[-1].label in violated
    (lost,) = rows(text, "dirty_bitmap_load_bits")
    assert "|>." in lost  # the conclusion turns false here
    assert f"Broken by step {len(trace.moves)}" in text
    assert "ghost_true_dirty = {0}" in text
    assert "destination.bits = {}" in text
    deadlock = explain(*found["nobody fences"])
    assert "  loadvm_run: next in stream is RUN" in deadlock


def test_lines_break_at_spaces_then_commas_then_anywhere() -> None:
    assert wrapped("aa bb cc", "> ", width=8) == ["> aa bb", "  cc"]
    assert wrapped("{1,2,3,4}", "> ", width=8) == ["> {1,2,", "  3,4}"]
    assert wrapped("load_bits(x=0)", width=11) == ["load_bits", "(x=0)"]
    assert wrapped("load_it_now", width=9) == ["load_it_", "now"]
    assert wrapped("abcdefghij", "> ", width=8) == ["> abcdef", "  ghij"]
    assert wrapped(f"a b{UNBROKEN}c", width=4) == ["a", "b c"]
    assert wrapped("", "> ") == [">"]
    assert listed([]) == "none"
    assert listed(list("abc"), shown=2) == "a, b and 1 more"


def test_a_command_stays_a_command() -> None:
    words = ["dbmcheck", *(f"--option-{n}" for n in range(20)), "x" * 200]
    lines = command_lines(" ".join(words))
    assert all(len(line) <= WIDTH for line in lines)
    joined = "\n".join(lines).replace("\\\n", "").split()
    assert joined == ["$", *words]
