# SPDX-License-Identifier: GPL-2.0-or-later
"""``dbmcheck model``: a design as its machine has it, in words."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from typing import Any

from attrs import asdict, evolve

from checker.citing import design_text
from checker.citing.design_text import ActionText, FieldText, PropertyText
from checker.cli import page
from checker.input.configuration import load
from checker.input.errors import InputError
from checker.text import wrapped
from model.design import DESIGNS
from model.designs import DIGITS, schema
from model.language import Machine
from model.options import Options

#: what can be asked for; the rest is said at the end
PARTS = ("properties", "fields", "words", "fairness")
#: whose actions are the design's own; the others' are much alike in all
PROTOCOL = ("source", "destination")


def run(
    argument: str,
    without: tuple[str, ...],
    chosen: tuple[str, ...],
    parts: tuple[str, ...],
    diff: bool,
    as_json: bool,
) -> int:
    """Print the design, or what it lacks; returns the exit code.

    ``chosen``: whose actions; none: those of the protocol, or no actions if
    ``parts`` asks for something else.
    """
    options = _options(argument)
    lacks = evolve(options, without=options.without | frozenset(without))
    term = schema(lacks).term
    known = design_text.actors(term)
    for actor in chosen:
        if actor not in known:
            raise InputError(
                f"--actor: '{actor}' does nothing here; allowed are "
                f"{', '.join(known)}"
            )
    if as_json:
        page.as_json(to_json(lacks, term, chosen))
    elif diff:
        _print_difference(evolve(options, without=frozenset()), lacks)
    else:
        shown = chosen or (() if parts else PROTOCOL)
        digest = schema(lacks).digest[:DIGITS]
        page.line(f"{lacks.name}: the model, {digest}")
        for line in _text(term, shown, parts):
            page.line(line)
        _print_more(term, argument, shown, parts)
    return 0


def _print_more(
    term: Machine, argument: str, shown: Sequence[str], parts: Sequence[str]
) -> None:
    actors = [f"--actor {a}" for a in design_text.actors(term)]
    more = [a for a in actors if a.split()[1] not in shown]
    more += [f"--{part}" for part in PARTS if part not in parts]
    page.line()
    page.paragraph(f"More: dbmcheck model {argument} {', '.join(more)}.")


def to_json(
    options: Options, term: Machine, actors: Sequence[str]
) -> dict[str, Any]:
    """All of a design as plain data."""
    return {
        "design": options.design,
        "without": sorted(options.without),
        "model": schema(options).digest,
        "actions": [
            asdict(a)
            for a in design_text.actions(term)
            if not actors or a.actor in actors
        ],
        "properties": [asdict(p) for p in design_text.properties(term)],
        "fields": [asdict(f) for f in design_text.fields(term)],
        "words": design_text.words(term),
    }


def _options(argument: str) -> Options:
    if argument in DESIGNS:
        return Options(design=argument)
    return load(argument).options


def _text(
    term: Machine, actors: Sequence[str], parts: Sequence[str]
) -> Iterator[str]:
    for action in design_text.actions(term):
        if action.actor in actors:
            yield ""
            yield from _action(action)
    if "properties" in parts:
        for prop in design_text.properties(term):
            yield ""
            yield from _property(prop)
    if "fields" in parts:
        yield ""
        for one in design_text.fields(term):
            yield from _field(one)
    if "words" in parts:
        yield ""
        for word, means in design_text.words(term).items():
            yield word
            for text in means:
                yield from wrapped(text, "    ")
    if "fairness" in parts:
        yield from _fairness(term)


def _action(action: ActionText) -> Iterator[str]:
    notes = ", ".join((action.actor, *action.notes))
    yield from wrapped(f"{action.name} [{notes}]", "", "    ")
    if action.qemu:
        yield from wrapped(action.qemu, "  QEMU ")
    yield from wrapped("; ".join(action.when), "  when ")
    yield from wrapped("; ".join(action.then), "  then ")


def _fairness(term: Machine) -> Iterator[str]:
    """Who may put what off for ever."""
    heads = {
        "fair: not put off for ever while it stays enabled": [
            a for a in term.actions if a.fair
        ],
        "not fair: may be put off for ever": [
            a for a in term.actions if not a.fair and not a.fault
        ],
        "failures: not fair, they need never happen": [
            a for a in term.actions if not a.fair and a.fault
        ],
    }
    for head, found in heads.items():
        yield ""
        yield head
        for actor in design_text.actors(term):
            names = [a.name for a in found if a.actor == actor]
            if names:
                yield from wrapped(", ".join(names), f"  {actor:12} ")


def _property(prop: PropertyText) -> Iterator[str]:
    for_ = f", {prop.guarantee}" if prop.guarantee else ""
    yield f"{prop.name}  [{prop.kind}{for_}]"
    if prop.when:
        yield from wrapped("; ".join(prop.when), "  when ")
    yield from wrapped("; ".join(prop.then), "  then ")


def _field(one: FieldText) -> Iterator[str]:
    mark = "* " if one.ghost else ""
    yield from wrapped(one.what, f"{mark}{one.name}: ", "    ")
    if one.values:
        yield from wrapped(", ".join(one.values), "    ")


def _print_difference(complete: Options, lacks: Options) -> None:
    """What the mechanisms that are out change, line by line."""
    old, new = (list(_by_line(schema(o).term)) for o in (complete, lacks))
    for line in difflib.unified_diff(
        old, new, complete.name, lacks.name, n=3, lineterm=""
    ):
        page.line(line)


def _by_line(term: Machine) -> Iterator[str]:
    """Everything, with each conjunct and each change on a line of its own."""
    for action in design_text.actions(term):
        yield f"{action.actor}: {action.name}"
        yield from (f"  {note}" for note in action.notes)
        yield from (f"  when {text}" for text in action.when)
        yield from (f"  then {text}" for text in action.then)
    for prop in design_text.properties(term):
        yield f"{prop.kind}: {prop.name}"
        yield from (f"  when {text}" for text in prop.when)
        yield from (f"  then {text}" for text in prop.then)
    for one in design_text.fields(term):
        yield f"field: {one.name}"
    for word, means in design_text.words(term).items():
        yield from (f"{word}: {text}" for text in means)
