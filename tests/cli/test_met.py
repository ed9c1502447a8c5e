# SPDX-License-Identifier: GPL-2.0-or-later
"""What is met, or holds, is no violation, whoever shows it."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from attrs import evolve

from checker.citing.mail import mail_block
from checker.input import configuration
from checker.input.errors import NothingToShowError
from checker.qemu.traces.choice import witnesses
from checker.traces.claim import Claim, claim_of, first_met, why_not_shown
from checker.traces.storage import save
from checker.traces.trace import Trace
from model.design import DESIGNS, LIVE, STOP_COPY_BULK
from model.designs import build
from model.language import Conjunct, Machine, Property
from model.language import expression as ex
from model.options import Bounds, Options
from tests.command import Result

Command = Callable[..., Result]


@cache
def witnessed(design: str) -> list[Trace]:
    """The shortest run to each thing that is to be reachable."""
    return witnesses(Options(design=design, bounds=Bounds(chunks=1)))


@pytest.fixture(params=DESIGNS)
def met(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    """A file with a trace that meets a property, and the property."""
    path, trace = tmp_path / "met.json", witnessed(request.param)[0]
    save(trace, path)
    return str(path), trace.property_name


def test_replay_says_met_and_where(
    dbmcheck: Command, met: tuple[str, str]
) -> None:
    path, name = met
    result = dbmcheck("replay", path)
    text = " ".join(result.out.split())
    assert result.code == 0
    assert f"shows that {name} is met, first after step " in text
    assert "violated" not in text
    data = json.loads(dbmcheck("replay", path, "--format", "json").out)
    assert data["shows"] == "met"


@pytest.mark.parametrize("command", ["cite", "show --as mail"])
def test_there_is_nothing_to_cite(
    dbmcheck: Command, met: tuple[str, str], command: str
) -> None:
    path, name = met
    result = dbmcheck(*command.split(), path)
    assert result.code == 2
    assert not result.out
    assert f"{name} is met after step " in result.err
    assert result.err.endswith(": there is nothing to cite\n")
    assert len(result.err.splitlines()) == 1


def test_other_forms_call_nothing_broken(
    dbmcheck: Command, met: tuple[str, str]
) -> None:
    path, _ = met
    for form in ("table", "states", "sequence", "itf", "pytest"):
        shown = dbmcheck("show", path, "--as", form)
        assert shown.code == 0, form
        assert "violated" not in shown.out
    explained = dbmcheck("explain", path)
    assert explained.code == 0
    assert "Met by step " in explained.out
    assert "VIOLATED" not in explained.out


@pytest.mark.parametrize("design", DESIGNS)
def test_every_thing_that_is_to_be_reachable(design: str) -> None:
    traces = witnessed(design)
    kinds = set()
    for trace in traces:
        machine = build(trace.options)
        kinds.add(bool(machine.property(trace.property_name).by))
        assert claim_of(machine, trace) is Claim.MET
        assert first_met(machine, trace) == len(trace.moves)
        with pytest.raises(NothingToShowError):
            mail_block(machine, trace, reproduce="")
    # of these only what needs no step that QEMU lacks is looked for
    lacks = design in (LIVE, STOP_COPY_BULK)
    assert kinds == ({True} if lacks else {True, False})


def test_met_by_a_state_or_by_a_step() -> None:
    """A property that names steps and states is met by either."""
    trace = witnessed("postcopy")[0]
    machine = build(trace.options)
    met = machine.property(trace.property_name)
    either = evolve(met, by=(trace.moves[0].action,))
    both = evolve(machine, properties=(either,))
    assert first_met(both, trace) == 1
    assert why_not_shown(both, trace) == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["postcopy-small"], "postcopy-small: HOLDS, there is no violation"),
        (["postcopy-small", "--property", "S1"], "S1 HOLDS, there is no"),
        (["postcopy-small", "--property", "NoDeadlock"], "HOLDS, there is"),
        (["postcopy-small", "--property", "Nothing"], "no property"),
        (["postcopy-without-successor", "--property", "S6"], "S6 HOLDS"),
    ],
)
def test_what_holds_cannot_be_cited(
    dbmcheck: Command, arguments: list[str], said: str
) -> None:
    result = dbmcheck("cite", *arguments)
    assert result.code == 2
    assert said in result.err
    assert len(result.err.splitlines()) == 1


def test_what_a_configuration_meets_cannot_be_cited(
    dbmcheck: Command,
) -> None:
    name = witnessed("postcopy")[0].property_name
    result = dbmcheck("cite", "postcopy-small", "--property", name)
    assert result.code == 2
    assert f"{name} is met, there is no violation" in result.err


def test_what_was_never_met_cannot_be_cited_either(
    dbmcheck: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """VIOLATED, and yet there is no run that would show it."""
    never = Property(
        "NeverThere", "reachable", "", "", then=(Conjunct("no", ex.FALSE),)
    )

    def broken(options: Options) -> Machine:
        machine = build(options)
        return evolve(machine, properties=(*machine.properties, never))

    monkeypatch.setattr(configuration, "build", broken)
    result = dbmcheck("cite", "postcopy-small")
    assert result.code == 10
    assert "NeverThere: it is never reached; no run shows that" in result.err
    assert len(result.err.splitlines()) == 1
