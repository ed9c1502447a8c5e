# SPDX-License-Identifier: GPL-2.0-or-later
"""``dbmcheck step``: walk a configuration, or from a trace, by hand.

Commands are read from standard input, a line each.  Where that is no
terminal each is printed again after the prompt, and the exit code says
whether all of them could be done.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from pathlib import Path

from attrs import frozen

from checker.cli import page
from checker.cli.describe import configured
from checker.cli.subject import is_trace_file
from checker.input.errors import InputError
from checker.input.nearest import meant
from checker.text import place, plural, wrapped
from checker.traces.changes import changes
from checker.traces.replay import CannotReplayError, move_meant
from checker.traces.storage import load as load_trace
from checker.traces.storage import save
from checker.traces.walk import (
    Walk,
    begun,
    broken,
    first_broken,
    first_showing,
    kept,
    walked,
)
from model.language import Machine
from model.language.machine import State

HELP = "number: take that action; u: undo; s: state; ?: all commands; q: quit"


@frozen(kw_only=True)
class Command:
    """Something to type: its names, what comes after them, what it does.

    ``do`` takes the walk and the words after the name, and returns the walk
    that goes on.
    """

    names: tuple[str, ...]
    words: str
    what: str
    do: Callable[[Walk, list[str]], Walk]


def run(argument: str, without: tuple[str, ...]) -> int:
    """Read what to do from standard input until 'q' or its end."""
    walk = _beginning(argument, without)
    page.line(HELP)
    if walk.moves:
        _list(walk, [])
    else:
        _print_state(walk.machine, walk.state)
    refused: list[str] = []
    while True:
        _print_choices(walk)
        typed = _ask(walk.at)
        if typed is None or typed.lower() in ("q", "quit"):
            break
        try:
            walk = _done(walk, typed)
        except (InputError, CannotReplayError) as error:
            page.paragraph(str(error), indent="  ")
            refused.append(str(error))
    if refused and not sys.stdin.isatty():
        raise InputError(
            f"{plural(len(refused), 'command')} could not be done; the "
            f"first: {refused[0]}"
        )
    return 0


def _beginning(argument: str, without: tuple[str, ...]) -> Walk:
    if not is_trace_file(argument):
        return begun(configured(argument, without))
    if without:
        raise InputError("--without goes with a CONFIG, not with a trace")
    trace = load_trace(Path(argument))
    if trace.changed:
        page.line("The model has changed since this trace was written.")
    return walked(trace)


def _ask(depth: int) -> str | None:
    """What is typed; None at the end of the input."""
    sys.stdout.write(f"[{depth}] > ")
    sys.stdout.flush()
    typed = sys.stdin.readline()
    if not typed:
        page.line()
        return None
    if not sys.stdin.isatty():
        page.line(typed.strip())
    return typed.strip()


def _done(walk: Walk, typed: str) -> Walk:
    """Do one command; raises InputError or CannotReplayError."""
    name, words = _words(typed)
    for command in COMMANDS:
        if name.lower() in command.names:
            return command.do(walk, words)
    if typed.isascii() and typed.isdigit():
        choices = walk.choices
        if 1 <= int(typed) <= len(choices):
            return _taken(walk, walk.take(choices[int(typed) - 1]))
        raise InputError(f"'{typed[:20]}' is not a choice; {_allowed(walk)}")
    actions = [a.name for a in walk.machine.actions]
    if typed.partition("(")[0].strip() in actions:
        move = move_meant(walk.machine, walk.state, typed, walk.at + 1)
        return _taken(walk, walk.take(move))
    known = [*actions, *(c.names[-1] for c in COMMANDS)]
    raise InputError(
        f"'{typed[:20]}' is not a choice; {_allowed(walk)}"
        f"{meant(typed[:60], known)}"
    )


def _words(typed: str) -> tuple[str, list[str]]:
    """The first word, and the others; quotes as a shell has them."""
    try:
        name, *words = shlex.split(typed) or [""]
    except ValueError as error:
        raise InputError(f"'{typed[:20]}': {error}") from None
    return name, words


def _allowed(walk: Walk) -> str:
    names = ", ".join(c.names[0] for c in COMMANDS)
    count = len(walk.choices)
    numbers = f"1 to {count}, " if count else ""
    return f"allowed are {numbers}{names} and q"


# -- the commands ------------------------------------------------------------


def _undo(walk: Walk, words: list[str]) -> Walk:
    number = _count(words[0], "u") if words else 1
    if walk.at == 0:
        page.line("  this is the initial state")
        return walk
    page.line("  undone")
    return _moved(walk, walk.jump(max(0, walk.at - number)))


def _jump(walk: Walk, words: list[str]) -> Walk:
    if len(words) != 1:
        raise InputError(
            "j takes one word: the number of a step, ! or a property"
        )
    (where,) = words
    if where == "!":
        number = first_broken(walk)
    elif where.isascii() and where.isdigit():
        number = _count(where, "j")
    else:
        number = first_showing(walk, where)
    there = walk.jump(number)
    page.line(f"  {place(number)}")
    there = _moved(walk, there)
    _print_broken(there.machine, there.state, "  ")
    return there


def _count(word: str, command: str) -> int:
    if not (word.isascii() and word.isdigit() and len(word) < 7):
        raise InputError(f"{command}: '{word[:20]}' is not a number of steps")
    return int(word)


def _list(walk: Walk, _: list[str]) -> Walk:
    """The steps of the run; the last one that is taken has a mark."""
    titles = [("", "initial state")]
    titles += [(f"{move.actor:<12} ", move.label) for move in walk.moves]
    for number, ((actor, label), state) in enumerate(
        zip(titles, walk.states, strict=True)
    ):
        mark = ">" if number == walk.at else " "
        _print(f"{mark} {number:3}  {actor}", label)
        _print_broken(walk.machine, state, " " * 7)
    origin = walk.origin
    if origin and origin.loop is not None and origin.moves == walk.moves:
        page.line(f"    and again as {place(origin.loop)}, for ever")
    return walk


def _state(walk: Walk, _: list[str]) -> Walk:
    _print_state(walk.machine, walk.state)
    return walk


def _save(walk: Walk, words: list[str]) -> Walk:
    if len(words) not in (1, 2):
        raise InputError("save takes FILE, and maybe the PROPERTY it shows")
    trace = kept(walk, *words[1:])
    save(trace, Path(words[0]))
    page.paragraph(
        f"trace {trace.id}, {plural(len(trace.moves), 'step')}, "
        f"{trace.property_name}, written to {words[0]}",
        indent="  ",
    )
    return walk


def _help(walk: Walk, _: list[str]) -> Walk:
    for head, what in (
        ("NUMBER", "take the action that has this number"),
        ("ACTION", "take it by its name, with its arguments if need be"),
        *((f"{', '.join(c.names)} {c.words}", c.what) for c in COMMANDS),
        ("q, quit", "end; so does the end of the input"),
    ):
        for line in wrapped(what, f"  {head:<22}", " " * 24):
            page.line(line)
    return walk


COMMANDS = (
    Command(
        names=("u", "undo"),
        words="[N]",
        what="undo the last step, or the last N",
        do=_undo,
    ),
    Command(
        names=("j", "jump"),
        words="N|!|PROPERTY",
        what="go to the state after step N, back or forward; to the first "
        "state that violates a property; to the first that violates or meets "
        "this one",
        do=_jump,
    ),
    Command(
        names=("r", "run"),
        words="",
        what="list the steps, those that were undone too; > is here",
        do=_list,
    ),
    Command(
        names=("s", "state"),
        words="",
        what="print the whole state",
        do=_state,
    ),
    Command(
        names=("save",),
        words="FILE [PROPERTY]",
        what="write the steps up to here as a trace, for replay, show and "
        "step; PROPERTY: what it shows (what the last state violates, if that "
        "is not said)",
        do=_save,
    ),
    Command(
        names=("?", "help"),
        words="",
        what="print this",
        do=_help,
    ),
)


# -- what is printed ---------------------------------------------------------


def _print_choices(walk: Walk) -> None:
    page.line()
    choices = walk.choices
    if not choices:
        page.line("  nothing is enabled")
    for number, move in enumerate(choices, start=1):
        _print(f"  {number:2}  {move.actor:<12} ", move.label)


def _print_state(machine: Machine, state: State) -> None:
    for variable in machine.variables:
        _print(f"    {variable.name:<26} ", machine.show(variable, state))


def _print(head: str, text: str) -> None:
    for line in wrapped(text, head, " " * 8):
        page.line(line)


def _taken(old: Walk, new: Walk) -> Walk:
    """Print the step that leads from ``old`` to ``new``; returns ``new``."""
    move = new.moves[new.at - 1]
    _print(f"  {move.actor}: ", move.label)
    _moved(old, new)
    _print_broken(new.machine, new.state, "  ")
    return new


def _moved(old: Walk, new: Walk) -> Walk:
    """Print what is another in the state of ``new``; returns ``new``."""
    found = changes(new.machine, old.state, new.state)
    if not found:
        page.line("    nothing changed")
    for change in found:
        _print("    ", f"{change.name}: {change.old} -> {change.new}")
    return new


def _print_broken(machine: Machine, state: State, indent: str) -> None:
    guarantees = {p.name: p.guarantee for p in machine.properties}
    for name in broken(machine, state):
        guarantee = guarantees.get(name)
        named = f"{name} ({guarantee})" if guarantee else name
        page.line(f"{indent}! {named} is violated here")
