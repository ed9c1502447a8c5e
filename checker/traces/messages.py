# SPDX-License-Identifier: GPL-2.0-or-later
"""What a move does to the messages in flight: sent, received, lost.

A message is received by the move whose guard looks at the head of the
channel; whatever else disappears from a channel is lost.
"""

from __future__ import annotations

from attrs import frozen

from checker.traces.trace import Move, Trace
from model.language.channel import slot_field
from model.language.expression import fields_read
from model.language.machine import Instance, Machine, State, Variable

Messages = tuple[str, ...]


@frozen
class Traffic:
    """What one move does to one channel."""

    channel: str
    sent: Messages = ()
    received: Messages = ()
    lost: Messages = ()


def channels(machine: Machine) -> tuple[Variable, ...]:
    """The variables that are channels."""
    return tuple(
        v
        for v in machine.variables
        if slot_field(v.name, 0, "kind") in machine.position
    )


def in_flight(machine: Machine, channel: Variable, state: State) -> Messages:
    """The messages in ``channel``, oldest first, as people write them."""
    head = slot_field(channel.name, 0, "")
    size = sum(name.startswith(head) for name in channel.fields)
    codes = [state[machine.position[name]] for name in channel.fields]
    slots = [
        tuple(codes[start : start + size])
        for start in range(0, len(codes), size)
    ]
    return tuple(channel.show(slot) for slot in slots if slot[0])


def instance_of(machine: Machine, move: Move) -> Instance:
    """The action instance that ``move`` is."""
    return next(
        i
        for i in machine.action(move.action).instances
        if i.arguments == move.arguments
    )


def traffic_along(
    machine: Machine, trace: Trace
) -> tuple[tuple[Traffic, ...], ...]:
    """For each move of ``trace``, what it does to the channels."""
    states = trace.states
    return tuple(
        tuple(
            found
            for channel in channels(machine)
            if (found := _traffic(machine, channel, before, move)) is not None
        )
        for before, move in zip(states, trace.moves, strict=False)
    )


def _traffic(
    machine: Machine, channel: Variable, before: State, move: Move
) -> Traffic | None:
    old = in_flight(machine, channel, before)
    new = in_flight(machine, channel, move.state)
    if old == new:
        return None
    if new[: len(old)] == old:
        return Traffic(channel.name, sent=new[len(old) :])
    guard = instance_of(machine, move).guard
    head = slot_field(channel.name, 0, "kind")
    takes = head in fields_read(c.expression for c in guard)
    taken, rest = (old[:1], old[1:]) if takes else ((), old)
    lost = () if new == rest else rest
    return Traffic(channel.name, received=taken, lost=lost)
