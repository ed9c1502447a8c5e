# SPDX-License-Identifier: GPL-2.0-or-later
"""``dbmcheck check --coverage``: what fired, and what decided."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from checker.checking.conjunct_counts import (
    ActionCount,
    ConjunctCount,
    Counts,
    PropertyCount,
)
from checker.cli import page
from checker.text import counted, wrapped

NEVER_FALSE, NEVER_ALONE = "*", "-"
_HEADS = ("true", "false", "alone")


def print_counts(counts: Counts, engine: str) -> None:
    """Print the counts of a search by ``engine``."""
    width = max(
        len(page.number(number))
        for number in (counts.states, 10_000, *_numbers(counts))
    )
    whole = not counts.stopped
    page.line()
    page.paragraph(_head(counts, engine))
    page.line()
    page.line(" ".join(f"{head:>{width}}" for head in _HEADS))
    for action in counts.actions:
        page.line()
        for line in _action(action, width, whole):
            page.line(line)
    for prop in counts.properties:
        page.line()
        for line in _property(prop, width):
            page.line(line)
    if whole:
        _print_information(counts.actions)


def _numbers(counts: Counts) -> Iterator[int]:
    for action in counts.actions:
        for one in action.guard:
            yield max(one.true, one.false)


def _head(counts: Counts, engine: str) -> str:
    states = counted(counts.states, "state")
    over = f"all {states}" if not counts.stopped else f"the {states} so far"
    text = (
        f"Coverage, counted by the engine {engine} over {over}: how often a "
        "conjunct of a guard was true, false, and alone in being false, once "
        "for each state and each instance of the action; below them the "
        "properties, a conclusion only where the premise is met."
    )
    if counts.stopped:
        text += (
            f" The search was stopped ({counts.stopped}): more states may "
            "decide more."
        )
    return text


def _action(action: ActionCount, width: int, whole: bool) -> Iterator[str]:
    times = counted(action.fired, "time")
    yield from wrapped(f"{action.name} [{action.actor}]: fired {times}")
    for one in action.guard:
        mark = _mark(one) if whole else " "
        yield from _row(one, width, f"{mark} ")


def _property(prop: PropertyCount, width: int) -> Iterator[str]:
    met = {"reachable": "met"}.get(prop.kind, "premise met")
    if prop.when or prop.kind == "reachable":
        times = counted(prop.met, "time")
        yield from wrapped(f"{prop.name} [{prop.kind}]: {met} {times}")
    else:
        yield from wrapped(f"{prop.name} [{prop.kind}]: no premise")
    word = {"eventually": "later ", "reachable": "once  "}
    for part, first in (
        (prop.when, "if    "),
        (prop.then, word.get(prop.kind, "then  ")),
    ):
        for number, one in enumerate(part):
            yield from _row(one, width, "and   " if number else first)


def _row(one: ConjunctCount, width: int, lead: str) -> Iterator[str]:
    numbers = (one.true, one.false, one.alone)
    cells = " ".join(f"{page.number(n):>{width}}" for n in numbers)
    yield from wrapped(one.text, f"{cells} {lead}")


def _mark(one: ConjunctCount) -> str:
    """Whether a conjunct of a guard decides nothing."""
    if one.false == 0:
        return NEVER_FALSE
    return " " if one.alone else NEVER_ALONE


def _print_information(actions: Iterable[ActionCount]) -> None:
    marks = [_mark(one) for action in actions for one in action.guard]
    page.line()
    page.paragraph(
        f"{NEVER_FALSE} never decides, for it was never false: "
        f"{counted(marks.count(NEVER_FALSE), 'conjunct')}."
    )
    page.paragraph(
        f"{NEVER_ALONE} never decides alone, for another one was false "
        f"whenever it was: {counted(marks.count(NEVER_ALONE), 'conjunct')}."
    )
    never = [action.name for action in actions if not action.fired]
    page.paragraph(f"Never fired: {', '.join(never) or 'none'}.")
