# SPDX-License-Identifier: GPL-2.0-or-later
"""``dbmcheck model``: a design as its machine has it, in words."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from typing import Any

from attrs import asdict, evolve

from checker import design_text
from checker.cli import page
from checker.configuration import load
from checker.design_text import ActionText, FieldText, PropertyText
from checker.errors import InputError
from checker.traces.lines import joined, wrapped
from model.designs import DIGITS, schema
from model.language import Machine
from model.mechanism import DESIGNS
from model.options import Options

PARTS = ("actions", "properties", "fields", "words")


def run(
    argument: str,
    without: tuple[str, ...],
    actor: str,
    parts: tuple[str, ...],
    diff: bool,
    as_json: bool,
) -> int:
    """Print the design, or what it lacks; returns the exit code."""
    options = _options(argument)
    lacks = evolve(options, without=options.without | frozenset(without))
    term = schema(lacks).term
    allowed = design_text.actors(term)
    if actor and actor not in allowed:
        raise InputError(
            f"--actor: '{actor}' does nothing here; allowed are "
            f"{', '.join(allowed)}"
        )
    if as_json:
        page.as_json(to_json(lacks, term, actor))
        return 0
    if diff:
        _print_difference(evolve(options, without=frozenset()), lacks, actor)
        return 0
    page.line(f"{lacks.name}: the model, {schema(lacks).digest[:DIGITS]}")
    for line in _text(term, actor, parts):
        page.line(line)
    rest = [part for part in PARTS if part not in parts]
    if rest:
        page.line()
        page.paragraph(f"More of it: {joined(['--' + r for r in rest])}.")
    return 0


def to_json(options: Options, term: Machine, actor: str) -> dict[str, Any]:
    """All of a design as plain data."""
    return {
        "design": options.design,
        "without": sorted(options.without),
        "model": schema(options).digest,
        "actions": [asdict(a) for a in design_text.actions(term, actor)],
        "properties": [asdict(p) for p in design_text.properties(term)],
        "fields": [asdict(f) for f in design_text.fields(term)],
        "words": design_text.words(term),
    }


def _options(argument: str) -> Options:
    if argument in DESIGNS:
        return Options(design=argument)
    return load(argument).options


def _text(term: Machine, actor: str, parts: Sequence[str]) -> Iterator[str]:
    if "actions" in parts:
        for action in design_text.actions(term, actor):
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
            yield from wrapped(means, "    ")


def _action(action: ActionText) -> Iterator[str]:
    yield from wrapped(
        f"{action.name}  [{', '.join(_notes(action))}]", "", "    "
    )
    yield from wrapped("; ".join(action.when), "  when ")
    yield from wrapped("; ".join(action.then), "  then ")


def _notes(action: ActionText) -> tuple[str, ...]:
    return (action.actor, *action.notes)


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


def _print_difference(complete: Options, lacks: Options, actor: str) -> None:
    """What the mechanisms that are out change, line by line."""
    old, new = (
        list(_text(schema(o).term, actor, PARTS)) for o in (complete, lacks)
    )
    found = difflib.unified_diff(
        old, new, complete.name, lacks.name, n=3, lineterm=""
    )
    for line in found:
        page.line(line)
