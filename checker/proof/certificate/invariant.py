# SPDX-License-Identifier: GPL-2.0-or-later
"""Finding an inductive invariant that is short enough to be read.

The states of a small machine are all known, so what holds of them is known
exactly.  The solver is asked for a state that meets all clauses found so far
and violates a property, or from which a step breaks a clause.  No state that
can be reached is one, so a few of its fields tell it from all of those; the
clause that says so, made as strong as the reached states allow, is added.
When there is no such state left, clauses that the others do not need are
dropped.

What comes out does not depend on how the solver searches: it is always asked
for the first such state in a fixed order.

Nothing here is part of a proof: ``induction`` checks what comes out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import cached_property

import z3
from attrs import frozen

from checker.engines.exploration import Search, violated
from checker.engines.native.explicit import explore
from checker.engines.native.found import ExplicitSearch
from checker.engines.smt.formula import Formulas, variables
from checker.proof.certificate.clause import Clause, codes_in_use, meaning
from checker.proof.certificate.separation import Separation
from model.language import expression as ex
from model.language.expression import Expression
from model.language.machine import Machine, State
from model.language.unknown import replaced

Goal = int
_VIOLATION, _TYPES = -2, -1
"""Goals beside the clauses: no property is violated; types stay right."""


class NoInvariantError(Exception):
    """There is none, or it cannot be found; ``str()`` is one line."""


@frozen
class Mining:
    """How far the search for an invariant is.

    ``clauses``: how many there are; ``waiting``: how many are still to be
    shown to hold after every step, or to be tried for dropping.
    """

    stage: str
    clauses: int
    waiting: int


@frozen(kw_only=True)
class Mined:
    """An inductive invariant, to be read with the type invariant.

    ``states``: how many states the clauses were read off; ``queries``: how
    many questions the solver answered; ``found``: clauses before some were
    dropped.
    """

    clauses: tuple[Clause, ...]
    states: int
    found: int
    queries: int
    seconds: float


Report = Callable[[Mining], None]


def silent(progress: Mining) -> None:
    """Report nothing."""


def always(machine: Machine) -> tuple[tuple[str, Expression], ...]:
    """Return the name and truth of each promise about every state."""
    return tuple(
        (prop.name, ex.complement(prop.violated))
        for prop in machine.properties
        if prop.kind == "always"
    )


def mine(
    machine: Machine,
    search: ExplicitSearch | None = None,
    report: Report = silent,
) -> Mined:
    """Return an inductive invariant that implies every promise.

    ``search``: an exploration of ``machine`` if there is one already.  The
    same machine gives the same clauses.  Raises NoInvariantError if a
    property is violated or the exploration was stopped; KeyboardInterrupt
    goes through.
    """
    started = time.perf_counter()
    search = search or explore(machine)
    _check(search)
    steps = _Steps(machine)
    found = _found(steps, Separation(search), report)
    again = _Steps(machine)
    kept = _Needs(again, found).minimised(report)
    return Mined(
        clauses=tuple(found[number] for number in kept),
        states=len(search),
        found=len(found),
        queries=steps.queries + again.queries,
        seconds=time.perf_counter() - started,
    )


def _check(search: Search) -> None:
    coverage = search.coverage
    if coverage.stopped:
        raise NoInvariantError(f"not all states are known: {coverage.stopped}")
    names = [name for name, _ in always(search.machine)]
    for name in ["type invariant", *names]:
        if violated(name) in coverage.first_level:
            raise NoInvariantError(f"there is none: {name} is violated")


class _Steps:
    """Questions about one step of a machine."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.queries = 0
        self._variables = variables(machine)
        self._formulas = Formulas(self._variables)
        self._instances = [
            (i.enabled, dict(i.effect)) for i in machine.instances
        ]
        self._solver = z3.SimpleSolver()
        self._solver.add(self._formulas.holds(machine.type_invariant))
        self._wanted = self._wanted_codes()

    def _wanted_codes(self) -> list[dict[int, z3.BoolRef]]:
        """Return, for each field, a name for "it holds the code", by code."""
        found = []
        in_use = codes_in_use(self.machine)
        for field in self.machine.fields:
            wanted = {}
            first = [field.initial]
            for code in dict.fromkeys([*first, *in_use[field.name]]):
                name = z3.Bool(f"{field.name} holds {code}")
                unknown = self._variables[field.name]
                self._solver.add(z3.Implies(name, unknown == code))
                wanted[code] = name
            found.append(wanted)
        return found

    def supposing(self, name: str, truth: Expression) -> z3.BoolRef:
        """Return a name under which ``truth`` can be supposed of the state."""
        return self._named(name, self._formulas.holds(truth))

    def breaking(self, name: str, goal: Expression) -> z3.BoolRef:
        """Return a name for "some step leads to where ``goal`` is false"."""
        reads = ex.fields_read([goal])
        found = []
        for enabled, effect in self._instances:
            if reads & effect.keys():
                (after,) = replaced([goal], effect)
                wrong = ex.conjunction(enabled, ex.complement(after))
                found.append(self._formulas.holds(wrong))
        return self._named(name, z3.Or(found))

    def _named(self, name: str, formula: z3.BoolRef) -> z3.BoolRef:
        named = z3.Bool(name)
        self._solver.add(z3.Implies(named, formula))
        return named

    @cached_property
    def violation(self) -> z3.BoolRef:
        """Return a name for "the state violates a property"."""
        kept = ex.all_of(truth for _, truth in always(self.machine))
        return self.supposing("violation", ex.complement(kept))

    def always_suppose(self, named: z3.BoolRef) -> None:
        """Suppose it from now on."""
        self._solver.add(named)

    def possible(self, given: Sequence[z3.BoolRef]) -> bool:
        """Return whether some state meets all of ``given``."""
        self.queries += 1
        answer = self._solver.check(*given)
        if answer == z3.unknown:
            reason = self._solver.reason_unknown()
            if "interrupt" in reason or "cancel" in reason:
                raise KeyboardInterrupt
            raise NoInvariantError(f"the solver gave up: {reason}")
        return bool(answer == z3.sat)

    def core(self) -> set[int]:
        """Return the identities of the names that made it impossible."""
        return {part.get_id() for part in self._solver.unsat_core()}

    def _state(self) -> State:
        model = self._solver.model()
        values = (
            model.eval(self._variables[f.name], model_completion=True)
            for f in self.machine.fields
        )
        return tuple(int(value.as_long()) for value in values)

    def first_state(self, given: Sequence[z3.BoolRef]) -> State | None:
        """Return the first state that meets all of ``given``, if there is one.

        Initial values come first, field by field, so that the answer does
        not depend on how the solver searches.
        """
        if not self.possible(given):
            return None
        fixed, state = list(given), self._state()
        for place, wanted in enumerate(self._wanted):
            for code, name in wanted.items():
                if state[place] == code:
                    break
                if self.possible([*fixed, name]):
                    state = self._state()
                    break
            fixed.append(wanted[state[place]])
        return state


