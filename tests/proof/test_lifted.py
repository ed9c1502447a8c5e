# SPDX-License-Identifier: GPL-2.0-or-later
"""Do the clauses hold at every granule of a disk that has a size?"""

from __future__ import annotations

import random

import pytest
from attrs import evolve

from checker.engines.evaluate import Evaluator
from checker.proof.certificate.bits import Bits
from checker.proof.certificate.certificate import Certificate
from checker.proof.certificate.lifted import (
    CONSECUTION,
    INITIATION,
    OBLIGATIONS,
    SAFETY,
    TYPES,
    check_lifted,
    disk_machine,
)
from checker.proof.obligation import Outcome
from checker.proof.projection import disk_of, project
from checker.proof.simulation import Size
from model.language import expression as ex
from model.language.machine import Action, Conjunct, Instance, Machine
from tests.proof.claims import (
    claim,
    each_design,
    empty,
    excluding,
    one_design,
    saying,
    with_clause,
    without_clause,
)

SMALL = Size(2, 2, 2)


def refuted(one: Certificate, size: Size = SMALL) -> dict[str, str]:
    """Name and detail of what is refuted; the rest is proved."""
    found = check_lifted(one, size)
    assert tuple(o.name for o in found) == OBLIGATIONS
    assert all(o.outcome is not Outcome.OPEN for o in found)
    return {o.name: o.detail for o in found if not o.proved}


@each_design
@pytest.mark.parametrize(
    "size",
    [
        pytest.param(Size(1, 1, 1), marks=pytest.mark.full),
        SMALL,
        pytest.param(Size(3, 1, 4), marks=pytest.mark.full),
    ],
    ids=str,
)
def test_small_disks(design: str, size: Size) -> None:
    assert refuted(claim(design), size) == {}


@pytest.mark.full
@each_design
def test_16_granules(design: str) -> None:
    assert refuted(claim(design), Size(4, 4, 2)) == {}


@pytest.mark.slow
@each_design
@pytest.mark.parametrize(
    "size", [Size(8, 8, 2), Size(64, 1, 2), Size(1, 64, 3)], ids=str
)
def test_64_granules(design: str, size: Size) -> None:
    assert refuted(claim(design), size) == {}


@pytest.mark.slow
@each_design
def test_more_granules_than_options_allow(design: str) -> None:
    assert refuted(claim(design), Size(10, 10, 2)) == {}


def test_a_disk_may_be_larger_than_options_allow() -> None:
    machine = disk_machine(empty("live"), Size(100, 3, 2))
    assert len(disk_of(machine).granules) == 300


@one_design
def test_a_clause_that_is_not_true_at_first(design: str) -> None:
    one = claim(design)
    wrong = saying(one.machine, ghost_missed=["{c}"])
    assert refuted(with_clause(one, wrong)) == {
        INITIATION: "seen from granule 0: c is in ghost_missed"
    }


@one_design
def test_a_clause_that_a_step_breaks(design: str) -> None:
    one = claim(design)
    wrong = saying(one.machine, source__migration=["none"])
    assert refuted(with_clause(one, wrong)) == {
        CONSECUTION: "migrate: seen from granule 0: source.migration is none"
    }


@one_design
def test_a_clause_that_a_step_breaks_at_one_granule(design: str) -> None:
    one = claim(design)
    wrong = saying(one.machine, source__in_flight=["{}"])
    found = refuted(with_clause(one, wrong))
    assert list(found) == [CONSECUTION]
    assert found[CONSECUTION] == (
        "source_write_data(granule=0): seen from granule 0: "
        "c is not in source.in_flight"
    )


@one_design
def test_clauses_that_are_too_weak(design: str) -> None:
    one = claim(design)
    fewer = without_clause(one, excluding(one, "ghost_missed"))
    assert refuted(fewer) == {SAFETY: "BackupChainRestoresDisk"}


@pytest.mark.parametrize(
    "mechanism", ["drain-at-stop", "remove-partial", "bit-before-ack"]
)
def test_an_invariant_of_another_design(mechanism: str) -> None:
    one = claim("stop-copy")
    other = empty("stop-copy", mechanism)
    assert CONSECUTION in refuted(evolve(one, options=other.options))


def test_steps_that_change_different_fields_are_not_alike(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One after the other puts 0 into a field, under the same guard."""
    one = claim("stop-copy")
    steps = tuple(
        Instance(
            "lose",
            "nobody",
            (("field", name),),
            (Conjunct("always", ex.TRUE),),
            ((name, ex.FALSE),),
        )
        for name in ("ghost_retried", "source.has_bitmap")
    )
    lose = Action("lose", "nobody", False, False, "", steps)

    def twin(claimed: Certificate, size: Size) -> Machine:
        machine = disk_machine(claimed, size)
        return evolve(machine, actions=(*machine.actions, lose))

    monkeypatch.setattr("checker.proof.certificate.lifted.disk_machine", twin)
    found = refuted(one)
    assert list(found) == [CONSECUTION]
    assert found[CONSECUTION].startswith("lose(field=source.has_bitmap): ")


# -- limits ------------------------------------------------------------------


def test_what_is_not_shown_in_time_stays_open() -> None:
    found = check_lifted(claim("stop-copy"), SMALL, seconds=0.0)
    by_name = {o.name: o for o in found}
    # values alone decide the initial states
    assert by_name[INITIATION].proved
    for name in (TYPES, CONSECUTION, SAFETY):
        assert by_name[name].outcome is Outcome.OPEN
        assert by_name[name].detail == "out of time"


def test_what_is_interrupted_stays_open() -> None:
    said: list[str] = []

    def interrupt(text: str) -> None:
        said.append(text)
        if text.startswith(CONSECUTION):
            raise KeyboardInterrupt

    found = check_lifted(claim("stop-copy"), SMALL, report=interrupt)
    opened = {o.name: o.detail for o in found if not o.proved}
    assert opened == {CONSECUTION: "interrupted"}
    assert said == [TYPES, INITIATION, f"{CONSECUTION}: 0 of 4", SAFETY]


# -- bits -------------------------------------------------------------------


@each_design
def test_bits_mean_what_was_written(design: str) -> None:
    one = empty(design)
    machine = disk_machine(one, Size(2, 3, 2))
    wanted = [i.enabled for i in machine.instances]
    wanted += [p.violated for p in machine.properties if p.kind == "always"]
    for granule in disk_of(machine).granules:
        seen = project(machine, one.machine, granule)
        wanted += seen.fields.values()
        for instance in machine.instances:
            wanted += seen.after(instance).values()
    bits, chosen = Bits(), random.Random(1)
    rewritten = [(node, bits.plain(node)) for node in wanted]
    assert any(node is not plain for node, plain in rewritten)
    for _ in range(20):
        state = tuple(chosen.getrandbits(f.type.width) for f in machine.fields)
        at = Evaluator(machine, state)
        assert all(at.value(n) == at.value(plain) for n, plain in rewritten)


def test_questions_that_ask_the_same_are_the_same() -> None:
    one = empty("live")
    machine = disk_machine(one, Size(2, 2, 2))
    first, last = (disk_of(machine).granules[n] for n in (0, -1))
    seen, bits = project(machine, one.machine, first), Bits()
    now = bits.plain(seen.fields["source.bits"])
    steps = {i.label: i for i in machine.instances}
    elsewhere = steps[f"source_set_dirty(granule={last})"]
    here = steps[f"source_set_dirty(granule={first})"]
    assert bits.plain(seen.after(elsewhere)["source.bits"]) is now
    assert bits.plain(seen.after(here)["source.bits"]) is not now
