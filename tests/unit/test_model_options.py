# SPDX-License-Identifier: GPL-2.0-or-later
"""Is every bad option refused with what it is and what is allowed?"""

from typing import Any

import pytest

from model.design import DESIGNS, LIVE, MIGRATE
from model.designs import build
from model.language import ModelError
from model.lookup import check_names, mechanisms_of
from model.mechanisms import MECHANISMS
from model.mechanisms_loading import DROPPED
from model.options import Bounds, Failures, Options

#: a good value on either side of what each bound allows
RANGES = {
    "chunks": (1, 64),
    "granules": (1, 64),
    "channel": (1, 16),
    "throttle": (1, 64),
    "downtime": (0, 64),
    "in_flight": (1, 8),
}
NO_NUMBERS: tuple[Any, ...] = (None, 1.5, True, [2], "two")


def refused(make: Any, **values: Any) -> str:
    """The one line with which these values are refused."""
    with pytest.raises(ModelError) as raised:
        make(**values)
    said = str(raised.value)
    assert "\n" not in said
    return said


@pytest.mark.parametrize("name", RANGES)
def test_a_bound_out_of_range(name: str) -> None:
    low, high = RANGES[name]
    for value in (low - 1, high + 1, -7, 10**9):
        assert refused(Bounds, **{name: value}) == (
            f"bounds.{name} is {value}, allowed are {low} to {high}"
        )
    for value in (low, high):
        alone: dict[str, Any] = {"chunks": 1, name: value}
        assert getattr(Bounds(**alone), name) == value


@pytest.mark.parametrize("name", RANGES)
@pytest.mark.parametrize("value", NO_NUMBERS, ids=repr)
def test_a_bound_that_is_no_number(name: str, value: Any) -> None:
    assert refused(Bounds, **{name: value}) == (
        f"bounds.{name} is {value!r}, allowed are whole numbers"
    )


def test_a_disk_of_too_many_granules() -> None:
    assert refused(Bounds, chunks=13, granules=5) == (
        "bounds: 13 chunks of 5 granules are 65 granules, allowed are up to 64"
    )
    assert Bounds(chunks=16, granules=4).granules == 4


@pytest.mark.parametrize(
    "value", ["", "Unbounded", "unlimited", "3", 0, 1001, None, True, 1.5]
)
def test_writes_is_a_number_or_one_of_two_words(value: object) -> None:
    assert refused(Bounds, writes=value) == (
        f"bounds.writes is {value!r}, allowed are 1 to 1000 and "
        "'unbounded', 'throttled'"
    )


@pytest.mark.parametrize("value", ["often", -1, 1001, None, True, 1.5])
def test_edits_are_counted_or_unlimited(value: Any) -> None:
    assert refused(Bounds, edits=value) == (
        f"bounds.edits is {value!r}, allowed are 0 to 1000 and 'unlimited'"
    )
    for good in (0, 1, 1000, "unlimited"):
        assert Bounds(edits=good).edits == good


@pytest.mark.parametrize("design", [d for d in DESIGNS if d != LIVE])
def test_only_the_live_design_can_be_throttled(design: str) -> None:
    said = refused(Options, design=design, bounds=Bounds(writes="throttled"))
    assert said.endswith("allowed with live only")


@pytest.mark.parametrize("value", [0, -1, 1001])
def test_writes_out_of_range(value: int) -> None:
    said = refused(Bounds, writes=value)
    assert said.startswith(f"bounds.writes is {value}, allowed are 1 to 1000")


@pytest.mark.parametrize("value", [None, True, 2.0], ids=repr)
def test_writes_that_are_no_number(value: Any) -> None:
    said = refused(Bounds, writes=value)
    assert said.startswith(f"bounds.writes is {value!r}, allowed are")


@pytest.mark.parametrize("name", Failures.names())
def test_a_failure_is_counted_or_unlimited(name: str) -> None:
    assert refused(Failures, **{name: "often"}) == (
        f"failures.{name} is 'often', allowed are 0 to 1000 and 'unlimited'"
    )
    for value in (-1, 1001):
        said = refused(Failures, **{name: value})
        assert said.startswith(
            f"failures.{name} is {value}, allowed are 0 to 1000"
        )
    for value in (None, True, 0.5):
        said = refused(Failures, **{name: value})
        assert said.startswith(f"failures.{name} is {value!r}, allowed are")
    for good in (0, 1, 1000, "unlimited"):
        given = Failures(**{name: good})
        options = Options(design=LIVE, failures=given)
        for other in Failures.names():
            assert options.budget(other) == (good if other == name else 0)


