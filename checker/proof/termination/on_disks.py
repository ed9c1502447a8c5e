# SPDX-License-Identifier: GPL-2.0-or-later
"""What the count says of a disk, asked of small disks by z3.

From every state that is correct by type, reached or not, and in which each
message that may name a chunk names one:

* start and step: what a disk does is what the count does;
* sure: an action that the count is sure of can be taken on the disk;
* ranks: a step raises a rank only where its label says that it may, and
  lowers it where the label is sure;
* names: a message that may name a chunk names one, at the start and after
  every step.

That the sizes do not matter is the business of ``lemmas`` and of the labels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import z3
from attrs import evolve, frozen

from checker.engines.smt.formula import Formulas, solver, variables
from checker.proof.obligation import Outcome, Shown
from checker.proof.projection import Projection
from checker.proof.simulation import Size, simulates
from checker.proof.termination.forms import LEAST_THROTTLE, Form
from checker.proof.termination.labels import Label
from checker.proof.termination.seen import (
    amount,
    meaning_of,
    messages_name_chunks,
    seen_in_count,
)
from model.designs import build
from model.language import expression as ex
from model.language.counted_view import CountedView, fair_actions
from model.language.expression import Expression
from model.language.machine import Instance, Machine, Rank
from model.language.unknown import replaced
from model.options import Options


@frozen
class Sized:
    """A size, with its downtime limit, its throttle and writes in flight."""

    size: Size
    downtime: int
    throttle: int = LEAST_THROTTLE
    in_flight: int = 1


#: one chunk and several, granules, messages; limits below, at and above M
SIZES = (
    Sized(Size(1, 1, 5), 0),
    Sized(Size(1, 3, 2), 1, 4),
    Sized(Size(2, 1, 3), 1),
    Sized(Size(2, 2, 1), 2, 5, in_flight=2),
    Sized(Size(3, 1, 2), 1, 4, in_flight=3),
    Sized(Size(4, 1, 2), 2),
)


@frozen(eq=False)
class Disk:
    """The machine of a small disk, as the count sees it.

    ``names``: that messages name chunks.  ``amounts``: each rank as a number
    over its fields.
    """

    name: str
    view: CountedView
    machine: Machine
    seen: Projection
    names: Expression
    amounts: Mapping[str, Expression]
    formulas: Formulas

    def possible(self, *wrong: Expression) -> z3.CheckSatResult:
        """Return whether some state has all of ``wrong``."""
        if ex.FALSE in wrong:
            return z3.unsat
        asked = solver()
        given = (self.machine.type_invariant, self.names)
        asked.add(self.formulas.conjoined([*given, *wrong]))
        return asked.check()

    @property
    def fits(self) -> Expression:
        """Whether the messages in flight fit the slots of the count."""
        channels = self.view.counting.channels.values()
        (found,) = self.seen.of(ex.all_of(c.fits() for c in channels))
        return found


def disks(
    options: Options,
    form: Form,
    view: CountedView,
    ranks: Sequence[Rank],
    sizes: Sequence[Sized] = SIZES,
) -> Iterator[Disk]:
    """Yield the design in this form at each size."""
    for sized in sizes:
        bounds = evolve(options.bounds, in_flight=sized.in_flight)
        small = form.of(
            sized.size.of(evolve(options, bounds=bounds)),
            downtime=sized.downtime,
            throttle=sized.throttle,
        )
        machine = build(small)
        meaning = meaning_of(machine, small)
        yield Disk(
            name=f"{sized.size}, D = {small.bounds.downtime}",
            view=view,
            machine=machine,
            seen=seen_in_count(machine, view, small),
            names=messages_name_chunks(machine),
            amounts={r.name: amount(machine, r, meaning) for r in ranks},
            formulas=Formulas(variables(machine)),
        )


def _answer(answer: z3.CheckSatResult, asked: int, where: str) -> Shown:
    if answer == z3.sat:
        return Shown(Outcome.REFUTED, asked, where)
    return Shown(Outcome.OPEN, asked, f"{where}: the solver gave up")


# -- what the count does -----------------------------------------------------


def steps_are_counted(disk: Disk) -> Shown:
    """Show that each step of ``disk`` is one of the count's."""
    known = {a.name for a in disk.view.machine.actions}
    for asked, one in enumerate(disk.machine.instances, 1):
        if one.action not in known:
            reason = f"{one.label}: no such step"
            return Shown(Outcome.REFUTED, asked, reason)
        answer = disk.possible(simulates(disk.seen, one), disk.fits)
        if answer != z3.unsat:
            return _answer(answer, asked, one.label)
    return Shown(Outcome.PROVED, len(disk.machine.instances))


