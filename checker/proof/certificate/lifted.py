# SPDX-License-Identifier: GPL-2.0-or-later
"""The clauses of a certificate, at every granule of a disk of some size.

A second check that rests on less than the first: the machine is that of a
disk with a size, its sets are bit vectors, and the only thing it shares with
the machine that follows one granule is what the clauses' fields mean
(``projection``).  With types that are right and the clauses at every granule
as the invariant, the obligations are

* types: no step breaks the type invariant of the disk's machine;
* initiation: initial states meet the clauses at every granule;
* consecution: no step breaks a clause at any granule;
* safety: what meets the clauses at every granule violates no property.

For consecution it is enough to suppose the clauses at the granule that is
looked at.  All steps are asked about at once, those that look alike from
there as one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import cached_property, partial

import z3
from attrs import evolve

from checker.engines.smt.formula import Formulas, solver, variables
from checker.proof.certificate.bits import Bits
from checker.proof.certificate.certificate import Certificate
from checker.proof.certificate.clause import meaning
from checker.proof.obligation import Obligation, Outcome, Shown, timed
from checker.proof.projection import Projection, disk_of, project
from checker.proof.simulation import Size
from model.designs import build
from model.language import Concrete, Machine
from model.language import expression as ex
from model.language.expression import Expression
from model.language.unknown import replaced
from model.options import MAX_CHUNKS, MAX_DISK, Bounds

TYPES = "no step of the disk breaks its type invariant"
INITIATION = "the disk's initial states meet the clauses at every granule"
CONSECUTION = "no step of the disk breaks a clause at any granule"
SAFETY = "the clauses at every granule exclude every violation of the disk"
OBLIGATIONS = (TYPES, INITIATION, CONSECUTION, SAFETY)

SIZES = (Size(2, 2, 2), Size(4, 4, 2), Size(8, 8, 2))

Report = Callable[[str], None]
#: a guard, and the fields that change with their new values
_Change = tuple[Expression, tuple[tuple[str, Expression], ...]]


def silent(text: str) -> None:
    """Report nothing."""


def disk_machine(claim: Certificate, size: Size) -> Machine:
    """Return the design on a disk of ``size``, of up to 4096 granules.

    Where ``size`` is more than options allow, they name the largest that
    is allowed; only the disk itself is larger.
    """
    chunks = min(size.chunks, MAX_CHUNKS)
    bounds = Bounds(
        chunks=chunks,
        granules=min(size.granules, MAX_DISK // chunks),
        channel=size.channel,
    )
    disk = Concrete(size.chunks, size.granules)
    return build(evolve(claim.options, bounds=bounds), disk)


def check_lifted(
    claim: Certificate,
    size: Size,
    seconds: float | None = None,
    report: Report = silent,
) -> tuple[Obligation, ...]:
    """Return the four obligations on a disk of ``size``.

    ``seconds``: what is not shown by then stays OPEN, and so does what
    Ctrl-C cuts short.
    """
    until = None if seconds is None else time.monotonic() + seconds
    lifted = _Lifted(claim, size, until, report)
    works = (
        lifted.types,
        lifted.initiation,
        lifted.consecution,
        lifted.safety,
    )
    return tuple(
        timed(name, partial(_ended, work))
        for name, work in zip(OBLIGATIONS, works, strict=True)
    )


class _NotDecidedError(Exception):
    """The solver gave no answer; ``str()`` says why."""


def _ended(work: Callable[[], Shown]) -> Shown:
    try:
        return work()
    except _NotDecidedError as error:
        return Shown(Outcome.OPEN, detail=str(error))
    except KeyboardInterrupt:
        return Shown(Outcome.OPEN, detail="interrupted")


class _Lifted:
    """The claim about one disk."""

    def __init__(
        self,
        claim: Certificate,
        size: Size,
        until: float | None,
        report: Report,
    ) -> None:
        self._claim = claim
        self._size = size
        self._until = until
        self._report = report

    # -- what is asked about ----------------------------------------------

    @cached_property
    def _disk(self) -> Machine:
        return disk_machine(self._claim, self._size)

    @cached_property
    def _seen(self) -> list[Projection]:
        machine = self._claim.machine
        granules = disk_of(self._disk).granules
        return [project(self._disk, machine, g) for g in granules]

    @cached_property
    def _clauses(self) -> list[Expression]:
        machine = self._claim.machine
        return [meaning(machine, clause) for clause in self._claim.clauses]

    @cached_property
    def _fields(self) -> dict[str, z3.BitVecRef]:
        return variables(self._disk)

    @cached_property
    def _formulas(self) -> Formulas:
        return Formulas(self._fields)

    @cached_property
    def _typed(self) -> z3.BoolRef:
        return self._formulas.holds(self._disk.type_invariant)

    def _state(self, asked: z3.Solver) -> z3.CheckSatResult:
        """Return the solver's answer, sat or unsat."""
        if self._until is not None:
            left = self._until - time.monotonic()
            if left <= 0:
                raise _NotDecidedError("out of time")
            asked.set("timeout", max(1, int(1000 * left)))
        answer = asked.check()
        if answer == z3.unknown:
            reason = asked.reason_unknown()
            if "interrupt" in reason:
                raise KeyboardInterrupt
            late = "timeout" in reason or "cancel" in reason
            raise _NotDecidedError("out of time" if late else reason)
        return answer

    # -- the obligations ----------------------------------------------------

    def types(self) -> Shown:
        """Show that types stay right, whatever else holds."""
        self._report(TYPES)
        disk, queries = self._disk, 0
        truths = [
            truth
            for f in disk.fields
            if (truth := f.type.is_valid(f.expression)) is not ex.TRUE
        ]
        truths.extend(disk.invariants)
        for instance in disk.instances:
            effect = dict(instance.effect)
            touched = [t for t in truths if ex.fields_read([t]) & set(effect)]
            after = ex.all_of(replaced(touched, effect))
            if after is ex.TRUE:
                continue
            asked = solver()
            asked.add(self._typed, self._formulas.holds(instance.enabled))
            asked.add(z3.Not(self._formulas.holds(after)))
            queries += 1
            if self._state(asked) == z3.sat:
                return Shown(Outcome.REFUTED, queries, instance.label)
        return Shown(Outcome.PROVED, queries)

    def initiation(self) -> Shown:
        """Show that initial states meet types and clauses, by their values."""
        self._report(INITIATION)
        for state in self._disk.initials:
            codes = _codes(self._disk, state)
            (typed,) = replaced([self._disk.type_invariant], codes)
            if typed is not ex.TRUE:
                return Shown(Outcome.REFUTED, detail="the type invariant")
            for seen in self._seen:
                here = _codes(self._claim.machine, seen.seen(state))
                met = replaced(self._clauses, here)
                for number, truth in enumerate(met):
                    if truth is not ex.TRUE:
                        return self._refuted(number, seen)
        return Shown(Outcome.PROVED)

    def consecution(self) -> Shown:
        """Show that the clauses at a granule stay true there."""
        bits, view = Bits(), _View(self._claim.machine, self._clauses)
        for number, seen in enumerate(self._seen):
            self._report(f"{CONSECUTION}: {number} of {len(self._seen)}")
            asked, steps = self._steps(seen, bits, view)
            if self._state(asked) == z3.unsat:
                continue
            model = asked.model()
            step = next(n for n in steps if z3.is_true(model[z3.Bool(n)]))
            broken = next(
                place
                for place, truth in enumerate(view.later)
                if z3.is_false(model.eval(truth, True))
            )
            detail = f"{steps[step]}: {self._refuted(broken, seen).detail}"
            return Shown(Outcome.REFUTED, number + 1, detail)
        return Shown(Outcome.PROVED, len(self._seen))

    def _steps(
        self, seen: Projection, bits: Bits, view: _View
    ) -> tuple[z3.Solver, dict[str, str]]:
        """Return a solver that looks for a step which breaks a clause there.

        With it the steps by the name of their choice.
        """
        now = {n: bits.plain(e) for n, e in seen.fields.items()}
        asked = solver()
        asked.add(self._typed, view.known, view.broken)
        for name, value in now.items():
            asked.add(view.before[name] == self._formulas.term(value))
        found = self._changes(seen, now, bits)
        steps = {}
        for number, ((enabled, changed), label) in enumerate(found.items()):
            choice = f"step {number}"
            steps[choice] = label
            does = [self._formulas.holds(enabled)]
            for name, value in changed:
                does.append(view.after[name] == self._formulas.term(value))
            does.append(view.same_but(tuple(name for name, _ in changed)))
            asked.add(z3.Implies(z3.Bool(choice), z3.And(does)))
        asked.add(z3.Or([z3.Bool(choice) for choice in steps]))
        return asked, steps

    def _changes(
        self, seen: Projection, now: Mapping[str, Expression], bits: Bits
    ) -> dict[_Change, str]:
        """Return the steps that change what is seen, each sort once.

        Each with the first such step.
        """
        found: dict[_Change, str] = {}
        for instance in self._disk.instances:
            changed = tuple(
                (name, value)
                for name, expression in seen.after(instance).items()
                if (value := bits.plain(expression)) is not now[name]
            )
            if changed:
                key = (bits.plain(instance.enabled), changed)
                found.setdefault(key, instance.label)
        return found

    def safety(self) -> Shown:
        """Show that a violation breaks a clause at some granule."""
        self._report(SAFETY)
        asked = solver()
        asked.add(self._typed)
        for number, seen in enumerate(self._seen):
            here = variables(seen.projected, f" seen by {number}")
            for name, value in seen.fields.items():
                asked.add(here[name] == self._formulas.term(value))
            asked.add(Formulas(here).conjoined(self._clauses))
        queries = 0
        undecided = self._claim.machine.undecided
        for prop in self._disk.properties:
            if prop.kind != "always" or prop.name in undecided:
                continue
            queries += 1
            asked.push()
            asked.add(self._formulas.holds(prop.violated))
            answer = self._state(asked)
            asked.pop()
            if answer == z3.sat:
                return Shown(Outcome.REFUTED, queries, prop.name)
        return Shown(Outcome.PROVED, queries)

    def _refuted(self, clause: int, seen: Projection) -> Shown:
        says = self._claim.sentences()[clause]
        detail = f"seen from granule {seen.granule}: {says}"
        return Shown(Outcome.REFUTED, detail=detail)


class _View:
    """What is seen from some granule before and after a step.

    ``known``: the clauses before; ``later``: each of them after; ``broken``:
    one of those is false.
    """

    def __init__(self, machine: Machine, clauses: list[Expression]) -> None:
        self.before = variables(machine, " before")
        self.after = variables(machine, " after")
        self.known = Formulas(self.before).conjoined(clauses)
        after = Formulas(self.after)
        self.later = [after.holds(truth) for truth in clauses]
        self.broken = z3.Not(z3.And(self.later))
        self._same: dict[tuple[str, ...], z3.BoolRef] = {}

    def same_but(self, names: tuple[str, ...]) -> z3.BoolRef:
        """Return the formula: a step changes no field but ``names``."""
        if names not in self._same:
            rest = [n for n in self.before if n not in names]
            same = [self.after[n] == self.before[n] for n in rest]
            self._same[names] = z3.And(same)
        return self._same[names]


def _codes(machine: Machine, state: tuple[int, ...]) -> dict[str, Expression]:
    return {
        f.name: ex.constant(code, f.type.width)
        for f, code in zip(machine.fields, state, strict=True)
    }
