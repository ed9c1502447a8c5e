# SPDX-License-Identifier: GPL-2.0-or-later
"""Can one walk by hand, from a trace too, and keep what was walked?"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from checker.checking.check import check
from checker.cli.chosen_trace import gravest_trace
from checker.cli.step_view import COMMANDS
from checker.input.configuration import load
from checker.qemu.traces.choice import witnesses
from checker.traces import storage
from checker.traces.walk import broken, walked
from tests.command import Result, too_wide

Command = Callable[..., Result]
Walking = Callable[..., Result]

VIOLATED = "postcopy-without-successor"
BROKEN = "NoLostDirtyBitOnDestination"
PROMPT = re.compile(r"^\[(\d+)\] > ", re.M)


@pytest.fixture
def step(
    dbmcheck: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Walking:
    """Walks in an empty directory: a CONFIG or TRACE, and what is typed."""
    monkeypatch.chdir(tmp_path)

    def call(argument: str, *typed: str) -> Result:
        text = "".join(f"{line}\n" for line in typed)
        monkeypatch.setattr("sys.stdin", io.StringIO(text))
        result = dbmcheck("step", argument)
        assert too_wide(result.out) == []
        return result

    return call


@pytest.fixture
def trace(step: Walking, tmp_path: Path) -> str:
    """A file in that directory with the gravest violation of VIOLATED."""
    return trace_of(VIOLATED, tmp_path)


def trace_of(name: str, folder: Path) -> str:
    found = gravest_trace(check(load(name)))
    assert found is not None
    storage.save(found, folder / "t.json")
    return "t.json"


def places(result: Result) -> list[int]:
    """After how many steps one stood at each prompt."""
    return [int(found) for found in PROMPT.findall(result.out)]


# -- from a configuration ----------------------------------------------------


def test_take_undo_and_quit(step: Walking) -> None:
    result = step("postcopy-small", "1", "s", "u", "u", "q")
    assert result.code == 0
    assert "source.in_flight: {} -> {0}" in result.out
    assert "source.in_flight: {0} -> {}" in result.out
    assert "this is the initial state" in result.out
    assert places(result) == [0, 1, 1, 0, 0]


def test_it_ends_with_its_input(step: Walking) -> None:
    assert step("live-small").code == 0


def test_it_says_where_a_property_breaks(step: Walking) -> None:
    result = step("stop-copy-bit-after-ack", "1")
    assert "! NoLostDirtyBitOnSource (S1) is violated here" in result.out


def test_it_says_where_it_is_stuck(step: Walking, tmp_path: Path) -> None:
    trace_of("postcopy-nobody-fences", tmp_path)
    stuck = storage.load(Path("t.json"))
    labels = [move.label for move in stuck.moves]
    result = step("postcopy-nobody-fences", *labels)
    assert result.code == 0
    assert "  ! NoDeadlock is violated here\n" in result.out
    assert "  nothing is enabled\n" in result.out


def test_an_action_by_its_name(step: Walking) -> None:
    by_name = step("postcopy-small", "migrate", "u", "QUIT")
    assert by_name.code == 0
    assert places(by_name) == [0, 1, 0]
    false = step("postcopy-small", "vm_start")
    assert false.code == 2
    assert "step 1, vm_start: its guard" in false.out


# -- from a trace ------------------------------------------------------------


def test_it_begins_where_the_trace_ends(step: Walking, trace: str) -> None:
    steps = len(storage.load(Path(trace)).moves)
    result = step(trace, "s")
    assert places(result) == [steps, steps]
    assert f"> {steps:3}  " in result.out
    assert f"! {BROKEN} (S1) is violated here" in result.out


def test_back_and_forward(step: Walking, trace: str) -> None:
    end = len(storage.load(Path(trace)).moves)
    typed = ("j 0", "j 5", f"jump {end}", "u 3", "J !", f"j {BROKEN}", "u 99")
    result = step(trace, *typed)
    assert result.code == 0
    assert places(result) == [end, 0, 5, end, end - 3, end, end, 0]
    assert result.out.count("after step 5\n") == 1


def test_the_way_ahead_is_kept_while_it_is_taken(
    step: Walking, trace: str
) -> None:
    moves = storage.load(Path(trace)).moves
    along = step(trace, "j 3", moves[3].label, "j 10")
    assert along.code == 0 and places(along)[-1] == 10
    walk = walked(storage.load(Path(trace))).jump(3)
    other = next(m for m in walk.choices if m != moves[3])
    aside = step(trace, "j 3", other.label, "j 10")
    assert aside.code == 2 and places(aside)[-1] == 4
    assert "there is no step 10; allowed are 0 to 4" in aside.out


def test_a_lasso_goes_round(step: Walking, tmp_path: Path) -> None:
    path = trace_of("live-never-ends", tmp_path)
    loop = storage.load(Path(path)).loop
    where = f"after step {loop}" if loop else "in the initial state"
    again = f"and again as {where}, for ever\n"
    result = step(path, "save copy.json", "u", "r", "1")
    assert result.code == 0
    assert result.out.count(again) == 2
    assert Path("copy.json").read_text() == Path(path).read_text()


def test_of_a_trace_nothing_is_taken_out(
    dbmcheck: Command, trace: str
) -> None:
    result = dbmcheck("step", trace, "--without", "meta-sees-clear")
    assert result.code == 2 and result.out == ""
    assert "--without goes with a CONFIG" in result.err


# -- save --------------------------------------------------------------------


def test_what_is_saved_is_the_trace_again(
    step: Walking, dbmcheck: Command, trace: str
) -> None:
    text = Path(trace).read_text()
    assert step(trace, "save again.json").code == 0
    assert Path("again.json").read_text() == text
    retyped = [m.label for m in storage.load(Path(trace)).moves]
    step(VIOLATED, *retyped, "save 'a b.json'")
    assert Path("a b.json").read_text() == text
    assert dbmcheck("replay", "a b.json").code == 0


def test_a_run_that_shows_nothing(
    step: Walking, dbmcheck: Command, trace: str
) -> None:
    path = "run.json"
    result = step(trace, "j 5", f"save {path}")
    assert result.code == 0
    assert json.loads(Path(path).read_text())["property"] == "Run"
    replayed = dbmcheck("replay", path)
    said = " ".join(replayed.out.split())
    assert "and is a run of which nothing is claimed: postcopy" in said
    as_data = dbmcheck("replay", path, "--format", "json").out
    assert json.loads(as_data)["shows"] == "nothing"
    for form in ("table", "states", "sequence", "itf"):
        assert dbmcheck("show", path, "--as", form).code == 0
    for command in (("cite",), ("explain",), ("show", "--as", "pytest")):
        refused = dbmcheck(command[0], path, *command[1:])
        assert refused.code == 2 and refused.out == ""
        assert "saved with no claim" in refused.err
    assert places(step(path)) == [5]


def test_a_run_that_meets_a_property(step: Walking, dbmcheck: Command) -> None:
    configuration = load("postcopy-small")
    met = witnesses(configuration.options)[0]
    labels = [move.label for move in met.moves]
    saved = f"save met.json {met.property_name}"
    early = step("postcopy-small", *labels[:-1], saved)
    assert early.code == 2 and not Path("met.json").exists()
    asked = step("postcopy-small", *labels, saved, "j 0")
    assert asked.code == 0
    assert "is met, first after" in " ".join(
        dbmcheck("replay", "met.json").out.split()
    )
    jumped = step("met.json", "j 0", f"j {met.property_name}")
    assert places(jumped)[-1] == len(labels)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("99", "'99' is not a choice; allowed are 1 to "),
        ("x", "'x' is not a choice; allowed are 1 to "),
        ("", "'' is not a choice; allowed are 1 to "),
        ("udno", "did you mean 'undo'?"),
        ("migrat", "did you mean 'migrate'?"),
        ("u x", "u: 'x' is not a number of steps"),
        ("u 99999999999", "is not a number of steps"),
        ("j", "j takes one word: the number of a step, ! or a property"),
        ("j 1 2", "j takes one word"),
        ("j 1", "there is no step 1; allowed are 0 to 0"),
        ("j !", "no state of this run of 0 steps violates a property"),
        ("j OneSideRuns", "no state of this run of 0 steps shows OneSideRuns"),
        ("j OneSideRun", "no property 'OneSideRun' here; did you mean"),
        ("j MigrationEnds", "it takes a run for ever to violate it"),
        ("save", "save takes FILE, and maybe the PROPERTY it shows"),
        ("save a b c", "save takes FILE"),
        ("save nowhere/a.json", "there is no directory"),
        ("save -", "name a file"),
        ("save a.json OneSideRuns", "this run does not show OneSideRuns"),
        ("save a.json Magic", "no property 'Magic' here"),
        ("save 'a.json", "No closing quotation"),
        ("migrate(chunk=0)", "no parameter 'chunk'"),
    ],
)
def test_what_cannot_be_done(
    step: Walking,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    typed: str,
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    result = step("postcopy-small", typed, "s")
    assert said in " ".join(result.out.split())
    # what comes after it is done
    assert places(result) == [0, 0, 0]
    assert result.code == 2
    assert result.err.startswith("dbmcheck: 1 command could not be done; ")
    assert result.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_on_a_terminal_a_slip_is_no_error(
    dbmcheck: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal("99\nq\n"))
    assert dbmcheck("step", "postcopy-small").code == 0


@pytest.mark.parametrize("word", ["?", "help", "HELP"])
def test_the_commands_are_told(step: Walking, word: str) -> None:
    result = step("postcopy-small", word)
    assert result.code == 0
    for command in COMMANDS:
        assert f"  {', '.join(command.names)} {command.words}" in result.out


def test_what_is_broken_is_what_the_search_says(tmp_path: Path) -> None:
    trace_of("postcopy-both-run", tmp_path)
    walk = walked(storage.load(tmp_path / "t.json"))
    *before, last = walk.states
    assert not any(broken(walk.machine, state) for state in before)
    assert broken(walk.machine, last) == ("OneSideRuns",)


OWN = """design = "drop"
[bounds]
chunks = 1
[always]
Quiet = "source.migration is none"
"""


def test_a_property_of_the_user(step: Walking, dbmcheck: Command) -> None:
    Path("own.toml").write_text(OWN)
    result = step("own.toml", "migrate", "save o.json")
    assert result.code == 0
    assert "! Quiet (own) is violated here" in result.out
    replayed = dbmcheck("replay", "o.json")
    assert replayed.code == 0 and "Quiet" in replayed.out
    again = step("o.json", "j 0", "j Quiet", "save p.json")
    assert again.code == 0
    assert Path("p.json").read_text() == Path("o.json").read_text()