def starts_are_counted(disk: Disk) -> Shown:
    """Show that ``disk`` begins as the count does, and with names."""
    fields = disk.view.machine.fields
    for asked, state in enumerate(disk.machine.initials, 1):
        codes = {
            f.name: ex.constant(code, f.type.width)
            for f, code in zip(disk.machine.fields, state, strict=True)
        }
        seen = replaced([disk.seen.fields[f.name] for f in fields], codes)
        named = replaced([disk.names], codes)[0] is ex.TRUE
        if not named or _codes(seen) not in disk.view.machine.initials:
            return Shown(Outcome.REFUTED, asked, "an initial state")
    return Shown(Outcome.PROVED, len(disk.machine.initials))


def _codes(values: Sequence[Expression]) -> tuple[int, ...]:
    return tuple(value.value for value in values)


def names_stay(disk: Disk) -> Shown:
    """Show that messages go on to name chunks after every step."""
    for asked, one in enumerate(disk.machine.instances, 1):
        after = _after(one, disk.names)
        answer = disk.possible(one.enabled, ex.complement(after))
        if answer != z3.unsat:
            return _answer(answer, asked, one.label)
    return Shown(Outcome.PROVED, len(disk.machine.instances))


def _after(one: Instance, node: Expression) -> Expression:
    (found,) = replaced([node], dict(one.effect))
    return found


# -- what is fair ------------------------------------------------------------


def sure_is_possible(disk: Disk) -> Shown:
    """Show that what the count is sure of can be taken on ``disk``.

    An action that the disk's machine lacks can be taken nowhere.
    """
    here: dict[str, list[Expression]] = {}
    for one in disk.machine.instances:
        here.setdefault(one.action, []).append(one.enabled)
    asked = 0
    for name in fair_actions(disk.view.machine):
        (sure,) = disk.seen.of(disk.view.sure(name))
        enabled = ex.any_of(here.get(name, []))
        asked += 1
        answer = disk.possible(sure, ex.complement(enabled))
        if answer != z3.unsat:
            return _answer(answer, asked, name)
    return Shown(Outcome.PROVED, asked)


# -- what ranks do -----------------------------------------------------------


def labels_hold(disk: Disk, ranks: Mapping[str, Sequence[Label]]) -> Shown:
    """Show that ranks move on ``disk`` as the labels say.

    ``ranks``: the labels of each, for each instance of the view's schema.
    """
    asked = 0
    numbers: dict[tuple[str, tuple[str, ...]], int] = {}
    for number, one in enumerate(disk.view.schema.instances):
        numbers[_key(disk, one)] = number
    for one in disk.machine.instances:
        number = numbers[_key(disk, one)]
        for name, known in ranks.items():
            before = disk.amounts[name]
            after = _after(one, before)
            label = known[number]
            rises, stays = disk.seen.of(label.rises, label.stays)
            wrong = ex.disjunction(
                ex.conjunction(ex.complement(rises), ex.less(before, after)),
                ex.conjunction(
                    ex.complement(stays),
                    ex.complement(ex.less(after, before)),
                ),
            )
            asked += 1
            answer = disk.possible(one.enabled, wrong)
            if answer != z3.unsat:
                return _answer(answer, asked, f"{name}, {one.label}")
    return Shown(Outcome.PROVED, asked)


def _key(disk: Disk, one: Instance) -> tuple[str, tuple[str, ...]]:
    """Return what tells the instances of a schema's action apart."""
    labels = tuple(
        disk.seen.parameter(one.action, label) for _, label in one.arguments
    )
    return one.action, labels
