# SPDX-License-Identifier: GPL-2.0-or-later
"""Does the machine that follows one granule do all that a small disk does?

Each obligation has twins that must fail: a view of the disk that forgets
something, a start that is missing, a property that is asked wrongly.
"""

from __future__ import annotations

import pytest
from attrs import evolve, frozen

from checker.proof.obligation import Outcome, Shown
from checker.proof.projection import disk_of
from checker.proof.prove import without_end
from checker.proof.simulation import (
    SIZES,
    Disk,
    Size,
    disk,
    disks,
    properties_show,
    start_simulation,
    step_simulation,
)
from model.design import DESIGNS
from model.designs import build
from model.language import Concrete, Machine, Projected, Property
from model.language import expression as ex
from model.language.domain import Chunk, Granule
from model.language.expression import Expression
from model.language.machine import Conjunct
from model.language.projected import AT, FOLLOWED
from model.lookup import mechanisms_of
from model.options import Options

SMALL = Size(2, 2, 2)
LARGER = (Size(3, 1, 4), Size(2, 2, 3), Size(5, 1, 3), Size(1, 1, 8))
each_design = pytest.mark.parametrize("design", DESIGNS)


def options_of(design: str, *without: str) -> Options:
    return without_end(Options(design=design, without=frozenset(without)))


def seen(options: Options, view: Projected, size: Size = SMALL) -> Disk:
    """A small disk and its view."""
    return disk(str(size), build(size.of(options)), build(options, view))


@each_design
@pytest.mark.parametrize("any_channel", [True, False])
def test_the_obligations_are_met(design: str, any_channel: bool) -> None:
    options = SMALL.of(options_of(design))
    here = seen(options, Projected(any_channel))
    shown = [
        step_simulation(here),
        start_simulation(here),
        properties_show(here),
    ]
    assert [s.outcome for s in shown] == [Outcome.PROVED] * 3
    assert all(s.queries for s in shown)


@pytest.mark.slow
@each_design
@pytest.mark.parametrize("size", [*SIZES, *LARGER], ids=str)
def test_the_obligations_are_met_at_larger_sizes(
    design: str, size: Size
) -> None:
    here = seen(options_of(design), Projected(), size)
    assert step_simulation(here).outcome is Outcome.PROVED
    assert start_simulation(here).outcome is Outcome.PROVED
    assert properties_show(here).outcome is Outcome.PROVED


@pytest.mark.slow
@pytest.mark.parametrize(
    ("design", "mechanism"),
    [(d, m.name) for d in DESIGNS for m in mechanisms_of(d)],
)
def test_the_obligations_are_met_without_each_mechanism(
    design: str, mechanism: str
) -> None:
    options = options_of(design, mechanism)
    projected = build(options, Projected())
    for here in disks(options, projected, [SMALL]):
        assert step_simulation(here).outcome is Outcome.PROVED
        assert start_simulation(here).outcome is Outcome.PROVED
        assert properties_show(here).outcome is Outcome.PROVED


# -- step: views that forget something ---------------------------------------


@frozen
class OthersNeverIn(Projected):
    """As if another granule were never in a set."""

    def has_granule(self, members: Expression, granule: Granule) -> Expression:
        return members if granule is FOLLOWED else ex.FALSE


@frozen
class NeverReached(Projected):
    """As if a cursor never came from another chunk to k."""

    def position_past(self, position: Expression, chunk: Chunk) -> Expression:
        if chunk.index == 0:
            return super().position_past(position, chunk)
        return position


@frozen
class OwnBitOnly(Projected):
    """As if only c could put k among the chunks of a set."""

    def chunks_with(self, members: Expression) -> Expression:
        return members


@frozen
class NeverFew(Projected):
    """As if a limit were never kept."""

    def at_most(self, members: Expression, limit: int) -> Expression:
        return ex.FALSE


@frozen
class AlwaysFirst(Projected):
    """As if k were always the first chunk, also after a failure."""

    def position_start(self) -> Expression:
        return ex.constant(AT, 2)


@frozen
class OtherContents(Projected):
    """As if what arrives for another chunk were stored in k."""

    def with_contents(
        self, members: Expression, chunk: Chunk, contents: Expression
    ) -> Expression:
        return contents


#: each with a design that asks for what the view forgets
FORGETFUL = [
    (OthersNeverIn(), "postcopy", "source_set_dirty"),
    (NeverReached(), "postcopy", "send_bitmap_bits"),
    (OwnBitOnly(), "live", "source_backup"),
    (NeverFew(), "live", "source_write_data"),
    (AlwaysFirst(), "postcopy", "send_bitmap_complete"),
    (OtherContents(), "stop-copy", "dirty_bitmap_load_bits"),
]


