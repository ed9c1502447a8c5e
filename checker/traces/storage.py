# SPDX-License-Identifier: GPL-2.0-or-later
"""Trace files: JSON that can be kept, mailed, and replayed years later.

    {
      "dbmcheck-trace": 1,            the version of this form
      "model": "4567...",             digest of the model's term; may lack
      "id": "0123456789ab",           hash of all that follows
      "configuration": {...},         design, without, bounds, failures
      "property": "NoDeadlock",
      "own": {"kind": "always", "text": "..."},
                                      of a property of the user's; may lack
      "loop": null,                   moves before the cycle of a lasso
      "actions": [
        {"action": "send_bitmap_bits", "arguments": {"chunk": "0"}}
      ]
    }

No other key is allowed.  States are not stored: reading a trace replays it,
so what is read is a trace of the model as it is now.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from attrs import evolve

from checker.input.configuration import (
    ConfigurationError,
    from_table,
    options_table,
)
from checker.input.errors import DbmcheckError, InputError
from checker.input.exit_codes import ExitCode
from checker.input.files import write_atomically
from checker.input.json_files import (
    BadFileError,
    check_keys,
    check_type,
    check_version,
    parsed,
    read_bytes,
    shown,
)
from checker.input.own_properties import (
    Own,
    OwnPropertyError,
    from_plain,
)
from checker.traces.replay import CannotReplayError, replay
from checker.traces.trace import Trace, trace_id
from model.designs import schema
from model.language.errors import ModelError
from model.options import Options

VERSION_KEY = "dbmcheck-trace"
VERSION = 1
MAX_FILE = 1 << 20
MODEL, OWN = "model", "own"
_KEYS = (VERSION_KEY, "id", "configuration", "property", "loop", "actions")


class TraceError(DbmcheckError):
    """A trace file that cannot be written or read; ``str()`` is one line."""

    exit_code = ExitCode.CANNOT_REPLAY


def as_text(trace: Trace) -> str:
    """The content of a trace file."""
    table = {
        VERSION_KEY: VERSION,
        MODEL: schema(trace.options).digest,
        "id": trace.id,
        **trace.identity(),
    }
    keys = (VERSION_KEY, MODEL, *_KEYS[1:4], OWN, *_KEYS[4:])
    kept = {k: table[k] for k in keys if k in table}
    return json.dumps(kept, indent=1) + "\n"


def save(trace: Trace, path: Path) -> None:
    """Write ``trace`` to ``path``: all of it, or nothing is changed.

    Raises InputError if the file cannot be written.
    """
    write_atomically(path, as_text(trace))


def keep(trace: Trace | None, path: Path, what: str = "violation") -> str:
    """Have ``path`` hold ``trace``, or no trace; returns what was done.

    A trace that was there before is of another run: where this one has none,
    the file is removed.  A file that is no trace stays.  ``what``: what the
    trace would show.
    """
    if trace is not None:
        save(trace, path)
        return f"trace written to {path}"
    said = f"no {what}, no trace written"
    if not path.exists():
        return said
    if not _is_trace(path):
        return f"{said}; {path} is no trace, it stays"
    try:
        path.unlink()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    return f"{said}; the one that was in {path} is removed"


def _is_trace(path: Path) -> bool:
    """Whether a file is a trace, of any version of the form."""
    try:
        table = parsed(read_bytes(path, MAX_FILE, "trace"), "trace")
    except BadFileError:
        return False
    return isinstance(table, dict) and VERSION_KEY in table


def load(path: Path, expected: Options | None = None) -> Trace:
    """Read and replay the trace in ``path``.

    ``expected``: the configuration that it must belong to, if that matters.
    Raises TraceError if the file is no sound trace file, and CannotReplayError
    (naming the file) if the model does not run like that.
    """
    try:
        data = read_bytes(path, MAX_FILE, "trace")
    except BadFileError as error:
        raise TraceError(str(error)) from None
    return parse(data, str(path), expected)


def parse(data: bytes, where: str, expected: Options | None = None) -> Trace:
    """The trace that ``data``, the content of the file ``where``, holds."""
    try:
        table = parsed(data, "trace")
        _check(table)
        options = _options(table)
        own = _own(table)
        _check_identity(table, options, expected)
    except (BadFileError, TraceError) as error:
        raise TraceError(f"{where}: {error}") from None
    name, actions, loop = table["property"], table["actions"], table["loop"]
    model = table.get(MODEL, "")
    try:
        found = replay(options, name, actions, loop, own)
        return evolve(found, model=model)
    except OwnPropertyError as error:
        raise TraceError(f"{where}: {error}") from None
    except CannotReplayError as error:
        if model not in ("", schema(options).digest):
            where += " (the model has changed since)"
        raise error.within(where) from None


def _check(table: Any) -> None:
    """Keys and types; what the values mean is checked by who uses them."""
    check_version(table, VERSION_KEY, VERSION, "trace")
    known = {k: v for k, v in table.items() if k not in (MODEL, OWN)}
    check_keys("at the top", known, _KEYS)
    check_type(table.get(MODEL, ""), str, MODEL, "a string")
    check_type(table["id"], str, "id", "a string")
    check_type(table["property"], str, "property", "a string")
    check_type(table.get(OWN, {}), dict, OWN, "an object")
    check_type(table["actions"], list, "actions", "a list")
    check_type(table["configuration"], dict, "configuration", "an object")
    loop = table["loop"]
    if loop is not None and (isinstance(loop, bool) or not _is_count(loop)):
        raise TraceError(
            f"loop is {shown(loop)}, allowed are null and whole numbers from 0"
        )
    for number, action in enumerate(table["actions"], 1):
        _check_action(f"actions[{number - 1}] (step {number})", action)


def _check_action(place: str, action: Any) -> None:
    check_type(action, dict, place, "an object")
    check_keys(f"in {place}", action, ("action", "arguments"))
    check_type(action["action"], str, f"{place}: action", "a string")
    arguments = action["arguments"]
    check_type(arguments, dict, f"{place}: arguments", "an object")
    for key, value in arguments.items():
        check_type(value, str, f"{place}: argument '{key}'", "a string")


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and value >= 0


def _options(table: dict[str, Any]) -> Options:
    given = table["configuration"]
    if "design" not in given:
        raise TraceError("configuration: key 'design' is missing")
    try:
        options = from_table(given, "trace").options
    except (ConfigurationError, ModelError) as error:
        raise TraceError(f"configuration: {error}") from None
    check_keys("in configuration", given, tuple(options_table(options)))
    return options


def _own(table: dict[str, Any]) -> Own | None:
    if OWN not in table:
        return None
    try:
        return from_plain(table["property"], table[OWN])
    except OwnPropertyError as error:
        raise TraceError(str(error)) from None


def _check_identity(
    table: dict[str, Any], options: Options, expected: Options | None
) -> None:
    found = trace_id(
        {
            "configuration": options_table(options),
            "property": table["property"],
            **({OWN: table[OWN]} if OWN in table else {}),
            "actions": table["actions"],
            "loop": table["loop"],
        }
    )
    if table["id"] != found:
        raise TraceError(
            f"id is {shown(table['id'])}, but the content is trace "
            f"'{found}': the file was changed"
        )
    if expected is not None and expected != options:
        raise TraceError(
            f"is a trace of another configuration: "
            f"{_difference(options, expected)}"
        )


def _difference(options: Options, expected: Options) -> str:
    """The first thing in which two configurations differ."""
    mine, other = options_table(options), options_table(expected)
    for key, value in mine.items():
        if value == other[key]:
            continue
        if isinstance(value, dict):
            inner = next(k for k in value if value[k] != other[key][k])
            return (
                f"{key}.{inner} is {shown(value[inner])}, not "
                f"{shown(other[key][inner])}"
            )
        return f"{key} is {shown(value)}, not {shown(other[key])}"
    raise AssertionError("unequal options have equal tables")
