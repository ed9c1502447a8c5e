# SPDX-License-Identifier: GPL-2.0-or-later
"""What a small disk does, the machine that follows one granule does too.

Three obligations, each for a range of sizes, each by z3:

* step: from every state that is correct by type, reached or not, whatever an
  action of the disk's machine does is, seen from each granule, what one of
  the projected machine's instances of that action does;
* start: every initial state is, seen from each granule, an initial state;
* properties: a state that violates a property of the disk's machine violates
  it as seen from some granule.

Then nothing that the projected machine cannot do is done on any of these
disks; that the sizes do not matter is the business of ``lemmas``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import z3
from attrs import evolve, frozen

from checker.engines.smt.formula import Formulas, solver, variables
from checker.proof.obligation import Outcome, Shown
from checker.proof.projection import Projection, disk_of, project
from model.designs import build
from model.language import expression as ex
from model.language.domain import Granule
from model.language.expression import Expression
from model.language.machine import Instance, Machine, Property
from model.language.projected_channel import ProjectedChannel
from model.options import Options


@frozen
class Size:
    """A disk of ``chunks`` of ``granules`` and a channel of ``channel``."""

    chunks: int
    granules: int
    channel: int

    def __str__(self) -> str:
        return f"{self.chunks}x{self.granules}, {self.channel} in flight"

    def of(self, options: Options) -> Options:
        """Return ``options`` at this size."""
        bounds = evolve(
            options.bounds,
            chunks=self.chunks,
            granules=self.granules,
            channel=self.channel,
        )
        return evolve(options, bounds=bounds)


#: one chunk, one granule, more of both; up to five messages in flight
SIZES = (
    Size(1, 1, 5),
    Size(1, 2, 1),
    Size(1, 3, 2),
    Size(2, 1, 3),
    Size(2, 2, 2),
    Size(4, 1, 2),
    Size(3, 2, 2),
)


@frozen(eq=False)
class Disk:
    """The machine of a disk with its projections to each granule."""

    name: str
    machine: Machine
    projections: tuple[Projection, ...]
    formulas: Formulas

    def possible(self, *wrong: Expression) -> z3.CheckSatResult:
        """Return whether some state correct by type has all of ``wrong``."""
        if ex.FALSE in wrong:
            return z3.unsat
        asked = solver()
        asked.add(self.formulas.holds(self.machine.type_invariant))
        asked.add(self.formulas.conjoined(wrong))
        return asked.check()

    @property
    def granules(self) -> tuple[Granule, ...]:
        """Those of the disk."""
        return disk_of(self.machine).granules


def disks(
    options: Options, projected: Machine, sizes: Iterable[Size] = SIZES
) -> Iterator[Disk]:
    """Yield the design at each size, without any limit on failures and guest.

    What a limit can do is the business of ``one_term``.
    """
    for size in sizes:
        yield disk(f"{size}", build(size.of(options)), projected)


def disk(name: str, machine: Machine, projected: Machine) -> Disk:
    """Return ``machine`` with its projections."""
    granules = disk_of(machine).granules
    seen = tuple(project(machine, projected, g) for g in granules)
    return Disk(name, machine, seen, Formulas(variables(machine)))


# -- step ----------------------------------------------------------------


def simulates(projection: Projection, instance: Instance) -> Expression:
    """Return a step of the disk that the projected machine has not, or ''.

    An expression over the disk's fields that must never be true.
    """
    label = instance.arguments[0][1] if instance.arguments else ""
    label = projection.parameter(instance.action, label)
    after = projection.after(instance)
    found: Expression = ex.FALSE
    for one in projection.projected.action(instance.action).instances:
        if one.arguments and label and one.arguments[0][1] != label:
            continue
        found = ex.disjunction(found, _does(projection, one, after))
    return ex.conjunction(instance.enabled, ex.complement(found))


def _does(
    projection: Projection, one: Instance, after: dict[str, Expression]
) -> Expression:
    """Return whether the projected instance may lead to ``after``."""
    effect = dict(one.effect)
    machine = projection.projected
    changed = [
        f for f in machine.fields if f.name in effect or f.name in after
    ]
    enabled, *values = projection.of(
        one.enabled, *(effect.get(f.name, f.expression) for f in changed)
    )
    same = [
        ex.equal(value, after.get(f.name, projection.fields[f.name]))
        for f, value in zip(changed, values, strict=True)
    ]
    return ex.all_of([enabled, *same])


def _fits(projection: Projection) -> tuple[Expression, ...]:
    """Return the conditions under which the messages in flight fit.

    Where the projection of a channel of any capacity keeps some slots only.
    That they suffice is one of the properties that are proved.
    """
    return projection.of(
        *(
            channel.fits().expression
            for channel in projection.projected.channels
            if isinstance(channel, ProjectedChannel) and channel.any_capacity
        )
    )


def step_simulation(disk: Disk) -> Shown:
    """Show that each step of ``disk`` is one of the projected machine.

    From every state that is correct by type and in which the messages in
    flight fit the slots of the projection.
    """
    asked = 0
    for projection in disk.projections:
        known = {a.name for a in projection.projected.actions}
        fits = _fits(projection)
        for instance in disk.machine.instances:
            where = f"{instance.label} seen from granule {projection.granule}"
            if instance.action not in known:
                return Shown(Outcome.REFUTED, asked, f"{where}: no such step")
            wrong = simulates(projection, instance)
            asked += 1
            answer = disk.possible(wrong, *fits)
            if answer != z3.unsat:
                return _refused(answer, asked, where)
    return Shown(Outcome.PROVED, asked)


def _refused(answer: z3.CheckSatResult, asked: int, where: str) -> Shown:
    if answer == z3.sat:
        return Shown(Outcome.REFUTED, asked, where)
    return Shown(Outcome.OPEN, asked, f"{where}: the solver gave up")


# -- start -----------------------------------------------------------------


def start_simulation(disk: Disk) -> Shown:
    """Show that each granule sees ``disk`` begin as the projection does."""
    asked = 0
    machine = disk.machine
    for projection in disk.projections:
        projected = projection.projected
        started = ex.any_of(
            _is_state(projection, state) for state in projected.initials
        )
        for state in machine.initials:
            here = ex.all_of(
                ex.equal(f.expression, ex.constant(code, f.type.width))
                for f, code in zip(machine.fields, state, strict=True)
            )
            asked += 1
            answer = disk.possible(here, ex.complement(started))
            if answer != z3.unsat:
                where = f"an initial state, granule {projection.granule}"
                return _refused(answer, asked, where)
    return Shown(Outcome.PROVED, asked)


def _is_state(projection: Projection, state: tuple[int, ...]) -> Expression:
    return ex.all_of(
        ex.equal(projection.fields[f.name], ex.constant(code, f.type.width))
        for f, code in zip(projection.projected.fields, state, strict=True)
    )


# -- properties ------------------------------------------------------------


def followed(prop: Property, disk: Disk) -> Expression:
    """Return a violation of ``prop`` on ``disk`` that no granule shows.

    An expression over the disk's fields that must never be true.
    """
    seen: Expression = ex.FALSE
    for projection in disk.projections:
        asked = projection.projected.property(prop.name).violated
        seen = ex.disjunction(seen, *projection.of(asked))
    return ex.conjunction(prop.violated, ex.complement(seen))


def properties_show(disk: Disk) -> Shown:
    """Show that a violation on ``disk`` shows at some granule.

    A property that cannot be asked of one granule is left out: it is not
    proved this way.  One that the projected machine lacks is a mistake.
    """
    asked = 0
    projected = disk.projections[0].projected
    known = {p.name for p in projected.properties}
    for prop in disk.machine.properties:
        if prop.kind != "always" or prop.name in projected.undecided:
            continue
        if prop.name not in known:
            missing = f"{prop.name}: no such property"
            return Shown(Outcome.REFUTED, asked, missing)
        asked += 1
        answer = disk.possible(followed(prop, disk))
        if answer != z3.unsat:
            return _refused(answer, asked, prop.name)
    return Shown(Outcome.PROVED, asked)
