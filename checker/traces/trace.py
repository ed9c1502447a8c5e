# SPDX-License-Identifier: GPL-2.0-or-later
"""A trace: steps from an initial state, by action names and parameters.

A trace belongs to a configuration and a property.  Its id is a hash of these
and of the actions, so that a mail can name it and a reader can compare.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from attrs import field, frozen

from checker.input.configuration import options_table
from checker.input.own_properties import Own, machine_with
from model.designs import schema
from model.language.machine import Machine, State
from model.options import Options


@frozen
class Move:
    """One step: an action instance by name, and the state it leads to."""

    action: str
    actor: str
    arguments: tuple[tuple[str, str], ...]
    state: State

    @property
    def label(self) -> str:
        """Action and parameters as people write them."""
        inside = ", ".join(f"{k}={v}" for k, v in self.arguments)
        return f"{self.action}({inside})" if inside else self.action


@frozen
class Trace:
    """A run of the machine of ``options`` that shows ``property_name``.

    ``loop``: for a lasso, the number of moves before the cycle: the state
    after the last move is the state after move ``loop``.  ``model``: the
    schema that it was a trace of when it was written, '' if that is not known.
    ``own``: the property, if it is none of the design's.
    """

    options: Options
    property_name: str
    initial: State
    moves: tuple[Move, ...]
    loop: int | None = None
    model: str = field(default="", eq=False)
    own: Own | None = None

    @property
    def changed(self) -> bool:
        """Whether the model is another one than when it was written."""
        return self.model not in ("", schema(self.options).digest)

    def machine(self) -> Machine:
        """The machine that it is a run of, with the property it shows."""
        own = () if self.own is None else (self.own,)
        return machine_with(self.options, own)

    @property
    def states(self) -> tuple[State, ...]:
        """The states along the trace, the initial one first."""
        return (self.initial, *(move.state for move in self.moves))

    def identity(self) -> dict[str, Any]:
        """What makes this trace this trace, as plain data."""
        own = {} if self.own is None else {"own": self.own.table()}
        return {
            "configuration": options_table(self.options),
            "property": self.property_name,
            **own,
            "actions": [
                {"action": m.action, "arguments": dict(m.arguments)}
                for m in self.moves
            ],
            "loop": self.loop,
        }

    @property
    def id(self) -> str:
        """Twelve hex digits that name this trace."""
        return trace_id(self.identity())


def trace_id(identity: dict[str, Any]) -> str:
    """The name of the trace with this ``Trace.identity()``."""
    text = json.dumps(identity, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]
