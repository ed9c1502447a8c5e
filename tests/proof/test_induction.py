# SPDX-License-Identifier: GPL-2.0-or-later
"""Does the check of an invariant find each way in which one can be wrong?"""

from __future__ import annotations

from attrs import evolve

from checker.proof.certificate.certificate import Certificate
from checker.proof.certificate.induction import (
    CONSECUTION,
    INITIATION,
    OBLIGATIONS,
    SAFETY,
    TYPES,
    check,
)
from checker.proof.obligation import Obligation, Outcome
from model.language import expression as ex
from model.language.machine import Instance, Machine
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


def refuted(one: Certificate) -> dict[str, str]:
    """Name and detail of what is refuted; the rest is proved."""
    found = check(one.machine, one.clauses)
    assert tuple(o.name for o in found) == OBLIGATIONS
    assert all(o.outcome is not Outcome.OPEN for o in found)
    return {o.name: o.detail for o in found if not o.proved}


@each_design
def test_all_is_proved(design: str) -> None:
    one = claim(design)
    found = check(one.machine, one.clauses)
    assert all(o.proved for o in found)
    assert all(o.queries > 0 for o in found)


@one_design
def test_a_clause_that_is_not_true_at_first(design: str) -> None:
    one = claim(design)
    wrong = saying(one.machine, ghost_missed=["{c}"])
    # nothing takes a granule out of what was missed
    only = evolve(one, clauses=(wrong,))
    assert refuted(with_clause(one, wrong)) == {
        INITIATION: "c is in ghost_missed"
    }
    assert INITIATION in refuted(only)


@one_design
def test_a_clause_that_a_step_breaks(design: str) -> None:
    one = claim(design)
    wrong = saying(one.machine, source__migration=["none"])
    assert refuted(with_clause(one, wrong)) == {
        CONSECUTION: "migrate: source.migration is none"
    }


@one_design
def test_clauses_that_are_too_weak(design: str) -> None:
    one = claim(design)
    fewer = without_clause(one, excluding(one, "ghost_missed"))
    assert refuted(fewer) == {SAFETY: "BackupChainRestoresDisk"}


def test_no_clauses_imply_nothing() -> None:
    assert set(refuted(empty("live"))) == {SAFETY}


def test_the_contradiction_is_not_true_at_first() -> None:
    one = claim("live")
    yes = saying(one.machine, source__busy=["yes"])
    no = saying(one.machine, source__busy=["no"])
    both = evolve(one, clauses=(yes, no))
    assert set(refuted(both)) == {INITIATION}


def _twin(machine: Machine, action: str, effect: ex.Expression) -> Machine:
    """``action`` puts ``effect`` into source.migration."""

    def changed(instance: Instance) -> Instance:
        rest = dict(instance.effect)
        rest["source.migration"] = effect
        return evolve(instance, effect=tuple(rest.items()))

    return evolve(
        machine,
        actions=tuple(
            evolve(a, instances=tuple(map(changed, a.instances)))
            if a.name == action
            else a
            for a in machine.actions
        ),
    )


def test_a_step_that_breaks_a_type() -> None:
    machine = claim("live").machine
    twin = _twin(machine, "dirty_bitmap_save_setup", ex.constant(15, 4))
    found: tuple[Obligation, ...] = check(twin, [])
    details = {o.name: o.detail for o in found if not o.proved}
    assert details[TYPES] == "dirty_bitmap_save_setup: the type"


def test_an_invariant_of_another_machine() -> None:
    one = claim("stop-copy")
    other = empty("stop-copy", "drain-at-stop").machine
    found = refuted(evolve(one, machine=other))
    assert CONSECUTION in found
