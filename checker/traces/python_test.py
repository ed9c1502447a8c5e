# SPDX-License-Identifier: GPL-2.0-or-later
"""A trace as a pytest file: paste it into a test suite and it stays found."""

from __future__ import annotations

import json
import re

from attrs import fields_dict

from checker.engines.exploration import TYPE_INVARIANT
from checker.engines.verdict import DEADLOCK
from checker.input.own_properties import Own
from checker.text import wrapped
from checker.traces.trace import Move, Trace
from model.options import Bounds, Failures, Options

_WIDTH = 79
_BUILD = "from model.designs import build"


def to_python_test(trace: Trace) -> str:
    """A complete test module that replays ``trace``.

    It passes as long as the model runs like that and the run shows what
    it shows now: that the property is broken, or, if it is a ``reachable``
    one, that it is met.
    """
    kind = _kind(trace)
    imports, check = _CHECKS[kind]
    if trace.own is not None:
        imports, check = _of_own(imports, check)
    steps = len(trace.moves)
    lines = [
        "# SPDX-License-Identifier: GPL-2.0-or-later",
        f'"""Trace {trace.id}, found by dbmcheck.',
        "",
        *wrapped(trace.options.name, "Design: ", "    ", _WIDTH),
        f"Property: {trace.property_name}",
        f"Steps: {steps}",
        '"""',
        "",
        *imports,
        f"from model.options import {', '.join(_classes(trace))}",
        "",
        "OPTIONS = Options(",
        *_options(trace),
        ")",
        f"PROPERTY = {_quoted(trace.property_name)}",
        *(_own(trace.own) if trace.own is not None else []),
        "ACTIONS = [",
        *[_action(move) for move in trace.moves],
        "]",
        *([f"LOOP = {trace.loop}"] if trace.loop is not None else []),
        "",
        "",
        f"def test_{_identifier(trace)}() -> None:",
        *check,
        f"    assert trace.id == {_quoted(trace.id)}",
    ]
    return "\n".join(lines) + "\n"


def _kind(trace: Trace) -> str:
    if trace.property_name in (DEADLOCK, TYPE_INVARIANT):
        return trace.property_name
    return trace.machine().property(trace.property_name).kind


def _quoted(text: str) -> str:
    return json.dumps(text)


def _identifier(trace: Trace) -> str:
    words = re.sub(r"(?<=[a-z])(?=[A-Z])|\W+", "_", trace.property_name)
    return f"{words.lower()}_{trace.id}"


def _own(own: Own) -> list[str]:
    texts = wrapped(own.text, "", "", _WIDTH - 8)
    parts = [f"{text} " for text in texts[:-1]] + texts[-1:]
    lines = ["OWN = Own(", f"    {_quoted(own.name)},"]
    lines += [f"    {_quoted(own.kind)},", "    ("]
    lines += [f"        {_quoted(part)}" for part in parts]
    return [*lines, "    ),", ")"]


def _of_own(
    imports: list[str], check: list[str]
) -> tuple[list[str], list[str]]:
    """The same, of a machine that is asked an own property as well."""
    kept = [line for line in imports if line != _BUILD]
    own = "from checker.input.own_properties import Own"
    lines = [
        line.replace("ACTIONS)", "ACTIONS, own=OWN)").replace(
            "build(OPTIONS)", "trace.machine()"
        )
        for line in check
    ]
    return sorted([*kept, own]), lines


def _options(trace: Trace) -> list[str]:
    """Arguments of ``Options(...)``: all bounds, the failures that happen."""
    options = trace.options
    bounds = [
        f"        {name}={_literal(getattr(options.bounds, name))},"
        for name in fields_dict(Bounds)
    ]
    failures = [
        f"        {name}={_literal(getattr(options.failures, name))},"
        for name in fields_dict(Failures)
        if getattr(options.failures, name) != 0
    ]
    lines = [f"    design={_quoted(options.design)},", "    bounds=Bounds("]
    lines += [*bounds, "    ),"]
    if failures:
        lines += ["    failures=Failures(", *failures, "    ),"]
    if options.without:
        names = [f"            {_quoted(n)}," for n in sorted(options.without)]
        lines += ["    without=frozenset(", "        {", *names]
        lines += ["        }", "    ),"]
    usual = Options(design=options.design)
    for name in ("busy_bitmap", "bitmaps", "source", "connections"):
        chosen = getattr(options, name)
        if chosen != getattr(usual, name):
            lines.append(f"    {name}={_quoted(chosen)},")
    return lines


def _classes(trace: Trace) -> list[str]:
    """What the test needs of ``model.options``."""
    fails = trace.options.failures != Failures()
    return ["Bounds", *(["Failures"] if fails else []), "Options"]


def _literal(value: int | str) -> str:
    return _quoted(value) if isinstance(value, str) else str(value)


def _action(move: Move) -> str:
    return f"    {_quoted(move.label)},"


def _imports(*names: str, plain: bool = True) -> list[str]:
    """Import lines; ``plain``: the machine itself is looked at."""
    lines = list(names)
    lines.append("from checker.traces.replay import replay")
    if plain:
        lines.append(_BUILD)
    return lines


_REPLAY = "    trace = replay(OPTIONS, PROPERTY, ACTIONS)"
_MACHINE = "    machine = build(OPTIONS)"
_LAST = "    last = Evaluator(machine, trace.states[-1])"
_EVALUATOR = "from checker.engines.evaluate import Evaluator"
_CHECKS: dict[str, tuple[list[str], list[str]]] = {
    "always": (
        _imports(_EVALUATOR),
        [
            _REPLAY,
            _MACHINE,
            _LAST,
            "    assert last.holds(machine.property(PROPERTY).violated)",
        ],
    ),
    "reachable": (_imports(plain=False), [_REPLAY]),
    "eventually": (
        _imports(_EVALUATOR),
        [
            "    trace = replay(OPTIONS, PROPERTY, ACTIONS, LOOP)",
            _MACHINE,
            "    goal = machine.property(PROPERTY).conclusion",
            "    assert trace.states[LOOP] == trace.states[-1]",
            "    for state in trace.states[LOOP:]:",
            "        assert not Evaluator(machine, state).holds(goal)",
        ],
    ),
    DEADLOCK: (
        _imports("from checker.engines.interpreter import is_stuck"),
        [
            _REPLAY,
            "    assert is_stuck(build(OPTIONS), trace.states[-1])",
        ],
    ),
    TYPE_INVARIANT: (
        _imports(_EVALUATOR),
        [
            _REPLAY,
            _MACHINE,
            _LAST,
            "    assert not last.holds(machine.type_invariant)",
        ],
    ),
}
