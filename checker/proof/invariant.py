# SPDX-License-Identifier: GPL-2.0-or-later
"""Finding an inductive invariant that is short enough to be read.

The states of a small machine are all known, so what holds of them is known
exactly.  The solver is asked for a counterexample to induction: a state that
meets all that is known so far and from which a step leads out of it.  No
state that can be reached is one, so a few of its fields tell it from all of
those; the clause that says so, made as strong as the reached states allow, is
added.  When there is no counterexample left, clauses that the others do not
need are dropped.

Nothing here is part of a proof: ``induction`` checks what comes out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence

import z3
from attrs import frozen

from checker.engines.explicit import explore
from checker.engines.exploration import Search, violated
from checker.engines.formula import Formulas, variables
from checker.engines.found import ExplicitSearch
from checker.proof.clause import Clause, meaning
from checker.proof.separation import Separation
from model.language import expression as ex
from model.language.expression import Expression
from model.language.machine import Machine, State
from model.language.unknown import replaced

Goal = int
_ALWAYS = -1
"""The goal that the properties and the type invariant are together."""


class NoInvariantError(Exception):
    """There is none, or it cannot be found; ``str()`` is one line."""


@frozen(kw_only=True)
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
    """An inductive invariant beside the type invariant and the properties.

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
    """A report that nobody reads."""