def counters(**of_options: Any) -> set[str]:
    """The budgets that count down in the machine of these options."""
    machine = build(Options(**of_options))
    return {f.name for f in machine.fields if f.name.endswith("_left")}


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("name", Failures.names())
def test_only_what_may_happen_so_often_is_counted(
    design: str, name: str
) -> None:
    def counted(value: Any) -> set[str]:
        return counters(design=design, failures=Failures(**{name: value}))

    assert counted(0) == counted("unlimited") == set()
    assert counted(2) == {f"{name}_left"}


@pytest.mark.parametrize("design", DESIGNS)
def test_writes_and_edits_are_counted_alike(design: str) -> None:
    few = Bounds(writes=3, edits=2)
    assert counters(design=design, bounds=few) == {"writes_left", "edits_left"}


@pytest.mark.parametrize("value", ["", "Wait", "skip", None, 1], ids=repr)
def test_an_unknown_policy_for_busy_bitmaps(value: Any) -> None:
    assert refused(Options, design=LIVE, busy_bitmap=value) == (
        f"busy_bitmap is '{value}', allowed are wait, fail, abort, leave-out"
    )


@pytest.mark.parametrize("design", ["", "precopy", "Live", None, 3])
def test_an_unknown_design(design: Any) -> None:
    assert refused(Options, design=design) == (
        f"design is '{design}', allowed are {', '.join(DESIGNS)}"
    )


@pytest.mark.parametrize("design", DESIGNS)
def test_an_unknown_mechanism(design: str) -> None:
    said = refused(Options, design=design, without=frozenset({"luck"}))
    known = ", ".join(m.name for m in mechanisms_of(design))
    assert said == (
        f"without: {design} has no mechanism 'luck'; it has {known}"
    )


def test_a_mechanism_of_another_design() -> None:
    said = refused(Options, design="live", without=frozenset({"successor"}))
    assert said.startswith("without: live has no mechanism 'successor'")
    said = refused(
        Options, design="postcopy", without=frozenset({"meta-bitmap"})
    )
    assert said.startswith("without: postcopy has no mechanism 'meta-bitmap'")


def test_the_first_of_several_unknown_mechanisms_is_named() -> None:
    for names in (("luck", "hope"), ("hope", "luck")):
        said = refused(Options, design="live", without=frozenset(names))
        assert "'hope'" in said


@pytest.mark.parametrize("design", DESIGNS)
def test_every_mechanism_can_be_taken_out(design: str) -> None:
    for mechanism in mechanisms_of(design):
        options = Options(design=design, without=frozenset({mechanism.name}))
        assert not options.has(mechanism.name)
        assert options.name == f"{design} without {mechanism.name}"
        assert build(options).name == options.name


@pytest.mark.parametrize("design", DESIGNS)
def test_a_complete_design_has_every_mechanism(design: str) -> None:
    options = Options(design=design)
    assert all(options.has(m.name) for m in mechanisms_of(design))
    assert options.name == design
    check_names(design, [m.name for m in mechanisms_of(design)])


def test_the_table_of_mechanisms_names_each_once() -> None:
    names = [m.name for m in MECHANISMS]
    assert len(names) == len(set(names))
    for mechanism in MECHANISMS:
        assert set(mechanism.designs) <= set(DESIGNS)
        given = {design for design, _ in mechanism.redundant}
        assert given <= set(mechanism.designs)


# -- which failures make an attempt fail --------------------------------------

BY = "cut|cancel"


def needs(
    design: str, *without: str, busy: str = "wait", **asked: bool
) -> tuple[str, ...]:
    """What follows a failed attempt needs, of a design without some."""
    options = Options(
        design=design, without=frozenset(without), busy_bitmap=busy
    )
    return options.variant.attempt_fails(BY, **asked)


@pytest.mark.parametrize("design", DESIGNS)
def test_a_refusal_fails_the_attempt_where_the_design_says_so(
    design: str,
) -> None:
    fails = design == LIVE
    assert needs(design, refused=True) == (f"{BY}|refuse" if fails else BY,)
    assert needs(design) == (BY,)
    assert needs(design, at_setup=True) == (BY,)


def test_a_refusal_fails_the_attempt_as_built() -> None:
    for design, lacks in (
        *((d, "error-drops-bitmap") for d in DROPPED),
        *((d, "name-is-free") for d in MIGRATE),
    ):
        assert needs(design, lacks, refused=True) == (f"{BY}|refuse",)
    assert needs(LIVE, "error-fails-migration", refused=True) == (BY,)
    for design in MIGRATE:
        asked = needs(design, "consistent-at-setup", at_setup=True)
        assert asked == (f"{BY}|refuse",)


@pytest.mark.parametrize("design", DESIGNS)
def test_a_busy_bitmap_may_fail_the_attempt_with_no_failure(
    design: str,
) -> None:
    assert needs(design, busy="fail", at_setup=True) == ()
    assert needs(design, busy="fail") == (BY,)
    for policy in ("wait", "abort", "leave-out"):
        assert needs(design, busy=policy, at_setup=True) == (BY,)
