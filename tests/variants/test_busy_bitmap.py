# SPDX-License-Identifier: GPL-2.0-or-later
"""A backup job holds the bitmap at setup: what does each policy break?

Waiting breaks nothing if the job ends, and aborting the job breaks nothing of
the migration.  To fail breaks the promise that bitmaps fail no migration; to
leave the bitmap out, the promise that a success brings it along.
"""

from __future__ import annotations

import pytest
from attrs import evolve

from model.design import DESIGNS, LIVE, MIGRATE
from model.designs import build
from model.language import Machine
from model.options import BUSY_POLICIES, Failures, Options
from tests.searches import bounds_of, broken, broken_in, once

#: what breaks, beside nothing, by policy and design
BREAKS: dict[str, dict[str, set[str]]] = {
    "wait": {},
    "abort": {},
    "fail": {
        design: {"BitmapTroubleFailsNoMigration"}
        for design in MIGRATE
        if design != LIVE
    },
    "leave-out": {
        design: {"SuccessLosesNothing", "SuccessHasComplete"}
        for design in MIGRATE
    },
}
EACH = [(d, policy) for d in DESIGNS for policy in BUSY_POLICIES]
each = pytest.mark.parametrize(
    ("design", "policy"), EACH, ids=[f"{d}, {p}" for d, p in EACH]
)


def options_of(design: str, policy: str, *failures: str) -> Options:
    return Options(
        design=design,
        bounds=bounds_of(design, writes=2),
        failures=once(*failures),
        busy_bitmap=policy,
    )


@each
@pytest.mark.parametrize(
    "failures", [pytest.param((), marks=pytest.mark.full), ("cut", "retry")]
)
def test_what_a_policy_breaks(
    design: str, policy: str, failures: tuple[str, ...]
) -> None:
    """Nothing is unreachable, too, and every migration ends."""
    found = broken(options_of(design, policy, *failures))
    assert set(found) == BREAKS[policy].get(design, set())
    assert all(f.steps is not None for f in found.values())


@pytest.mark.slow
@each
def test_what_a_policy_breaks_with_every_failure(
    design: str, policy: str
) -> None:
    options = evolve(
        options_of(design, policy, *Failures.names()),
        bounds=bounds_of(design, writes=1),
    )
    found = set(broken(options))
    assert found == BREAKS[policy].get(design, set())


def endless_job(machine: Machine) -> Machine:
    """The machine with a backup job that may never end."""
    actions = tuple(
        evolve(a, fair=False) if a.name == "source_backup_succeeds" else a
        for a in machine.actions
    )
    assert actions != machine.actions
    return evolve(machine, actions=actions)


@each
def test_who_waits_for_a_job_that_never_ends(design: str, policy: str) -> None:
    """Setup waits if that is the policy; live's stop waits in any case."""
    machine = build(options_of(design, policy))
    found = broken_in(endless_job(machine)) - broken_in(machine)
    waits = policy == "wait" or design == "live"
    assert found == ({"MigrationEnds"} if waits else set())


@pytest.mark.parametrize("policy", BUSY_POLICIES)
def test_only_what_the_policy_needs_is_there(policy: str) -> None:
    steps = {
        "fail": "dirty_bitmap_save_setup_busy",
        "abort": "block_job_cancel",
        "leave-out": "dirty_bitmap_save_setup_leaves_out",
    }
    for design in DESIGNS:
        machine = build(options_of(design, policy))
        names = {a.name for a in machine.actions}
        assert names & set(steps.values()) == (
            {steps[policy]} if policy in steps else set()
        )
        known = {f.name for f in machine.fields}
        assert ("source.left_out" in known) == (policy == "leave-out")
