# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the model may be, given that QEMU may be ahead of the trace.

The rule: a belief holds every state that the model reaches by the steps of
the trace so far, with QEMU's own steps taken any time from when the model
allows them.  A step of the trace that QEMU has taken already changes nothing.
What QEMU shows then rules states out; if it rules out all, they differ.

A channel of QEMU's holds all that a small bitmap needs, so the belief runs on
the same model with a channel that is never full.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import attrs

from checker.engines.evaluate import Evaluator
from checker.qemu.traces.map import AHEAD
from checker.traces.trace import Move, Trace
from model.designs import build
from model.language.machine import Instance, Machine, State
from model.vocabulary import Link

#: it may come too late, and then the rest of the trace needs a break
_CANCEL: Final = "migrate_cancel"
#: not QEMU's own step; a side that is done does not see it
_TIMES_OUT: Final = "connection_times_out"
_BESIDE_BITS: Final = 4  # START, COMPLETE, RUN, and one to spare


def roomy(trace: Trace) -> Machine:
    """Return the trace's machine, with a channel that is never full."""
    bounds = trace.options.bounds
    channel = max(bounds.channel, bounds.chunks + _BESIDE_BITS)
    return build(
        attrs.evolve(
            trace.options, bounds=attrs.evolve(bounds, channel=channel)
        )
    )


def start_of(machine: Machine, trace: Trace, small: Machine) -> State:
    """Return the initial state of the trace in another machine."""
    codes = dict(
        zip((f.name for f in small.fields), trace.initial, strict=True)
    )
    return next(
        state
        for state in machine.initials
        if all(
            codes.get(f.name, code) == code
            for f, code in zip(machine.fields, state, strict=True)
        )
    )


@attrs.define(eq=False)
class Belief:
    """The states in which the model may be; ``main``: without haste."""

    machine: Machine
    main: State
    states: frozenset[State] = frozenset()
    _own: tuple[Instance, ...] = ()

    def __attrs_post_init__(self) -> None:
        self._own = tuple(
            i for i in self.machine.instances if i.action in AHEAD
        )
        self.states = self._closed({self.main})

    def _closed(self, states: Iterable[State]) -> frozenset[State]:
        """Return the states with every step that QEMU may take on its own."""
        found, work = set(states), list(states)
        while work:
            here = Evaluator(self.machine, work.pop())
            for instance in self._own:
                if here.enabled(instance):
                    after = here.successor(instance)
                    if after not in found:
                        found.add(after)
                        work.append(after)
        return frozenset(found)

    def take(self, move: Move) -> None:
        """Take the trace's next step."""
        instances = [
            i
            for i in self.machine.instances
            if i.action == move.action and i.arguments == move.arguments
        ]
        after = set()
        for state in self.states:
            taken = self._taken(state, instances)
            if not taken and move.action == _CANCEL:
                taken = {self._broken(state)}
            if not taken and move.action in (*AHEAD, _TIMES_OUT):
                taken = {state}
            after |= taken
        for state in self._taken(self.main, instances):
            self.main = state
        self.states = self._closed(after or {self.main})

    def _taken(
        self, state: State, instances: Iterable[Instance]
    ) -> set[State]:
        here = Evaluator(self.machine, state)
        return {here.successor(i) for i in instances if here.enabled(i)}

    def _broken(self, state: State) -> State:
        """Return the state with a connection on which nothing new is sent."""
        at = self.machine.position["link"]
        codes = list(state)
        if codes[at] == list(Link).index(Link.UP):
            codes[at] = list(Link).index(Link.BROKEN)
        return tuple(codes)

    def keep(self, fits: Callable[[State], bool]) -> None:
        """Drop the states that do not fit what was seen, but not all.

        QEMU goes on after the look, so its own steps are open again.
        """
        left = set(filter(fits, self.states))
        self.states = self._closed(left or self.states)
