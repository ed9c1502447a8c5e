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
from typing import Annotated, Any

from attrs import evolve, field, frozen

from checker.input.configuration import options_table
from checker.input.differences import differences
from checker.input.errors import BadFileError, DbmcheckError, InputError
from checker.input.exit_codes import ExitCode
from checker.input.files import write_atomically
from checker.input.json_files import check_version, parsed, read_bytes
from checker.input.own_properties import Own, OwnPropertyError, from_plain
from checker.input.strict import KEY, keys_of, only, shown, structured
from checker.traces.replay import CannotReplayError, replay
from checker.traces.trace import Trace, trace_id
from model.designs import schema
from model.options import Options

VERSION_KEY = "dbmcheck-trace"
VERSION = 1
MAX_FILE = 1 << 20
LOOP = only(
    "null and whole numbers from 0",
    lambda value: value is None or (type(value) is int and value >= 0),
)
OWN = only("objects", lambda value: isinstance(value, dict))


@frozen(kw_only=True)
class _File:
    """The keys of a trace file; ``own``: the property, if the user asks it."""

    version: int = field(metadata={KEY: VERSION_KEY})
    model: str = ""
    id: str
    configuration: dict[str, Any]
    property: str
    own: Annotated[dict[str, Any] | None, OWN] = None
    loop: Annotated[int | None, LOOP]
    actions: list[Any]


@frozen
class _Action:
    """A step; ``arguments`` by their names."""

    action: str
    arguments: dict[str, str]


class TraceError(DbmcheckError):
    """A trace file that cannot be written or read; ``str()`` is one line."""

    exit_code = ExitCode.CANNOT_REPLAY


def as_text(trace: Trace) -> str:
    """The content of a trace file."""
    table = {
        VERSION_KEY: VERSION,
        "model": schema(trace.options).digest,
        "id": trace.id,
        **trace.identity(),
    }
    ordered = {key: table[key] for key in keys_of(_File) if key in table}
    return json.dumps(ordered, indent=1) + "\n"


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
        return f"{said}; {path} is not a trace, it stays"
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
        found = _read(parsed(data, "trace"))
        options = _options(found.configuration)
        own = _own(found)
        _check_identity(found, options, expected)
    except (BadFileError, TraceError) as error:
        raise TraceError(f"{where}: {error}") from None
    try:
        trace = replay(options, found.property, found.actions, found.loop, own)
        return evolve(trace, model=found.model)
    except OwnPropertyError as error:
        raise TraceError(f"{where}: {error}") from None
    except CannotReplayError as error:
        if found.model not in ("", schema(options).digest):
            where += " (the model has changed since)"
        raise error.within(where) from None


def _read(table: Any) -> _File:
    """Keys and types; what the values mean is checked by who uses them."""
    check_version(table, VERSION_KEY, VERSION, "trace")
    found = structured(_File, table)
    for number, action in enumerate(found.actions):
        where = f"actions[{number}] (step {number + 1})"
        structured(_Action, action, where=where)
    return found


def _options(given: dict[str, Any]) -> Options:
    where = "configuration"
    options = structured(Options, given, where=where)
    for key in keys_of(Options):
        if key not in given:
            raise TraceError(f"{where}: key '{key}' is missing")
    return options


def _own(found: _File) -> Own | None:
    if found.own is None:
        return None
    try:
        return from_plain(found.property, found.own)
    except OwnPropertyError as error:
        raise TraceError(str(error)) from None


def _check_identity(
    found: _File, options: Options, expected: Options | None
) -> None:
    id_ = trace_id(
        {
            "configuration": options_table(options),
            "property": found.property,
            **({} if found.own is None else {"own": found.own}),
            "actions": found.actions,
            "loop": found.loop,
        }
    )
    if found.id != id_:
        raise TraceError(
            f"id is {shown(found.id)}, but the content is trace '{id_}': "
            "the file was changed"
        )
    if expected is not None and expected != options:
        raise TraceError(
            f"is a trace of another configuration: "
            f"{_difference(options, expected)}"
        )


def _difference(options: Options, expected: Options) -> str:
    """The first thing in which two configurations differ."""
    found = differences(options, expected)
    key, (mine, other) = next(iter(found.items()))
    return f"{key} is {shown(mine)}, not {shown(other)}"
