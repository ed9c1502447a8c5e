# SPDX-License-Identifier: GPL-2.0-or-later
"""``dbmcheck diff``: what two traces, or two configurations, differ in.

'-' begins what only the first has, '+' what only the second has.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

from attrs import asdict, frozen

from checker.citing import design_difference
from checker.cli import page
from checker.cli.subject import is_trace_file
from checker.input.configuration import Configuration, load
from checker.input.differences import Differences, differences
from checker.input.errors import InputError
from checker.input.exit_codes import ExitCode
from checker.input.own_properties import Own
from checker.text import joined, plural, wrapped
from checker.traces import difference
from checker.traces.difference import Row, Values
from checker.traces.storage import load as load_trace
from checker.traces.trace import Trace
from model.designs import DIGITS, schema

MARKS = ("-", "+")
_PLURALS = {
    "action": "actions",
    "property": "properties",
    "field": "fields",
    "word": "words, and what they stand for",
}


def run(first: str, second: str, as_json: bool) -> int:
    """Print what differs; returns 0 if nothing does, else 1."""
    kinds = [is_trace_file(argument) for argument in (first, second)]
    if kinds[0] != kinds[1]:
        trace, other = (first, second) if kinds[0] else (second, first)
        raise InputError(
            f"{trace} is a trace and {other} is not; allowed are two traces "
            "or two configurations"
        )
    between = _traces if kinds[0] else _configurations
    return between(first, second, as_json)


# -- traces ------------------------------------------------------------------


def _traces(first: str, second: str, as_json: bool) -> int:
    one, other = (load_trace(Path(name)) for name in (first, second))
    claims = _claims(one, other)
    found = difference.compared(one, other)
    same = one.id == other.id
    if as_json:
        page.as_json(
            {
                "kind": "traces",
                "equal": same,
                "traces": [one.id, other.id],
                "options": _pairs(claims),
                **asdict(found),
            }
        )
    elif same:
        page.paragraph(
            f"the same trace, {one.id}: {one.options.name}, "
            f"{one.property_name}, {plural(len(one.moves), 'step')}"
        )
    else:
        _heads([_named(first, one), _named(second, other)])
        _print_options(claims)
        for line in _steps(found):
            page.line(line)
    return _code(same)


def _named(name: str, trace: Trace) -> str:
    return (
        f"{name}, trace {trace.id}: {trace.options.name}, "
        f"{trace.property_name}, {plural(len(trace.moves), 'step')}"
    )


def _claims(one: Trace, other: Trace) -> Differences:
    """Options that differ, and what the traces show."""
    found = differences(one.options, other.options)
    for key in ("property_name", "loop"):
        mine, theirs = getattr(one, key), getattr(other, key)
        if mine != theirs:
            found[key.removesuffix("_name")] = (mine, theirs)
    return found


def _steps(found: difference.Difference) -> Iterator[str]:
    for mark, names in zip(MARKS, found.fields, strict=True):
        if names:
            yield ""
            yield from wrapped(", ".join(names), f"{mark} fields ", "    ")
    yield ""
    known: Values = {}
    if found.initial:
        yield "         initial state"
        yield from _states(known, found.initial)
        known = found.initial
    alike = list(
        takewhile(
            lambda row: row.states == found.initial,
            found.rows[: found.prefix],
        )
    )
    if alike:
        yield _alike(len(alike), bool(found.initial))
    for row in found.rows[len(alike) :]:
        yield from _row(row)
        if row.states is not None:
            yield from _states(known, row.states)
            known = row.states
    if found.last != known:
        yield "         last state"
        yield from _states(known, found.last)


def _alike(steps: int, apart: bool) -> str:
    which = "step 1 is" if steps == 1 else f"steps 1 to {steps} are"
    if apart:
        return f"         {which} the same, no more differs after them"
    return f"         {which} the same, and so are the states"


def _row(row: Row) -> Iterator[str]:
    mark = MARKS[0] if row.second is None else MARKS[1]
    if row.first and row.second:
        mark = " "
    numbers = "".join(f"{n or '':>4}" for n in (row.first, row.second))
    yield from wrapped(
        row.label, f"{mark}{numbers}  {row.actor:<12} ", " " * 15
    )


def _states(known: Values, now: Values) -> Iterator[str]:
    """What differs now and did not, and what is the same again."""
    for name, values in now.items():
        if known.get(name) != values:
            for mark, value in zip(MARKS, values, strict=True):
                yield from wrapped(value, f"{mark}{'':13}{name} = ", " " * 18)
    again = [name for name in known if name not in now]
    if again:
        yield from wrapped(
            f"the same again: {', '.join(again)}", " " * 14, " " * 18
        )


# -- configurations ----------------------------------------------------------


@frozen(kw_only=True)
class Between:
    """What two configurations differ in.

    ``options``: keys of the files.  ``asked``: properties that only one asks.
    ``machine``: what the models differ in, kind by kind.
    """

    options: Differences
    asked: tuple[tuple[str, ...], tuple[str, ...]]
    machine: dict[str, design_difference.Difference]

    @property
    def nothing(self) -> bool:
        """Whether there is no difference."""
        return not (
            self.options or any(self.asked) or any(self.machine.values())
        )


def _configurations(first: str, second: str, as_json: bool) -> int:
    one, other = load(first), load(second)
    found = _between(one, other)
    models = [schema(c.options).digest for c in (one, other)]
    same = found.nothing and models[0] == models[1]
    if as_json:
        page.as_json(
            {
                "kind": "configurations",
                "equal": same,
                "models": models,
                "options": _pairs(found.options),
                "asked": found.asked,
                "machine": {k: asdict(d) for k, d in found.machine.items()},
            }
        )
    elif same:
        page.paragraph(
            f"the same is checked and expected: {one.options.name}, model "
            f"{models[0][:DIGITS]}"
        )
    else:
        _heads([first, second])
        _print_options(found.options)
        _print_asked(found)
        if models[0] == models[1]:
            page.line()
            page.line(f"the same model, {models[0][:DIGITS]}")
        else:
            for kind, each in found.machine.items():
                _print_machine(kind, each)
    return _code(same)


def _between(one: Configuration, other: Configuration) -> Between:
    options = differences(one.options, other.options)
    for key, mine in asdict(one.expect).items():
        theirs = getattr(other.expect, key)
        if mine != theirs:
            options[f"expect.{key}"] = (mine, theirs)
    for own in dict.fromkeys((*one.own, *other.own)):
        mine, theirs = (_text(c.own_named(own.name)) for c in (one, other))
        if mine != theirs:
            options[own.name] = (mine, theirs)
    names = [[p.name for p in c.machine().properties] for c in (one, other)]
    return Between(
        options=options,
        asked=(
            tuple(name for name in names[0] if name not in names[1]),
            tuple(name for name in names[1] if name not in names[0]),
        ),
        machine=design_difference.compared(
            schema(one.options).term, schema(other.options).term
        ),
    )


def _text(own: Own | None) -> str | None:
    return None if own is None else f"{own.kind}: {own.text}"


def _print_asked(found: Between) -> None:
    """Properties that only one asks although both models have them."""
    machine = found.machine["property"]
    for mark, names, new in zip(
        MARKS, found.asked, (machine.first, machine.second), strict=True
    ):
        chosen = [name for name in names if name not in new]
        if chosen:
            _line(mark, "asked:", ", ".join(chosen))


def _print_machine(kind: str, found: design_difference.Difference) -> None:
    if not found:
        return
    page.line()
    page.line(_PLURALS[kind])
    for mark, names in zip(MARKS, (found.first, found.second), strict=True):
        for name in names:
            _line(mark, kind, name)
    for one in found.changed:
        page.line(f"  {one.name}")
        for mark, lines in zip(MARKS, (one.first, one.second), strict=True):
            for line in lines:
                for part in wrapped(line, f"{mark}   ", " " * 6):
                    page.line(part)


# -- both --------------------------------------------------------------------


def _code(same: bool) -> ExitCode:
    return ExitCode.AS_EXPECTED if same else ExitCode.NOT_AS_EXPECTED


def _heads(names: list[str]) -> None:
    for mark, name in zip(MARKS, names, strict=True):
        page.paragraph(name, indent=" " * 4, first=f"{mark * 3} ")


def _print_options(found: Differences) -> None:
    if found:
        page.line()
    for key, values in found.items():
        for mark, value in zip(MARKS, _values(*values), strict=True):
            if value:
                _line(mark, f"{key}:", value)


def _values(mine: Any, theirs: Any) -> tuple[str, str]:
    """Both values in words; of lists what only one has, '' for nothing."""
    if isinstance(mine, list):
        return (
            joined([str(word) for word in mine if word not in theirs]),
            joined([str(word) for word in theirs if word not in mine]),
        )
    return _word(mine), _word(theirs)


def _word(value: Any) -> str:
    return "none" if value is None else str(value)


def _line(mark: str, head: str, text: str) -> None:
    for line in wrapped(text, f"{mark} {head} ", " " * 6):
        page.line(line)


def _pairs(found: Differences) -> dict[str, list[Any]]:
    return {key: list(values) for key, values in found.items()}
