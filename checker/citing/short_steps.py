# SPDX-License-Identifier: GPL-2.0-or-later
"""The steps of a trace as a mail tells them: who, what, and what it does.

Messages are sent, received and lost rather than moved in a queue, and what
only drives the model (cursors, budgets) is left out.
"""

from __future__ import annotations

from checker.citing.second import one
from checker.citing.wording import told
from checker.text import (
    UNBROKEN,
    WIDTH,
    joined,
    paragraph,
    wrapped,
)
from checker.traces.changes import Change, changes_along
from checker.traces.messages import Traffic, channels, traffic_along
from checker.traces.trace import Trace
from model.language.machine import Machine

BOOKKEEPING = frozenset(
    {
        "source.cursor",
        "source.announced",
        "source.completed",
        "source.named",
        "source.stage",
        "source.chunk",
        "throttle.chunks_sent",
        "destination.named",
        "destination.stream_ended",
        "ghost_since",
        "ghost_faulted",
        "ghost_trouble",
        "ghost_arrived",
        "ghost_killed",
        "ghost_retried",
        "ghost_had",
    }
)


def short_steps(machine: Machine, trace: Trace) -> list[str]:
    """The steps in lines of at most 72 columns; ghost data have a star."""
    silent = {channel.name for channel in channels(machine)}
    silent |= {v.name for v in machine.variables if one(v.name) in BOOKKEEPING}
    silent |= {v.name for v in machine.variables if v.name.endswith("_left")}
    lines: list[str] = []
    for number, (move, flows, changed) in enumerate(
        zip(
            trace.moves,
            traffic_along(machine, trace),
            changes_along(machine, trace),
            strict=True,
        ),
        1,
    ):
        if trace.loop == number - 1:
            lines += paragraph("-- from here on, for ever --", 5)
        lines += wrapped(move.label, f"{number:4} {move.actor:11} ")
        parts = [part for flow in flows for part in _flow(flow)]
        parts += [
            told(_change(c), trace.options)
            for c in changed
            if c.name not in silent
        ]
        lines += wrapped("; ".join(parts), " " * 17)
    if trace.loop is not None:
        lines += paragraph(
            "-- and stays like this --"
            if trace.loop == len(trace.moves)
            else f"-- and again from step {trace.loop + 1} --",
            5,
        )
    return [line for line in lines if line.strip()]


def _flow(flow: Traffic) -> list[str]:
    parts = []
    for verb, messages in (
        ("receives", flow.received),
        ("sends", flow.sent),
        ("lost:", flow.lost),
    ):
        if messages:
            text = joined(messages).replace(": ", ":" + UNBROKEN)
            parts.append(f"{verb} {text}")
    return parts


def _change(change: Change) -> str:
    name = change.name
    if change.ghost:
        name = f"*{name.removeprefix('ghost_')}"
    text = f"{name} {change.old} -> {change.new}"
    return text.replace(" ", UNBROKEN) if len(text) < WIDTH // 2 else text
