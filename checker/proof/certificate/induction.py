# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether some clauses are an inductive invariant that implies safety.

Four obligations on the machine that follows one granule, each by z3:

* types: no step breaks the type invariant;
* initiation: every initial state meets the clauses;
* consecution: a step from a state that meets the clauses leads to one that
  meets them;
* safety: a state that meets the clauses violates no property.

Nothing is taken from the search that found the clauses.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

import z3

from checker.engines.smt.formula import Formulas, solver, variables
from checker.proof.certificate.clause import Clause, Words, meaning
from checker.proof.obligation import Obligation, Outcome, Shown, timed
from model.language import expression as ex
from model.language.expression import Expression
from model.language.machine import Instance, Machine

TYPES = "no step breaks the type invariant"
INITIATION = "every initial state meets the clauses"
CONSECUTION = "no step breaks a clause"
SAFETY = "the clauses exclude every violation"
OBLIGATIONS = (TYPES, INITIATION, CONSECUTION, SAFETY)


def check(
    machine: Machine, clauses: Sequence[Clause]
) -> tuple[Obligation, ...]:
    """Return the four obligations for ``clauses``.

    One that is refuted says which clause or property and after which step.
    """
    claim = _Claim(machine, clauses)
    works = (
        claim.types,
        claim.initiation,
        claim.consecution,
        claim.safety,
    )
    return tuple(
        timed(name, work)
        for name, work in zip(OBLIGATIONS, works, strict=True)
    )


class _Claim:
    """That ``clauses`` are an inductive invariant of ``machine``."""

    def __init__(self, machine: Machine, clauses: Sequence[Clause]) -> None:
        self._machine = machine
        words = Words(machine)
        self._named = [
            (words.sentence(clause), meaning(machine, clause))
            for clause in clauses
        ]
        self._fields = variables(machine)
        self._before = Formulas(self._fields)

    def types(self) -> Shown:
        """Show that the type invariant stays true."""
        return self._kept([("the type", self._machine.type_invariant)])

    def initiation(self) -> Shown:
        """Show that it holds at first, types included."""
        machine = self._machine
        asked = solver()
        asked.add(
            z3.Or(
                [
                    z3.And(
                        [
                            self._fields[f.name] == code
                            for f, code in zip(
                                machine.fields, state, strict=True
                            )
                        ]
                    )
                    for state in machine.initials
                ]
            )
        )
        named = [("the type", machine.type_invariant), *self._named]
        return _none_fails(asked, self._before, named)

    def consecution(self) -> Shown:
        """Show that every step keeps every clause."""
        return self._kept(self._named)

    def safety(self) -> Shown:
        """Show that it excludes what violates a property."""
        named = [
            (prop.name, ex.complement(prop.violated))
            for prop in self._machine.properties
            if prop.kind == "always"
        ]
        return _none_fails(self._invariant(), self._before, named)

    def _invariant(self) -> z3.Solver:
        """Return a solver whose state meets types and clauses."""
        asked = solver()
        asked.add(self._before.holds(self._machine.type_invariant))
        asked.add(self._before.conjoined(truth for _, truth in self._named))
        return asked

    def _kept(self, named: Sequence[tuple[str, Expression]]) -> Shown:
        """Show that every step from the invariant keeps all of ``named``."""
        asked, queries = self._invariant(), 0
        for instance, after in self._steps:
            changed = {name for name, _ in instance.effect}
            touched = [
                (name, truth)
                for name, truth in named
                if changed & ex.fields_read([truth])
            ]
            asked.push()
            asked.add(self._before.holds(instance.enabled))
            shown = _none_fails(asked, after, touched)
            asked.pop()
            queries += shown.queries
            if shown.outcome is not Outcome.PROVED:
                detail = f"{instance.label}: {shown.detail}"
                return Shown(shown.outcome, queries, detail)
        return Shown(Outcome.PROVED, queries)

    @cached_property
    def _steps(self) -> list[tuple[Instance, Formulas]]:
        return [(i, self._after(i)) for i in self._machine.instances]

    def _after(self, instance: Instance) -> Formulas:
        """Return a reader of expressions in the state after the step."""
        fields: dict[str, z3.ExprRef] = dict(self._fields)
        for name, value in instance.effect:
            fields[name] = self._before.term(value)
        return Formulas(fields)


def _none_fails(
    asked: z3.Solver,
    formulas: Formulas,
    named: Iterable[tuple[str, Expression]],
) -> Shown:
    """Show that what ``asked`` knows implies all of ``named``."""
    wanted = [(name, formulas.holds(truth)) for name, truth in named]
    if not wanted:
        return Shown(Outcome.PROVED)
    asked.push()
    asked.add(z3.Not(z3.And([formula for _, formula in wanted])))
    answer = asked.check()
    shown = Shown(Outcome.PROVED, 1)
    if answer == z3.sat:
        model = asked.model()
        name = next(
            name
            for name, formula in wanted
            if z3.is_false(model.eval(formula, model_completion=True))
        )
        shown = Shown(Outcome.REFUTED, 1, name)
    elif answer != z3.unsat:
        shown = Shown(Outcome.OPEN, 1, "the solver gave up")
    asked.pop()
    return shown
