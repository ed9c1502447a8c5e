# SPDX-License-Identifier: GPL-2.0-or-later
"""``dbmcheck step``: walk a configuration by hand."""

from __future__ import annotations

import sys

from checker.cli import page
from checker.cli.describe import configured
from checker.engines.evaluate import Evaluator
from checker.engines.interpreter import successors
from checker.traces.changes import changes
from checker.traces.shortest import move_of
from checker.traces.trace import Move
from model.language import Machine
from model.language.machine import State

HELP = "number: take that action; u: undo; s: whole state; q: quit"


def run(argument: str, without: tuple[str, ...]) -> int:
    """Read what to do from standard input until 'q' or its end."""
    machine = configured(argument, without).machine()
    states: list[State] = [machine.initials[0]]
    page.line(HELP)
    _print_state(machine, states[0])
    while True:
        choices = enabled(machine, states[-1])
        _print_choices(choices)
        command = _ask(len(states) - 1)
        if command in ("q", "quit", None):
            return 0
        if command in ("u", "undo"):
            _undo(machine, states)
        elif command in ("s", "state"):
            _print_state(machine, states[-1])
        elif (
            command.isascii()
            and command.isdigit()
            and (1 <= int(command) <= len(choices))
        ):
            move = choices[int(command) - 1]
            _take(machine, states, move)
        else:
            page.line(
                f"'{command[:20]}' is no choice; allowed are 1 to "
                f"{len(choices)}, u, s and q"
                if choices
                else f"'{command[:20]}' is no choice; allowed are u, s and q"
            )


def enabled(machine: Machine, state: State) -> list[Move]:
    """The moves that are possible, in the order of the model's text."""
    return [move_of(machine, n, s) for n, s in successors(machine, state)]


def _ask(depth: int) -> str | None:
    sys.stdout.write(f"[{depth}] > ")
    sys.stdout.flush()
    typed = sys.stdin.readline()
    if not typed:
        page.line()
        return None
    if not sys.stdin.isatty():
        page.line(typed.strip())
    return typed.strip().lower()


def _print_choices(choices: list[Move]) -> None:
    page.line()
    if not choices:
        page.line("  nothing is enabled")
    for number, move in enumerate(choices, start=1):
        page.line(f"  {number:2}  {move.actor:<12} {move.label}")


def _print_state(machine: Machine, state: State) -> None:
    for variable in machine.variables:
        shown = machine.show(variable, state)
        page.line(f"    {variable.name:<26} {shown}")


def _print_difference(machine: Machine, old: State, new: State) -> None:
    found = changes(machine, old, new)
    if not found:
        page.line("    nothing changed")
    for change in found:
        page.line(f"    {change.name}: {change.old} -> {change.new}")


def _take(machine: Machine, states: list[State], move: Move) -> None:
    page.line(f"  {move.actor}: {move.label}")
    _print_difference(machine, states[-1], move.state)
    states.append(move.state)
    here = Evaluator(machine, move.state)
    for prop in machine.properties:
        if prop.kind == "always" and here.holds(prop.violated):
            page.line(f"  ! {prop.name} ({prop.guarantee}) is violated here")


def _undo(machine: Machine, states: list[State]) -> None:
    if len(states) == 1:
        page.line("  this is the initial state")
        return
    undone = states.pop()
    page.line("  undone")
    _print_difference(machine, undone, states[-1])
