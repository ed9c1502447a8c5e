# SPDX-License-Identifier: GPL-2.0-or-later
"""Do random walks stay within what the engines found?

A walk takes enabled steps of a small configuration, one by one, by generated
Python.  On the way it looks at the state in several ways.  At the end both
engines are asked about all that it did: the interpreter step by step, the
explicit search by the states and steps it has found.
"""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from checker.engines.exploration import violated
from checker.engines.interpreter import successors
from checker.engines.native.explicit import explore
from checker.engines.native.found import ExplicitSearch
from model.design import DESIGNS
from model.designs import build
from model.language import Machine, State
from model.options import BUSY_POLICIES, Bounds, Failures, Options
from tests.searches import ALL_ONCE
from tests.stateful.python_steps import PythonSteps

SMALL = Bounds(chunks=1, granules=2)
NETWORK = Failures(cut=1, refuse=1, cancel=1, retry=1)


def without(design: str, *names: str) -> Options:
    return Options(
        design=design,
        bounds=SMALL,
        failures=NETWORK,
        without=frozenset(names),
    )


CONFIGURATIONS = {
    **{
        f"{d}, all failures": Options(
            design=d, bounds=SMALL, failures=ALL_ONCE
        )
        for d in DESIGNS
    },
    "live, throttled": Options(
        design="live",
        bounds=Bounds(chunks=1, writes="throttled", throttle=1),
        failures=NETWORK,
    ),
    "postcopy, two chunks, cut for ever": Options(
        design="postcopy",
        bounds=Bounds(chunks=2, writes=2, channel=3),
        failures=Failures(cut="unlimited", retry="unlimited"),
    ),
    **{
        f"{design}, jobs and edits": Options(
            design=design,
            bounds=Bounds(chunks=1, granules=2, in_flight=2, edits=2),
            failures=Failures(backup_fails=1, cancel=1, retry=1),
        )
        for design in ("live", "stop-copy")
    },
    **{
        f"busy: {policy}": Options(
            design="postcopy",
            bounds=SMALL,
            failures=Failures(cut=1, retry=1),
            busy_bitmap=policy,
        )
        for policy in BUSY_POLICIES
    },
    **{
        options.name: options
        for options in (
            without("live", "clear-meta-before-read", "last-pass-stopped"),
            without("postcopy", "successor", "drain-before-backup", "fencing"),
            without("stop-copy", "remove-partial", "no-resume-after-run"),
        )
    },
}


class Found:
    """What the explicit search of one configuration found."""

    def __init__(self, options: Options) -> None:
        self.machine: Machine = build(options)
        self.python = PythonSteps(self.machine)
        self.search: ExplicitSearch = explore(self.machine)
        coverage = self.search.coverage
        assert not coverage.stopped
        self.first_level = coverage.first_level
        self.targets: dict[int, dict[int, int]] = {}
        for level in range(coverage.levels):
            for steps in self.search.steps(level):
                for origin, instance, target in zip(
                    steps.origin.tolist(),
                    steps.instance.tolist(),
                    steps.target.tolist(),
                    strict=True,
                ):
                    self.targets.setdefault(origin, {})[instance] = target

    def level_of(self, number: int) -> int:
        """The level that a state was found in."""
        starts = self.search.level_starts
        return int(np.searchsorted(starts, number, "right")) - 1


found = cache(Found)


class Walk(RuleBasedStateMachine):
    """A walk through one configuration."""

    options: ClassVar[Options]

    def __init__(self) -> None:
        super().__init__()
        self.found = found(self.options)
        self.machine = self.found.machine
        self.python = self.found.python
        (self.state,) = self.machine.initials
        self.went: list[tuple[State, int, State]] = []

    def go(self, number: int) -> None:
        new = self.python.successor(self.state, number)
        self.went.append((self.state, number, new))
        self.state = new

    def is_open(self) -> bool:
        return bool(self.python.enabled(self.state))

    # -- steps -----------------------------------------------------------

    @precondition(is_open)
    @rule(data=st.data())
    def take_any_step(self, data: Any) -> None:
        labels = {
            self.machine.instances[number].label: number
            for number in self.python.enabled(self.state)
        }
        self.go(labels[data.draw(st.sampled_from(sorted(labels)))])

    @precondition(is_open)
    @rule(most=st.integers(1, 8))
    def let_the_protocol_go_on(self, most: int) -> None:
        fair = {a.name for a in self.machine.actions if a.fair}
        for _ in range(most):
            for number in self.python.enabled(self.state):
                if self.machine.instances[number].action in fair:
                    self.go(number)
                    break

    # -- what can be seen at any time ------------------------------------

    @rule()
    def every_field_holds_a_code_in_use(self) -> None:
        assert self.python.is_valid(self.state)

    @rule()
    def nobody_is_stuck_but_where_a_run_may_end(self) -> None:
        if self.is_open() or self.python.may_end(self.state):
            return
        deadlock_level = self.found.search.coverage.deadlock_level
        assert deadlock_level is not None
        assert deadlock_level <= len(self.went)

    @rule()
    def every_variable_can_be_read(self) -> None:
        for variable in self.machine.variables:
            shown = self.machine.show(variable, self.state)
            assert shown
            assert "?" not in shown

    @rule()
    def nothing_stands_behind_an_unused_slot(self) -> None:
        for variable in self.machine.variables:
            if "[0]" not in variable.fields[0]:
                continue
            codes = [
                self.state[self.machine.position[f]] for f in variable.fields
            ]
            parts = len([f for f in variable.fields if "[0]" in f])
            kinds = codes[::parts]
            sent = len(kinds) - kinds.count(0)
            assert all(kinds[:sent])
            assert not any(codes[sent * parts :])

    @invariant()
    def a_violation_is_one_that_the_search_has_found(self) -> None:
        for name in self.python.violated(self.state):
            harmful = self.options.busy_bitmap in ("fail", "leave-out")
            assert self.options.without or harmful, name
            assert self.found.first_level[violated(name)] <= len(self.went)

    # -- at the end ------------------------------------------------------

    def teardown(self) -> None:
        for before, number, then in self.went:
            assert dict(successors(self.machine, before))[number] == then
        (state,) = self.machine.initials
        here = self.found.search.number_of(state)
        assert here == 0
        for i, (before, number, then) in enumerate(self.went):
            targets = self.found.targets.get(here, {})
            assert sorted(targets) == self.python.enabled(before)
            here = targets[number]
            assert self.found.search.number_of(then) == here
            assert self.found.search.state(here) == then
            assert self.found.level_of(here) <= i + 1


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_walk(name: str) -> None:
    walk = type("Walk", (Walk,), {"options": CONFIGURATIONS[name]})
    run_state_machine_as_test(
        walk,
        settings=settings(settings(), max_examples=30, stateful_step_count=40),
    )
