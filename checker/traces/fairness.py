# SPDX-License-Identifier: GPL-2.0-or-later
"""What a run does for ever, and what it puts off for ever.

A fair action is not put off for ever while it stays enabled; any other one
may be.  So the loop of a lasso takes each fair action, or leaves it disabled
in some state; what it does not take although it is enabled all along is not
fair, and that is why the run is allowed.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import frozen

from checker.engines.evaluate import Evaluator
from checker.text import plural, wrapped
from checker.traces.trace import Trace
from model.language.machine import Action, Machine

FAIR_MEANS = "A fair action is not put off for ever while it stays enabled."


@frozen
class Loop:
    """The actions along a loop, by name, each in one place.

    ``first``: number of the loop's first step; None if it has no step, for
    the run stays in its last state.  ``put_off``: enabled in every state of
    the loop, never taken, and not fair.  ``at_times``: enabled in some states
    of it, and not taken.
    """

    first: int | None
    last: int
    fair_taken: tuple[str, ...]
    fair_at_times: tuple[str, ...]
    fair_never_enabled: tuple[str, ...]
    taken: tuple[str, ...]
    put_off: tuple[str, ...]
    at_times: tuple[str, ...]

    @property
    def place(self) -> str:
        """Where the run stays, as the head of what follows."""
        if self.first is None:
            return "In the last state, for ever"
        if self.first == self.last:
            return f"In the loop, step {self.last}, for ever"
        return f"In the loop, steps {self.first} to {self.last}, for ever"


def loop_of(machine: Machine, trace: Trace) -> Loop | None:
    """The loop of a lasso; None for a run that ends."""
    if trace.loop is None:
        return None
    states = [Evaluator(machine, s) for s in trace.states[trace.loop :]]
    taken = {move.action for move in trace.moves[trace.loop :]}

    def enabled(action: Action) -> int:
        """In how many states of the loop it is enabled."""
        return sum(any(map(s.enabled, action.instances)) for s in states)

    found: dict[str, list[str]] = {}
    for action in machine.actions:
        times = enabled(action)
        if action.name in taken:
            how = "taken"
        elif times == len(states):
            how = "put_off"
        else:
            how = "at_times" if times else "never_enabled"
        found.setdefault(f"{'fair_' * action.fair}{how}", []).append(
            action.name
        )
    assert "fair_put_off" not in found, "the loop is not fair"
    found.pop("never_enabled", None)
    names = (
        *("fair_taken", "fair_at_times", "fair_never_enabled"),
        *("taken", "put_off", "at_times"),
    )
    steps = len(trace.moves) - trace.loop
    return Loop(
        trace.loop + 1 if steps else None,
        len(trace.moves),
        *(tuple(found.get(name, ())) for name in names),
    )


def in_words(loop: Loop, indent: int = 2) -> Iterator[str]:
    """A line, or more, for each kind of action that there is."""
    never = plural(len(loop.fair_never_enabled), "action")
    rows = {
        "fair, taken": ", ".join(loop.fair_taken),
        "fair, enabled at times": ", ".join(loop.fair_at_times),
        "fair, never enabled": never if loop.fair_never_enabled else "",
        "not fair, taken": ", ".join(loop.taken),
        "not fair, put off": ", ".join(loop.put_off),
        "not fair, at times": ", ".join(loop.at_times),
    }
    width = max(len(head) for head, text in rows.items() if text)
    for head, text in rows.items():
        if text:
            yield from wrapped(text, f"{' ' * indent}{head:{width}}  ")
    legend = FAIR_MEANS
    if loop.put_off:
        legend += " What is put off is enabled all along and never taken."
    yield from wrapped(legend, " " * indent)
