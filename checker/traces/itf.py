# SPDX-License-Identifier: GPL-2.0-or-later
"""A trace in ITF, the Informal Trace Format that Apalache and Quint use.

Flags are booleans, enumerations are strings, numbers are big integers, sets
are sets of big integers, a channel is the list of its messages, oldest first.
The name of no chunk is -1.
A name's dot becomes an underscore (``source.vm`` is ``source_vm``), so that a
TLA+ text can use it.  Format: Apalache's ADR 15.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from checker.input.configuration import options_table
from checker.traces.messages import channels
from checker.traces.trace import Trace
from model.language.channel import KindType, slot_field
from model.language.domain import NO_CHUNK
from model.language.machine import Machine, State, Variable
from model.language.types import (
    ChunkSetType,
    ContentsType,
    CounterType,
    FlagType,
    GranuleSetType,
    NameType,
    Type,
)

FORMAT = "https://apalache-mc.org/docs/adr/015adr-trace.html"


def render_itf(machine: Machine, trace: Trace) -> str:
    """The trace as the text of an ``.itf.json`` file."""
    return json.dumps(to_itf(machine, trace), indent=1) + "\n"


def to_itf(machine: Machine, trace: Trace) -> dict[str, Any]:
    """The trace as plain data.

    With ``loop``, the last state is the state of that index again.
    """
    itf: dict[str, Any] = {
        "#meta": {
            "format": "ITF",
            "format-description": FORMAT,
            "description": (
                f"dbmcheck trace {trace.id}: {machine.name}, "
                f"{trace.property_name}"
            ),
            "source": machine.name,
            "property": trace.property_name,
            "trace": trace.id,
            "configuration": options_table(trace.options),
        },
        "params": [],
        "vars": [_name(v) for v in machine.variables],
        "states": [
            _state(machine, trace, index) for index in range(len(trace.states))
        ],
    }
    if trace.loop is not None:
        itf["loop"] = trace.loop
    return itf


def _name(variable: Variable) -> str:
    return variable.name.replace(".", "_")


def _state(machine: Machine, trace: Trace, index: int) -> dict[str, Any]:
    state = trace.states[index]
    meta: dict[str, Any] = {"index": index}
    if index > 0:
        move = trace.moves[index - 1]
        meta |= {
            "action": move.action,
            "actor": move.actor,
            "arguments": dict(move.arguments),
        }
    types = {f.name: f.type for f in machine.fields}
    queues = {v.name for v in channels(machine)}
    values: dict[str, Any] = {"#meta": meta}
    for variable in machine.variables:
        codes = _codes(machine, variable, state)
        values[_name(variable)] = (
            _messages(variable, types, codes)
            if variable.name in queues
            else _value(types[variable.name], codes[variable.name])
        )
    return values


def _codes(
    machine: Machine, variable: Variable, state: State
) -> dict[str, int]:
    return {name: state[machine.position[name]] for name in variable.fields}


def _integer(number: int) -> dict[str, str]:
    return {"#bigint": str(number)}


def _set(code: int, first: int = 0) -> dict[str, Any]:
    """The numbers of the bits set in ``code``, counted from ``first``."""
    return {
        "#set": [
            _integer(first + i)
            for i in range(code.bit_length())
            if code >> i & 1
        ]
    }


def _chunk(name: int) -> int:
    """The number of the chunk with this name; -1 for none."""
    return name - NO_CHUNK - 1


def _value(kind: Type, code: int) -> Any:
    """One field: readable, and every number a big integer."""
    if isinstance(kind, FlagType):
        return bool(code)
    if isinstance(kind, NameType):
        return _integer(_chunk(code))
    if isinstance(kind, CounterType):
        return _integer(code)
    if isinstance(kind, GranuleSetType | ChunkSetType | ContentsType):
        return _set(code)
    return kind.show(code)


def _messages(
    channel: Variable, types: Mapping[str, Type], codes: Mapping[str, int]
) -> Sequence[dict[str, Any]]:
    """The messages in flight; granules are numbered as on the disk."""
    found = []
    head = slot_field(channel.name, 0, "")
    parts = [
        n.removeprefix(head) for n in channel.fields if n.startswith(head)
    ]
    for slot in range(len(channel.fields) // len(parts)):
        names = {p: slot_field(channel.name, slot, p) for p in parts}
        if codes[names["kind"]] == 0:
            continue
        found.append(_message(channel, types, codes, names))
    return found


def _message(
    channel: Variable,
    types: Mapping[str, Type],
    codes: Mapping[str, int],
    names: Mapping[str, str],
) -> dict[str, Any]:
    kind = types[names["kind"]]
    assert isinstance(kind, KindType)
    message: dict[str, Any] = {"kind": kind.show(codes[names["kind"]])}
    shown = channel.show(tuple(codes[name] for name in names.values()))
    if shown == message["kind"]:  # it carries nothing
        return message
    for part, name in names.items():
        if part == "kind":
            continue
        type_, code = types[name], codes[name]
        if isinstance(type_, ContentsType):
            first = _chunk(codes[names["chunk"]]) * type_.width
            message[part] = _set(code, first)
        else:
            message[part] = _value(type_, code)
    return message
