# SPDX-License-Identifier: GPL-2.0-or-later
"""Replay: a trace from its actions, step by step, with the oracle.

Actions are given by name and parameters, so a trace outlives the encoding of
states.  The first step that does not fit ends the replay with the conjuncts
of the guard that were false and with what was enabled instead.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import evolve, frozen

from checker.engines.evaluate import Evaluator
from checker.engines.exploration import TYPE_INVARIANT
from checker.engines.interpreter import successors
from checker.engines.verdict import CONFORMANCE, DEADLOCK, RUN
from checker.input.errors import DbmcheckError
from checker.input.exit_codes import ExitCode
from checker.input.own_properties import Own, asked_of
from checker.text import listed
from checker.traces.claim import why_not_shown
from checker.traces.trace import Move, Trace
from model.designs import build
from model.language.machine import Action, Instance, Machine, State
from model.options import Options

ActionCall = str | tuple[str, Mapping[str, str]] | Mapping[str, Any]
_LABEL = re.compile(r"(\w+)(?:\(([^()]*)\))?")


@frozen(kw_only=True)
class CannotReplayError(DbmcheckError):
    """A trace that is none of this machine; ``str()`` is one line.

    ``step`` counts from 1; None: every step fits, but the run does not show
    the property.  ``false``: the conjuncts of the guard of ``action`` that
    are false there.  ``enabled``: what could happen instead.  ``where``: the
    file, if the actions come from one.
    """

    exit_code = ExitCode.CANNOT_REPLAY

    step: int | None
    action: str
    reason: str
    false: tuple[str, ...] = ()
    enabled: tuple[str, ...] = ()
    where: str = ""

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        if self.step is None:
            return f"{place}{self.reason}"
        text = f"{place}step {self.step}, {self.action}: {self.reason}"
        if not self.enabled:
            return text
        return f"{text}; enabled are {listed(self.enabled)}"

    def within(self, where: str) -> CannotReplayError:
        """The same complaint about the trace in the file ``where``."""
        return evolve(self, where=where)


def replay(
    options: Options,
    property_name: str,
    actions: Sequence[ActionCall],
    loop: int | None = None,
    own: Own | None = None,
) -> Trace:
    """The trace that takes ``actions`` and shows ``property_name``.

    An action is a label as traces print it, 'send_bitmap_bits(chunk=0)', a
    name with its arguments, or an entry of ``Trace.identity()``.  A
    parameter may be left out where only one value fits.  ``loop`` is the
    number of actions before the cycle of a lasso.  ``own``: the property,
    if it is none of the design's.  With several initial states, the first
    one that fits is taken.

    Raises CannotReplayError at the first step that does not fit, or if the run
    does not show the property; ModelError if ``options`` are bad, and
    OwnPropertyError if ``own`` is.
    """
    asked = () if own is None else (own,)
    machine = asked_of(build(options), options, asked)
    _check_property(machine, property_name)
    furthest: CannotReplayError | None = None
    for initial in machine.initials:
        try:
            moves = tuple(_walk(machine, initial, actions))
            trace = Trace(
                options, property_name, initial, moves, loop, own=own
            )
            reason = why_not_shown(machine, trace)
            if not reason:
                return trace
            raise _not_shown(trace, reason)
        except CannotReplayError as error:
            if furthest is None or _reach(error) > _reach(furthest):
                furthest = error
    assert furthest is not None
    raise furthest


def _reach(error: CannotReplayError) -> float:
    return float("inf") if error.step is None else error.step


def _not_shown(trace: Trace, reason: str) -> CannotReplayError:
    number = len(trace.moves)
    steps = "1 step fits" if number == 1 else f"{number} steps fit"
    return CannotReplayError(
        step=None,
        action=trace.moves[-1].label if trace.moves else "",
        reason=(
            f"the {steps}, but {trace.property_name} is not shown: {reason}"
        ),
    )


def _check_property(machine: Machine, name: str) -> None:
    known = [p.name for p in machine.properties]
    if name in (*known, DEADLOCK, TYPE_INVARIANT, CONFORMANCE, RUN):
        return
    raise CannotReplayError(
        step=None,
        action="",
        reason=(
            f"{machine.name} has no property '{name}'; it has "
            f"{', '.join(known)}, {DEADLOCK}"
        ),
    )


def _walk(
    machine: Machine, state: State, actions: Sequence[ActionCall]
) -> list[Move]:
    moves: list[Move] = []
    for step, call in enumerate(actions, 1):
        moves.append(move_meant(machine, state, call, step))
        state = moves[-1].state
    return moves


def move_meant(
    machine: Machine, state: State, call: ActionCall, step: int
) -> Move:
    """The move that ``call`` means in ``state``, as step number ``step``.

    Raises CannotReplayError if there is none, or more than one.
    """
    name, arguments = _parsed(call, step)
    here = Evaluator(machine, state)
    instance = _fitting(machine, here, step, name, arguments)
    return Move(
        instance.action,
        instance.actor,
        instance.arguments,
        here.successor(instance),
    )


def _parsed(call: ActionCall, step: int) -> tuple[str, dict[str, str]]:
    if not isinstance(call, str):
        name, arguments = (
            (call["action"], call["arguments"])
            if isinstance(call, Mapping)
            else call
        )
        return name, {k: str(v) for k, v in arguments.items()}
    found = _LABEL.fullmatch(call.strip())
    inside = (found.group(2) or "").strip() if found else ""
    pairs = [part.partition("=") for part in inside.split(",") if inside]
    if found is None or not all(equal and k.strip() for k, equal, _ in pairs):
        raise CannotReplayError(
            step=step,
            action=call,
            reason="is not an action; write name(parameter=value)",
        )
    return found.group(1), {k.strip(): v.strip() for k, _, v in pairs}


def _label(name: str, arguments: Mapping[str, str]) -> str:
    inside = ", ".join(f"{k}={v}" for k, v in arguments.items())
    return f"{name}({inside})" if inside else name


def _fitting(
    machine: Machine,
    here: Evaluator,
    step: int,
    name: str,
    arguments: Mapping[str, str],
) -> Instance:
    """The one enabled instance that is meant."""
    candidates = _meant(machine, here, step, name, arguments)
    fitting = [i for i in candidates if here.enabled(i)]
    label = _label(name, arguments)
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise CannotReplayError(
            step=step,
            action=label,
            reason=f"say which of {listed([i.label for i in fitting])}",
        )
    best = min(candidates, key=lambda i: len(_false(here, i)))
    false = _false(here, best)
    raise CannotReplayError(
        step=step,
        action=best.label,
        reason=f"its guard {_quoted(false)}",
        false=false,
        enabled=_enabled(machine, here),
    )


def _quoted(false: Sequence[str]) -> str:
    texts = " and ".join(f"'{text}'" for text in false)
    return f"{texts} {'is' if len(false) == 1 else 'are'} false"


def _false(here: Evaluator, instance: Instance) -> tuple[str, ...]:
    return tuple(
        c.text for c in instance.guard if not here.holds(c.expression)
    )


def _enabled(machine: Machine, here: Evaluator) -> tuple[str, ...]:
    return tuple(
        machine.instances[number].label
        for number, _ in successors(machine, here.state)
    )


def _meant(
    machine: Machine,
    here: Evaluator,
    step: int,
    name: str,
    arguments: Mapping[str, str],
) -> list[Instance]:
    """The instances that ``name`` and ``arguments`` may mean."""
    action = next((a for a in machine.actions if a.name == name), None)
    if action is None:
        raise CannotReplayError(
            step=step,
            action=_label(name, arguments),
            reason=_unknown_action(machine, name),
            enabled=_enabled(machine, here),
        )
    for key, value in arguments.items():
        allowed = _values(action, key)
        if value not in allowed:
            raise CannotReplayError(
                step=step,
                action=_label(name, arguments),
                reason=_unknown_value(action, key, value, allowed),
                enabled=_enabled(machine, here),
            )
    wanted = set(arguments.items())
    return [i for i in action.instances if wanted <= set(i.arguments)]


def _values(action: Action, key: str) -> list[str]:
    return [
        value for i in action.instances for k, value in i.arguments if k == key
    ]


def _unknown_action(machine: Machine, name: str) -> str:
    known = [a.name for a in machine.actions]
    close = difflib.get_close_matches(name, known) or sorted(known)
    return f"{machine.name} has no action '{name}'; it has {listed(close)}"


def _unknown_value(
    action: Action, key: str, value: str, allowed: Sequence[str]
) -> str:
    if allowed:
        return f"{key} is '{value}', allowed are {listed(allowed)}"
    keys = [k for k, _ in action.instances[0].arguments]
    return f"no parameter '{key}'; it has {listed(keys)}"