@pytest.mark.parametrize(
    ("view", "design", "action"),
    FORGETFUL,
    ids=[type(view).__name__ for view, _, _ in FORGETFUL],
)
def test_a_view_that_forgets_something_is_refuted(
    view: Projected, design: str, action: str
) -> None:
    shown = step_simulation(seen(options_of(design), view))
    assert shown.outcome is Outcome.REFUTED
    assert shown.detail.startswith(action)


def test_a_machine_that_lacks_an_action_is_refuted() -> None:
    options = options_of("postcopy")
    projected = build(options, Projected())
    fault = next(a.name for a in projected.actions if a.fault)
    kept = tuple(a for a in projected.actions if a.name != fault)
    poorer = evolve(projected, actions=kept)
    shown = step_simulation(disk("", build(options), poorer))
    assert shown.outcome is Outcome.REFUTED
    assert shown.detail.startswith(fault)
    assert shown.detail.endswith(" seen from granule 0: no such step")


# -- start -------------------------------------------------------------------


@each_design
def test_a_start_that_is_missing_is_noticed(design: str) -> None:
    options = options_of(design)
    whole = build(options, Projected())
    assert len(whole.initials) == 2
    for missing in whole.initials:
        kept = tuple(s for s in whole.initials if s != missing)
        poorer = evolve(whole, initials=kept)
        shown = start_simulation(disk("", build(options), poorer))
        assert shown.outcome is Outcome.REFUTED


# -- properties --------------------------------------------------------------


def with_conclusion(machine: Machine, name: str, then: Expression) -> Machine:
    """``machine`` with another conclusion of one property."""

    def changed(prop: Property) -> Property:
        if prop.name != name:
            return prop
        return evolve(prop, then=(Conjunct("changed", then),))

    kept = tuple(changed(p) for p in machine.properties)
    return evolve(machine, properties=kept)


@each_design
@pytest.mark.parametrize("guarantee", ["S1", "S6", "S2"])
def test_a_property_that_shows_nowhere_is_noticed(
    design: str, guarantee: str
) -> None:
    options = options_of(design)
    projected = build(options, Projected())
    of = [p.name for p in projected.properties if p.guarantee == guarantee]
    if not of:  # a design need not promise it
        assert guarantee not in {
            p.guarantee for p in build(options).properties
        }
        return
    name = of[0]
    never = with_conclusion(projected, name, ex.TRUE)
    shown = properties_show(disk("", build(options), never))
    assert shown.outcome is Outcome.REFUTED
    assert shown.detail == name


def test_an_emptiness_that_is_asked_of_all_is_too_much() -> None:
    """A premise that is made stronger hides violations."""
    options = SMALL.of(options_of("postcopy"))
    name = "NoLostDirtyBitOnDestination"
    projected = build(options, Projected())
    prop = projected.property(name)
    quiet = ex.complement(ex.field_value("destination.successor", 1))
    when = (*prop.when, Conjunct("too much", quiet))
    kept = tuple(
        evolve(p, when=when) if p.name == name else p
        for p in projected.properties
    )
    hiding = evolve(projected, properties=kept)
    shown = properties_show(disk("", build(options), hiding))
    assert shown.outcome is Outcome.REFUTED


@each_design
def test_a_property_that_is_not_asked_is_noticed(design: str) -> None:
    options = options_of(design)
    whole = build(options, Projected())
    kept = tuple(p for p in whole.properties if p.name != "OneSideRuns")
    poorer = evolve(whole, properties=kept)
    shown = properties_show(disk("", build(options), poorer))
    assert shown.outcome is Outcome.REFUTED
    assert shown.detail == "OneSideRuns: no such property"


# -- how an obligation is reported -------------------------------------------


def test_the_first_disk_that_fails_is_named() -> None:
    from checker.proof.obligation import over_all

    options = options_of("postcopy")
    many = list(disks(options, build(options, Projected()), SIZES[:2]))

    def second_fails(one: Disk) -> Shown:
        if one is many[1]:
            return Shown(Outcome.REFUTED, 3, "because")
        return Shown(Outcome.PROVED, 2)

    found = over_all("asked", many, second_fails)
    assert (found.outcome, found.queries) == (Outcome.REFUTED, 5)
    assert found.detail == f"{many[1].name}: because"


def test_the_range_of_sizes_has_several_of_everything() -> None:
    assert {s.chunks for s in SIZES} >= {1, 2, 3}
    assert {s.granules for s in SIZES} >= {1, 2}
    assert {s.channel for s in SIZES} >= {1, 2, 3, 5}
    assert any(s.chunks > 1 and s.granules > 1 for s in SIZES)


def test_a_disk_of_the_range_is_really_that_size() -> None:
    options = options_of("live")
    many = list(disks(options, build(options, Projected())))
    assert len({one.name for one in many}) == len(many)
    for one, size in zip(many, SIZES, strict=False):
        assert len(one.projections) == size.chunks * size.granules
        assert disk_of(one.machine) == Concrete(size.chunks, size.granules)