def always(machine: Machine) -> tuple[tuple[str, Expression], ...]:
    """Name and truth of what ``machine`` promises of every state."""
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
    """An inductive invariant that implies all that ``machine`` promises.

    ``search``: an exploration of ``machine`` if there is one already.  The
    same machine gives the same clauses.  Raises NoInvariantError if a
    property is violated or the exploration was stopped; KeyboardInterrupt
    goes through.
    """
    started = time.perf_counter()
    search = search or explore(machine)
    _check(search)
    separation = Separation(search)
    steps = _Steps(machine)
    found = _found(steps, separation, report)
    core = _Cores(steps, found, report)
    kept = core.minimised()
    return Mined(
        clauses=tuple(found[number] for number in kept),
        states=len(search),
        found=len(found),
        queries=steps.queries,
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
        self.variables = variables(machine)
        self.formulas = Formulas(self.variables)
        self.queries = 0
        self.promises = ex.all_of(
            [machine.type_invariant, *(e for _, e in always(machine))]
        )
        self._instances = [
            (i.enabled, dict(i.effect)) for i in machine.instances
        ]

    def solver(self) -> z3.Solver:
        """A solver that knows that the state meets the promises."""
        found = z3.SimpleSolver()
        found.add(self.formulas.holds(self.promises))
        return found

    def breaks(self, goal: Expression) -> z3.BoolRef:
        """Whether some step leads to where ``goal`` is false."""
        reads = ex.fields_read([goal])
        found = []
        for enabled, effect in self._instances:
            if reads & effect.keys():
                (after,) = replaced([goal], effect)
                wrong = ex.conjunction(enabled, ex.complement(after))
                found.append(self.formulas.holds(wrong))
        return z3.Or(found)

    def ask(self, asked: z3.Solver, given: Sequence[z3.BoolRef]) -> bool:
        """Whether there is a state; raises if nobody knows."""
        self.queries += 1
        answer = asked.check(*given)
        if answer == z3.unknown:
            reason = asked.reason_unknown()
            if "interrupt" in reason or "cancel" in reason:
                raise KeyboardInterrupt
            raise NoInvariantError(f"the solver gave up: {reason}")
        return bool(answer == z3.sat)

    def state(self, asked: z3.Solver) -> State:
        """The state that was found."""
        model = asked.model()
        values = (
            model.eval(self.variables[f.name], model_completion=True)
            for f in self.machine.fields
        )
        return tuple(int(value.as_long()) for value in values)


def _found(
    steps: _Steps, separation: Separation, report: Report
) -> list[Clause]:
    """Clauses that are inductive together and with the promises."""
    asked, machine = steps.solver(), steps.machine
    found: list[Clause] = []
    goals = [steps.promises]
    for number, goal in enumerate(goals):
        breaks = z3.Bool(f"breaks {number}")
        asked.add(z3.Implies(breaks, steps.breaks(goal)))
        while steps.ask(asked, [breaks]):
            state = steps.state(asked)
            clause = separation.clause_against(state)
            if clause is None:
                raise NoInvariantError("the exploration is not closed")
            found.append(clause)
            goals.append(meaning(machine, clause))
            asked.add(steps.formulas.holds(goals[-1]))
            report(
                Mining(
                    stage="finding clauses",
                    clauses=len(found),
                    waiting=len(goals) - number,
                )
            )
        asked.add(z3.Not(breaks))
    return found


class _Cores:
    """Which clauses each clause needs, and which are needed at all."""

    def __init__(
        self, steps: _Steps, clauses: Sequence[Clause], report: Report
    ) -> None:
        self._steps = steps
        self._clauses = clauses
        self._report = report
        self._asked = steps.solver()
        self._given: list[z3.BoolRef] = []
        self._number: dict[int, int] = {}
        self._breaks: dict[Goal, z3.BoolRef] = {}
        self._needs: dict[Goal, frozenset[int]] = {}
        goals = {_ALWAYS: steps.promises}
        for number, clause in enumerate(clauses):
            goals[number] = meaning(steps.machine, clause)
            given = z3.Bool(f"clause {number}")
            self._given.append(given)
            self._number[given.get_id()] = number
            formula = steps.formulas.holds(goals[number])
            self._asked.add(z3.Implies(given, formula))
        for goal, expression in goals.items():
            self._breaks[goal] = z3.Bool(f"breaks {goal}")
            breaks = steps.breaks(expression)
            self._asked.add(z3.Implies(self._breaks[goal], breaks))

    def minimised(self) -> list[int]:
        """Numbers of clauses that are enough; none of them can go."""
        every = range(len(self._clauses))
        for goal in self._breaks:
            needs = self._core(goal, every)
            assert needs is not None, "what was found is not inductive"
            self._needs[goal] = needs
        alive = self._needed()
        longest = sorted(alive, key=lambda n: (-len(self._clauses[n]), -n))
        for waiting, number in enumerate(reversed(longest)):
            del waiting
            del number
        for place, number in enumerate(longest):
            self._report(
                Mining(
                    stage="dropping clauses",
                    clauses=len(alive),
                    waiting=len(longest) - place,
                )
            )
            if number in alive and self._drop(number, alive):
                alive = self._needed()
        return sorted(alive)

    def _needed(self) -> set[int]:
        """What the promises need, what that needs, and so on."""
        found: set[int] = set()
        waiting: list[Goal] = [_ALWAYS]
        while waiting:
            fresh = self._needs[waiting.pop()] - found
            found |= fresh
            waiting.extend(fresh)
        return found

    def _drop(self, number: int, alive: Collection[int]) -> bool:
        """Whether the others do without it; if so, note what they need."""
        rest = [n for n in alive if n != number]
        users = [
            goal for goal in (_ALWAYS, *rest) if number in self._needs[goal]
        ]
        fresh: dict[Goal, frozenset[int]] = {}
        for goal in users:
            needs = self._core(goal, rest)
            if needs is None:
                return False
            fresh[goal] = needs
        self._needs.update(fresh)
        return True

    def _core(self, goal: Goal, given: Iterable[int]) -> frozenset[int] | None:
        """Clauses that keep ``goal`` true over every step; None if not."""
        clauses = [self._given[number] for number in given]
        if self._steps.ask(self._asked, [self._breaks[goal], *clauses]):
            return None
        core = (part.get_id() for part in self._asked.unsat_core())
        return frozenset(
            self._number[part] for part in core if part in self._number
        )