def _found(
    steps: _Steps, separation: Separation, report: Report
) -> list[Clause]:
    """Return clauses that are inductive together and exclude violations."""
    found: list[Clause] = []
    goals = [steps.machine.type_invariant]

    def exclude(wrong: z3.BoolRef, done: int) -> None:
        """Add clauses until no state is ``wrong``."""
        while (state := steps.first_state([wrong])) is not None:
            clause = separation.clause_against(state)
            if clause is None:
                raise NoInvariantError("the exploration is not closed")
            found.append(clause)
            goals.append(meaning(steps.machine, clause))
            holds = steps.supposing(f"clause {len(found)}", goals[-1])
            steps.always_suppose(holds)
            report(Mining("finding clauses", len(found), len(goals) - done))

    exclude(steps.violation, 0)
    for number, goal in enumerate(goals):
        exclude(steps.breaking(f"breaking {number}", goal), number)
    return found


class _Needs:
    """Which clauses each goal needs, and which are needed at all."""

    def __init__(self, steps: _Steps, clauses: Sequence[Clause]) -> None:
        self._steps = steps
        self._clauses = clauses
        self._holds: list[z3.BoolRef] = []
        goals = {_TYPES: steps.machine.type_invariant}
        for number, clause in enumerate(clauses):
            goals[number] = meaning(steps.machine, clause)
            name = f"clause {number}"
            self._holds.append(steps.supposing(name, goals[number]))
        self._numbers = {h.get_id(): n for n, h in enumerate(self._holds)}
        every = frozenset(range(len(clauses)))
        self._breaking = {_VIOLATION: steps.violation}
        for goal, truth in goals.items():
            self._breaking[goal] = steps.breaking(f"breaking {goal}", truth)
        # clauses that together are known to keep the goal true
        self._cores = dict.fromkeys(self._breaking, every)
        self._vital = {_VIOLATION, _TYPES}

    def minimised(self, report: Report) -> list[int]:
        """Return the numbers of clauses that suffice; none of them can go."""
        alive = set(range(len(self._clauses)))
        longest = sorted(alive, key=lambda n: (-len(self._clauses[n]), -n))
        for place, number in enumerate(longest):
            waiting = len(longest) - place
            report(Mining("dropping clauses", len(alive), waiting))
            if number not in alive:
                continue
            rest = self._without(number, alive)
            if rest is None:
                self._vital.add(number)
            else:
                alive = rest
        return sorted(alive)

    def _without(self, number: int, alive: set[int]) -> set[int] | None:
        """Return those of ``alive`` that are inductive without ``number``.

        None if something vital is not among them.
        """
        rest = alive - {number}
        going = True
        while going:
            going = False
            for goal in (*sorted(self._vital), *sorted(rest - self._vital)):
                if self._stays(goal, rest):
                    continue
                if goal in self._vital:
                    return None
                rest.remove(goal)
                going = True
        return rest

    def _stays(self, goal: Goal, given: set[int]) -> bool:
        """Return whether ``given`` keep ``goal`` true over every step."""
        if self._cores[goal] <= given:
            return True
        holds = [self._holds[number] for number in sorted(given)]
        if self._steps.possible([self._breaking[goal], *holds]):
            return False
        self._cores[goal] = frozenset(
            self._numbers[part]
            for part in self._steps.core()
            if part in self._numbers
        )
        return True
