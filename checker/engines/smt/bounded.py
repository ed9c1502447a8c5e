# SPDX-License-Identifier: GPL-2.0-or-later
"""Bounded model checking: all runs of up to some length, by z3.

For what is too wide to explore state by state.  Lengths are tried in order,
so the first length at which a predicate can be met is the level at which
breadth-first search meets it.  At each length one question is asked: is there
a run to any of the predicates that were not met before?  What a run meets is
for the interpreter to say, which repeats it; then the rest is asked again.
Once the answer is no, that becomes a lemma for all greater lengths.

A bounded search finds violations.  It never says that there are none.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Mapping

from attrs import frozen

from checker.engines.evaluate import Evaluator
from checker.engines.exploration import (
    INTERRUPTED,
    Coverage,
    Limits,
    Progress,
    Report,
    default_memory,
    reached,
    silent,
    watches,
)
from checker.engines.smt.unrolling import (
    Run,
    SolverDisagreesError,
    SolverStoppedError,
    Unrolling,
    memory_in_use,
)
from checker.input.own_properties import OWN
from checker.text import plural
from model.language import expression as ex
from model.language.expression import Expression
from model.language.machine import Machine

#: no shipped configuration needs more than 22 steps to show its violation
DEFAULT_DEPTH = 28
STUCK = "deadlock"
_VIOLATED = " violated"


@frozen(eq=False)
class BoundedSearch:
    """A bounded search that was run.

    ``runs``: for each watched predicate that was met, by its name, a run to
    it that is as short as any.  For a violation, a deadlock (``STUCK``) or
    an own property it is the run that the explicit engine would show.
    """

    machine: Machine
    coverage: Coverage
    runs: Mapping[str, Run]


def search(
    machine: Machine, limits: Limits | None = None, report: Report = silent
) -> BoundedSearch:
    """Look at all runs of up to ``limits.depth`` steps.

    A search that ends before that (Ctrl-C, memory, the first violation) says
    so in ``coverage.stopped``, and ``coverage.depth`` is how far it got.
    Raises SolverDisagreesError if z3 and the interpreter differ.
    """
    return _Bounded(machine, limits or Limits(), report).run()


def fires(action: str) -> str:
    """Return the watch of states in which ``action`` is enabled."""
    return f"{action} fires"


def _firing(machine: Machine) -> dict[str, Expression]:
    """Return where each action fires that a ``reachable`` property names."""
    wanted = dict.fromkeys(name for p in machine.properties for name in p.by)
    return {
        name: ex.any_of(i.enabled for i in machine.action(name).instances)
        for name in wanted
    }


def _stuck(machine: Machine) -> Expression:
    """Return the predicate: no successor, and no place to end."""
    enabled = ex.any_of(i.enabled for i in machine.instances)
    return ex.complement(ex.disjunction(machine.may_end, enabled))


class _Bounded:
    def __init__(
        self, machine: Machine, limits: Limits, report: Report
    ) -> None:
        self.machine = machine
        self.limits = limits
        self.report = report
        self.started = time.perf_counter()
        self.last = DEFAULT_DEPTH if limits.depth is None else limits.depth
        self.open = {w.name: w.expression for w in watches(machine)}
        self.open[STUCK] = _stuck(machine)
        self.firing = _firing(machine)
        if self.last > 0:
            self.open |= {fires(n): at for n, at in self.firing.items()}
        #: what is shown to people: there the explicit engine's run is found
        self.shown = {
            reached(p.name) for p in machine.properties if p.guarantee == OWN
        }
        self.runs: dict[str, Run] = {}
        self.depth = -1
        self.peak = 0
        memory = limits.memory or default_memory()
        self.unrolling = Unrolling(machine, memory)

    def run(self) -> BoundedSearch:
        try:
            stopped = self._search()
        except KeyboardInterrupt:
            stopped = INTERRUPTED
        except ctypes.ArgumentError as error:
            # Ctrl-C while an argument is handed to z3 comes out as this
            if "KeyboardInterrupt" not in str(error):
                raise
            stopped = INTERRUPTED
        except SolverStoppedError as error:
            stopped = str(error)
        return BoundedSearch(self.machine, self._coverage(stopped), self.runs)

    def _search(self) -> str:
        """Try one length after the other; return why there is no other."""
        while True:
            self._look()
            self.depth = self.unrolling.length
            self._report()
            if self.limits.first_violation and self._violated():
                return "a violation was found"
            if self.depth == self.last:
                return "the depth is reached"
            self.unrolling.rule_out(list(self.open.values()))
            self.unrolling.extend()
            if self.unrolling.length == self.last:
                # what is enabled there would fire in a step too many
                for name in self.firing:
                    self.open.pop(fires(name), None)

    def _look(self) -> None:
        """Find all that runs of this length meet and no shorter one does."""
        while self.open:
            run = self.unrolling.run_to(list(self.open.values()))
            if run is None:
                return
            end = Evaluator(self.machine, run.states[-1])
            met = {n: p for n, p in self.open.items() if end.holds(p)}
            if not met:
                raise SolverDisagreesError(
                    f"after {plural(self.unrolling.length, 'step')}: "
                    "nothing is met"
                )
            for name, predicate in met.items():
                self.runs[name] = run
                del self.open[name]
                broken = name.endswith(_VIOLATED) or name == STUCK
                if broken or name in self.shown:
                    best = self.unrolling.first_run_to(predicate, run)
                    self.runs[name] = best

    def _violated(self) -> bool:
        return any(name.endswith(_VIOLATED) for name in self.runs)

    # -- what is reported ------------------------------------------------

    def _memory(self) -> int:
        self.peak = max(self.peak, memory_in_use())
        return self.peak

    def _report(self) -> None:
        seconds = time.perf_counter() - self.started
        open_ = len(self.open)
        self.report(Progress(0, 0, self.depth, open_, seconds, self._memory()))

    def _fired(self) -> dict[str, int]:
        """Return, for each action, 1 if it is known to fire, else 0."""
        instances = self.machine.instances
        known = {
            instances[number].action
            for run in self.runs.values()
            for number in run.instances
        }
        known |= {name for name in self.firing if fires(name) in self.runs}
        return {a.name: int(a.name in known) for a in self.machine.actions}

    def _coverage(self, stopped: str) -> Coverage:
        first = {name: len(run.instances) for name, run in self.runs.items()}
        stuck = first.pop(STUCK, None)
        for name in self.firing:
            first.pop(fires(name), None)
        return Coverage(
            states=0,
            transitions=0,
            level_sizes=(),
            first_level=first,
            deadlock_level=stuck,
            fired=self._fired(),
            stopped=stopped,
            seconds=time.perf_counter() - self.started,
            memory=self._memory(),
            depth=self.depth,
        )
