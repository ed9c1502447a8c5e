# SPDX-License-Identifier: GPL-2.0-or-later
"""The runs of a machine, up to some length, as one formula.

State 0 is an initial state.  Step t takes the instance whose number is
choice t, a bit vector; the instance's guard is true in state t, and each
field of state t + 1 is what the chosen instance makes of it: one chain of
if-then-else for each field, whose last branch is the field as it was.

The shapes that were tried are in the decision page on z3; this one was the
quickest, together with lemmas (``rule_out``) about the states on the way.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import z3
from attrs import frozen

from checker.engines.evaluate import Evaluator
from checker.engines.interpreter import successors
from checker.engines.smt.formula import Formulas, solver, variable, variables
from model.language.expression import Expression
from model.language.machine import Machine, State


class SolverDisagreesError(Exception):
    """z3 and the interpreter differ on what a machine can do: our bug."""


class SolverStoppedError(Exception):
    """z3 gave up; ``str()`` is the reason in one phrase."""


@frozen
class Run:
    """A run: the numbers of its instances, and one state more than these."""

    instances: tuple[int, ...]
    states: tuple[State, ...]


def memory_in_use() -> int:
    """Return the bytes that z3 has allocated, for all solvers together."""
    return int(z3.Z3_get_estimated_alloc_size())


def _value(model: z3.ModelRef, unknown: z3.BitVecRef) -> int:
    return int(model.eval(unknown, model_completion=True).as_long())


class Unrolling:
    """Runs of ``machine`` of as many steps as ``extend`` was called.

    ``memory``: bytes of z3 beyond which a question raises
    SolverStoppedError.
    """

    def __init__(self, machine: Machine, memory: int) -> None:
        self.machine = machine
        self._memory = memory
        self._solver = solver()
        self._solver.set("max_memory", max(1, memory >> 20))
        self._states = [variables(machine, "@0")]
        self._formulas = [Formulas(self._states[0])]
        self._choices: list[z3.BitVecRef] = []
        self._width = max(1, (len(machine.instances) - 1).bit_length())
        self._solver.add(
            z3.Or([self._is(0, state) for state in machine.initials])
        )

    @property
    def length(self) -> int:
        """Steps of the runs."""
        return len(self._choices)

    def rule_out(self, predicates: list[Expression]) -> None:
        """Take for granted that the last state meets none of ``predicates``.

        Sound only if no run of this length ends in a state that does.
        """
        last = self._formulas[-1]
        self._solver.add([z3.Not(last.holds(p)) for p in predicates])

    def extend(self) -> None:
        """Make the runs one step longer."""
        step = self.length
        here, now = self._formulas[-1], self._states[-1]
        choice = variable("choice", self._width, f"@{step}")
        instances = self.machine.instances
        chosen = [choice == number for number in range(len(instances))]
        self._solver.add(z3.Or(chosen))
        for instance, takes in zip(instances, chosen, strict=True):
            guard = [here.holds(c.expression) for c in instance.guard]
            self._solver.add(z3.Implies(takes, z3.And(guard)))
        following = variables(self.machine, f"@{step + 1}")
        for name, value in self._following(chosen, here, now).items():
            self._solver.add(following[name] == value)
        self._choices.append(choice)
        self._states.append(following)
        self._formulas.append(Formulas(following))

    def _following(
        self,
        chosen: list[z3.BoolRef],
        here: Formulas,
        now: dict[str, z3.BitVecRef],
    ) -> dict[str, z3.BitVecRef]:
        """Return what each field becomes, by what is chosen."""
        by_value: dict[str, dict[Expression, list[z3.BoolRef]]] = {}
        for instance, takes in zip(
            self.machine.instances, chosen, strict=True
        ):
            for name, value in instance.effect:
                ways = by_value.setdefault(name, {})
                ways.setdefault(value, []).append(takes)
        following = dict(now)
        for name, ways in by_value.items():
            for value, takers in ways.items():
                following[name] = z3.If(
                    z3.Or(takers), here.term(value), following[name]
                )
        return following

    # -- questions -------------------------------------------------------

    def run_to(self, predicates: list[Expression]) -> Run | None:
        """Return a run of this length whose last state meets one of these.

        None if there is none.  Raises SolverStoppedError if z3 cannot say,
        KeyboardInterrupt if it was interrupted, SolverDisagreesError if the
        interpreter cannot repeat the run.
        """
        last = self._formulas[-1]
        reached = z3.Or([last.holds(p) for p in predicates])
        with self._within_memory(), self._supposing(reached):
            return self._run()

    def first_run_to(self, predicate: Expression, known: Run) -> Run:
        """Return the first of the runs whose last state meets ``predicate``.

        At each step it takes the first enabled instance, in the order of the
        model's text, from which the predicate can still be met: so the run
        does not depend on z3, and the explicit engine finds the same one.
        ``known`` is any run of this length to the predicate.
        """
        reached = self._formulas[-1].holds(predicate)
        with self._within_memory(), self._supposing(reached):
            best = self._best_start(known)
            for step in range(self.length):
                best = self._best_step(best, step)
        return best

    def _best_start(self, known: Run) -> Run:
        for state in self.machine.initials:
            if state == known.states[0]:
                break
            with self._supposing(self._is(0, state)):
                run = self._run()
            if run is not None:
                known = run
                break
        self._solver.add(self._is(0, known.states[0]))
        return known

    def _best_step(self, known: Run, step: int) -> Run:
        choice = self._choices[step]
        for number, _ in successors(self.machine, known.states[step]):
            if number == known.instances[step]:
                break
            with self._supposing(choice == number):
                run = self._run()
            if run is not None:
                known = run
                break
        self._solver.add(choice == known.instances[step])
        return known

    @contextmanager
    def _supposing(self, condition: z3.BoolRef) -> Iterator[None]:
        """Assert ``condition`` inside; forget all that was asserted after."""
        self._solver.push()
        try:
            self._solver.add(condition)
            yield
        finally:
            self._solver.pop()

    def _run(self) -> Run | None:
        """Return a run that meets all that is asserted, or None."""
        if memory_in_use() > self._memory:
            raise SolverStoppedError(self._too_much)
        answer = self._solver.check()
        if answer == z3.unsat:
            return None
        if answer == z3.sat:
            return self._replayed(self._solver.model())
        reason = self._solver.reason_unknown()
        if "interrupt" in reason or "cancel" in reason:
            raise KeyboardInterrupt
        if "memory" in reason:
            raise SolverStoppedError(self._too_much)
        raise SolverStoppedError(f"z3 gave up: {reason}")

    @contextmanager
    def _within_memory(self) -> Iterator[None]:
        """Call it by its name if z3 runs out of the memory it may take."""
        try:
            yield
        except z3.Z3Exception as error:
            if "memory" not in str(error):
                raise
            raise SolverStoppedError(self._too_much) from None

    @property
    def _too_much(self) -> str:
        return f"more than {self._memory} bytes of memory"

    # -- answers ---------------------------------------------------------

    def _replayed(self, model: z3.ModelRef) -> Run:
        """Return the run of ``model``, repeated by the interpreter."""
        state = self._state(model, 0)
        if state not in self.machine.initials:
            raise SolverDisagreesError(f"{state} is not an initial state")
        instances, states = [], [state]
        for step, choice in enumerate(self._choices):
            number = _value(model, choice)
            instance = self.machine.instances[number]
            here = Evaluator(self.machine, state)
            if not here.enabled(instance):
                raise SolverDisagreesError(
                    f"step {step + 1}: {instance.label} is not enabled"
                )
            state = here.successor(instance)
            if state != self._state(model, step + 1):
                raise SolverDisagreesError(
                    f"step {step + 1}: {instance.label} leads elsewhere"
                )
            instances.append(number)
            states.append(state)
        return Run(tuple(instances), tuple(states))

    def _state(self, model: z3.ModelRef, step: int) -> State:
        unknowns = self._states[step]
        return tuple(
            _value(model, unknowns[f.name]) for f in self.machine.fields
        )

    def _is(self, step: int, state: State) -> z3.BoolRef:
        unknowns = self._states[step]
        return z3.And(
            [
                unknowns[f.name] == code
                for f, code in zip(self.machine.fields, state, strict=True)
            ]
        )
