# SPDX-License-Identifier: GPL-2.0-or-later
"""What every engine is asked, and what every engine answers.

An engine explores a machine breadth first.  Level 0 is the set of initial
states; level n + 1 holds the states that a step from level n reaches and no
earlier level holds.  Engines agree exactly: states, transitions (pairs of a
state and an enabled action instance, self-loops included), level sizes, and
the first level in which each watched predicate is true.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from attrs import frozen

from checker.engines.demands import demands
from model.language import expression as ex
from model.language.expression import Expression
from model.language.machine import Machine, State

TYPE_INVARIANT = "type invariant"
#: why a search stopped that was told to by Ctrl-C
INTERRUPTED = "interrupted"


@frozen(eq=False)
class Watch:
    """A predicate whose first level the search records."""

    name: str
    expression: Expression


def violated(name: str) -> str:
    """Return the watch of states that violate ``always`` property ``name``."""
    return f"{name} violated"


def premise(name: str) -> str:
    """Return the watch of states in which ``name`` says anything."""
    return f"{name} premise"


def reached(name: str) -> str:
    """Return the watch of states that meet ``reachable`` property ``name``."""
    return f"{name} reached"


def watches(machine: Machine) -> tuple[Watch, ...]:
    """Return the predicates that decide the properties of ``machine``."""
    found = [
        Watch(violated(TYPE_INVARIANT), ex.complement(machine.type_invariant))
    ]
    for prop in machine.properties:
        if prop.kind == "always":
            found.append(Watch(violated(prop.name), prop.violated))
            found.append(Watch(premise(prop.name), prop.premise))
            found += [
                Watch(d.name, d.expression) for d in demands(prop, machine)
            ]
        elif prop.kind == "eventually":
            found.append(Watch(premise(prop.name), prop.premise))
        elif prop.then:
            found.append(Watch(reached(prop.name), prop.conclusion))
    return tuple(found)


@frozen
class Progress:
    """How far a search is; ``memory`` in bytes."""

    states: int
    transitions: int
    level: int
    queue: int
    seconds: float
    memory: int


Report = Callable[[Progress], None]


def silent(progress: Progress) -> None:
    """Report nothing."""


def default_memory() -> int:
    """Return half of this machine's memory, in bytes."""
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return pages * size // 2


@frozen(kw_only=True)
class Limits:
    """Where a search stops although it is not finished.

    ``max_states`` distinct states, ``memory`` bytes of tables; 0 means the
    default: no bound on states, half of this machine's memory.
    ``first_violation`` ends the search after the first level that violates
    an ``always`` property.  ``depth``: how many steps a bounded search goes
    at most, None for its default; other searches do not look at it.
    """

    max_states: int = 0
    memory: int = 0
    first_violation: bool = False
    threads: int = 1
    depth: int | None = None


@frozen(kw_only=True)
class Coverage:
    """What a search covered.

    ``stopped`` is empty if the search is finished, else the reason in one
    phrase.  ``fired`` counts transitions per action, ``first_level`` has the
    first level at which a watch was true, ``deadlock_level`` the first level
    with a state that has no successor and may not end.  ``memory`` is in
    bytes: all tables of the engine at their largest.

    ``depth`` is None for a search that counts states.  A bounded search has
    looked at all runs of up to ``depth`` steps (-1: it did not get through
    the initial states), and has no states, transitions or levels to count;
    it is never finished, and ``fired`` is 1 for the actions that are known
    to fire, 0 for those of which it does not know.
    """

    states: int
    transitions: int
    level_sizes: tuple[int, ...]
    first_level: Mapping[str, int]
    deadlock_level: int | None
    fired: Mapping[str, int]
    stopped: str
    seconds: float
    memory: int
    depth: int | None = None

    @property
    def levels(self) -> int:
        """Number of levels, the initial one included."""
        return len(self.level_sizes)

    @property
    def never_fired(self) -> frozenset[str]:
        """Actions that are known not to happen: none if it was stopped."""
        if self.stopped:
            return frozenset()
        return frozenset(n for n, times in self.fired.items() if not times)

    @property
    def states_per_second(self) -> float:
        """Distinct states per second of search."""
        return self.states / self.seconds if self.seconds > 0 else 0.0

    @property
    def bytes_per_state(self) -> float:
        """Memory of the tables per distinct state."""
        return self.memory / self.states if self.states else 0.0


class Search(Protocol):
    """A search that was run; it answers questions about what it covered."""

    @property
    def machine(self) -> Machine: ...

    @property
    def coverage(self) -> Coverage: ...

    def meeting(self, level: int, predicate: Expression) -> StateSet:
        """Return the states of ``level`` in which ``predicate`` is true."""
        ...

    def stuck(self, level: int) -> StateSet:
        """Return the states of ``level`` that are deadlocks."""
        ...

    def before(self, level: int, targets: Any) -> StateSet:
        """Return the states of ``level`` with a step into ``targets``."""
        ...


class StateSet(Protocol):
    """Some states of one level."""

    def __contains__(self, state: State, /) -> bool: ...

    def __len__(self) -> int: ...


class Engine(Protocol):
    """Explores a machine."""

    def __call__(
        self, machine: Machine, limits: Limits, report: Report
    ) -> Search: ...


def count_fired(
    machine: Machine, per_instance: Iterable[int]
) -> dict[str, int]:
    """Return the transitions of each action, from those per instance."""
    fired = {action.name: 0 for action in machine.actions}
    for instance, n in zip(machine.instances, per_instance, strict=True):
        fired[instance.action] += n
    return fired
