# SPDX-License-Identifier: GPL-2.0-or-later
"""Is a mutant that matters noticed, and one that does not let live?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from checker.engines.verdict import DEADLOCK
from checker.mutation.catalogue import Planned, catalogue
from checker.mutation.trial import (
    GROWTH,
    NEVER_FIRES,
    Baseline,
    Fate,
    Outcome,
    Size,
    baseline,
    tried,
)
from model.language import YES, Machine, MachineBuilder, Step
from tests.mutation.lamp import lamp


def outcomes(*machines: Machine) -> dict[str, Outcome]:
    """What becomes of every mutant, on these machines one by one."""
    bases = [baseline(f"size {n}", m) for n, m in enumerate(machines)]
    planned = catalogue(machines).planned
    return {one.name: tried(one, bases.__getitem__) for one in planned}


@pytest.fixture(scope="module")
def complete() -> dict[str, Outcome]:
    return outcomes(lamp())


@pytest.mark.parametrize(
    ("name", "killer"),
    [
        ('ask: guard "not asked" negated', NEVER_FIRES),
        ('shine: guard "light is warm" dropped', "OrderFirst"),
        ("shine: light not updated", "Bright"),
        ("ask: wire not updated", "OrderFirst, vacuous"),
        ("break_down: broken not updated", "LightComes"),
        ("shine: light: warm for on", "Bright"),
        ('shine: guard "not broken" negated', "Bright"),
    ],
)
def test_who_kills(
    complete: dict[str, Outcome], name: str, killer: str
) -> None:
    outcome = complete.get(name)
    assert outcome is not None
    assert outcome.fate is Fate.KILLED
    assert killer in outcome.killers


def test_a_property_that_is_missing_leaves_a_survivor(
    complete: dict[str, Outcome],
) -> None:
    name = 'shine: guard "light is warm" dropped'
    survivor = outcomes(lamp(complete=False))[name]
    assert survivor.fate is Fate.SURVIVED
    assert survivor.killers == ()
    assert complete[name].fate is Fate.KILLED


def test_what_no_reachable_state_tells_apart_is_not_run(
    complete: dict[str, Outcome],
) -> None:
    same = complete['ask: guard "wire has room" dropped']
    assert same.fate is Fate.SURVIVED and same.same_everywhere
    other = complete["shine: ghost_seen not updated"]
    assert other.fate is Fate.SURVIVED and not other.same_everywhere
    (seen,) = other.seen
    assert seen.after is not None
    assert seen.after.transitions <= seen.before.transitions


def test_the_first_configuration_that_tells_decides() -> None:
    found = outcomes(lamp(complete=False), lamp())
    late = found['shine: guard "light is warm" dropped']
    assert [one.configuration for one in late.seen] == ["size 0", "size 1"]
    assert late.killers == ("OrderFirst",)
    early = found['ask: guard "not asked" negated']
    assert [one.configuration for one in early.seen] == ["size 0"]


LIMIT = 5000


def counting(bounded: bool) -> Machine:
    """Counts to 3; ``bounded``: and something is said of 9."""
    build = MachineBuilder("counting")
    times = build.counter("times", LIMIT)

    @build.action("somebody")
    def count() -> Step:
        """One more."""
        return Step(
            when=[times < 3], then=[times.becomes((times + 1).capped(LIMIT))]
        )

    build.always("Small", "S1", "", [times < (9 if bounded else LIMIT)])
    build.may_end(times.is_(3))
    return build.machine()


UNBOUNDED = 'count: guard "times < N" dropped'


def test_a_mutant_without_end_is_not_decided() -> None:
    given_up = outcomes(counting(bounded=False))[UNBOUNDED]
    assert given_up.fate is Fate.UNDECIDED
    (seen,) = given_up.seen
    assert seen.before == Size(4, 3)
    assert seen.after is not None
    assert GROWTH * 4 < seen.after.states < LIMIT
    assert "states" in seen.stopped


def test_what_was_found_before_it_was_given_up_counts() -> None:
    killed = outcomes(counting(bounded=True))[UNBOUNDED]
    assert killed.fate is Fate.KILLED
    assert killed.killers == ("Small",)


def test_a_mutant_that_mends_a_variant_is_noticed() -> None:
    build = MachineBuilder("stuck")
    stuck = build.flag("stuck")

    @build.action("somebody")
    def fall() -> Step:
        """Into a state that nothing leaves."""
        return Step(when=[~stuck], then=[stuck.becomes(True)])

    found = outcomes(build.machine())
    mended = found['fall: guard "not stuck" dropped']
    assert mended.killers == (DEADLOCK,)


def test_mutants_leave_no_code_behind(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    outcomes(lamp())
    machine = lamp()
    before = sorted(tmp_path.rglob("*.o"))
    baseline("again", machine)
    # the machine itself is kept, for its search and for its graph
    assert sorted(tmp_path.rglob("*.o")) == before
    assert len(before) == 2


def test_ctrl_c_is_not_taken_for_an_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    machine = lamp()
    base = baseline("lamp", machine)
    (one, *_) = catalogue([machine]).planned

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(
        "checker.engines.native.explicit._Explorer._search", interrupt
    )
    baseline_of: Callable[[int], Baseline] = [base].__getitem__
    mutant: Planned = one
    with pytest.raises(KeyboardInterrupt):
        tried(mutant, baseline_of)


def sender(may_fail: bool) -> Machine:
    """Something is sent, and again if it was marked since."""
    build = MachineBuilder("sender")
    sent = build.flag("sent")
    marked = build.flag("marked", initial=True)
    wrote = build.flag("wrote")

    @build.action("guest")
    def mark() -> Step:
        """Mark it, once."""
        return Step(
            when=[~wrote, ~marked],
            then=[marked.becomes(True), wrote.becomes(True)],
        )

    @build.action("source", fair=True)
    def send() -> Step:
        """Send it, whether it is marked or not."""
        return Step(
            when=[~sent], then=[sent.becomes(True), marked.becomes(False)]
        )

    @build.action("source", fair=True)
    def send_again() -> Step:
        """Send it again."""
        return Step(when=[sent, marked], then=[marked.becomes(False)])

    if may_fail:

        @build.action("network", fault=True)
        def fail() -> Step:
            """Nothing comes of it."""
            return Step(when=[~sent], then=[])

    build.cost("sent", by=["send", "send_again"], when=YES)
    build.reachable("Sent", "", [sent & ~marked])
    build.may_end(sent, ~marked)
    return build.machine()


@pytest.mark.parametrize("may_fail", [False, True])
def test_a_run_that_costs_more_is_noticed_where_nothing_fails(
    may_fail: bool,
) -> None:
    needless = outcomes(sender(may_fail))["send: marked not updated"]
    assert needless.killers == (() if may_fail else ("sent",))
