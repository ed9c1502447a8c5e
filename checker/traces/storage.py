# SPDX-License-Identifier: GPL-2.0-or-later
"""Trace files: JSON that can be kept, mailed, and replayed years later.

    {
      "dbmcheck-trace": 1,            the version of this schema
      "id": "0123456789ab",           hash of all that follows
      "configuration": {...},         design, without, bounds, failures
      "property": "NoDeadlock",
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
import stat
from pathlib import Path
from typing import Any, NoReturn

from checker.configuration import (
    ConfigurationError,
    from_table,
    options_table,
)
from checker.files import write_atomically
from checker.traces.replay import CannotReplayError, replay
from checker.traces.trace import Trace, trace_id
from model.language.errors import ModelError
from model.options import Options

VERSION_KEY = "dbmcheck-trace"
VERSION = 1
MAX_FILE = 1 << 20
_KEYS = (VERSION_KEY, "id", "configuration", "property", "loop", "actions")


class TraceError(Exception):
    """A trace file that cannot be written or read; ``str()`` is one line."""


def as_text(trace: Trace) -> str:
    """The content of a trace file."""
    table = {VERSION_KEY: VERSION, "id": trace.id, **trace.identity()}
    return json.dumps({k: table[k] for k in _KEYS}, indent=1) + "\n"


def save(trace: Trace, path: Path) -> None:
    """Write ``trace`` to ``path``: all of it, or nothing is changed.

    Raises InputError if the file cannot be written.
    """
    write_atomically(path, as_text(trace))


def load(path: Path, expected: Options | None = None) -> Trace:
    """Read and replay the trace in ``path``.

    ``expected``: the configuration that it must belong to, if that matters.
    Raises TraceError if the file is no sound trace file, and CannotReplayError
    (naming the file) if the model does not run like that.
    """
    return parse(_read(path), str(path), expected)


def parse(data: bytes, where: str, expected: Options | None = None) -> Trace:
    """The trace that ``data``, the content of the file ``where``, holds."""
    try:
        table = _json(data)
        _check(table)
        options = _options(table)
        _check_identity(table, options, expected)
    except TraceError as error:
        raise TraceError(f"{where}: {error}") from None
    name, actions, loop = table["property"], table["actions"], table["loop"]
    try:
        return replay(options, name, actions, loop)
    except CannotReplayError as error:
        raise error.within(where) from None


def _read(path: Path) -> bytes:
    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise TraceError(f"{path}: is a directory, not a trace file")
        if not stat.S_ISREG(found.st_mode):
            raise TraceError(f"{path}: is no regular file")
        with path.open("rb") as file:
            data = file.read(MAX_FILE + 1)
    except FileNotFoundError:
        raise TraceError(f"{path}: no such file") from None
    except OSError as error:
        raise TraceError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise TraceError(f"{str(path)!r}: {error}") from None
    if len(data) > MAX_FILE:
        raise TraceError(f"{path}: larger than {MAX_FILE} bytes, no trace")
    return data


def _json(data: bytes) -> Any:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise TraceError(
            f"byte {error.start} is no UTF-8: not a trace file"
        ) from None
    try:
        return json.loads(
            text, object_pairs_hook=_once, parse_constant=_no_number
        )
    except json.JSONDecodeError as error:
        raise TraceError(
            f"line {error.lineno}, column {error.colno}: no JSON "
            f"({error.msg}); truncated, or not a trace file"
        ) from None
    except (RecursionError, ValueError):
        raise TraceError("no JSON of a trace: nested or long") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for key, value in pairs:
        if key in table:
            raise TraceError(f"key '{key}' is there twice")
        table[key] = value
    return table


def _no_number(text: str) -> NoReturn:
    raise TraceError(f"{text} is no JSON number")


def _check(table: Any) -> None:
    """Keys and types; what the values mean is checked by who uses them."""
    if not isinstance(table, dict) or VERSION_KEY not in table:
        raise TraceError(f"not a trace file: key '{VERSION_KEY}' is missing")
    if table[VERSION_KEY] != VERSION or table[VERSION_KEY] is True:
        raise TraceError(
            f"{VERSION_KEY} is {_shown(table[VERSION_KEY])}, this program "
            f"reads version {VERSION}"
        )
    _check_keys("at the top", table, _KEYS)
    _check_type(table["id"], str, "id", "a string")
    _check_type(table["property"], str, "property", "a string")
    _check_type(table["actions"], list, "actions", "a list")
    _check_type(table["configuration"], dict, "configuration", "an object")
    loop = table["loop"]
    if loop is not None and (isinstance(loop, bool) or not _is_count(loop)):
        raise TraceError(
            f"loop is {_shown(loop)}, allowed are null and whole numbers "
            "from 0"
        )
    for number, action in enumerate(table["actions"], 1):
        _check_action(f"actions[{number - 1}] (step {number})", action)


def _check_action(place: str, action: Any) -> None:
    _check_type(action, dict, place, "an object")
    _check_keys(f"in {place}", action, ("action", "arguments"))
    _check_type(action["action"], str, f"{place}: action", "a string")
    arguments = action["arguments"]
    _check_type(arguments, dict, f"{place}: arguments", "an object")
    for key, value in arguments.items():
        _check_type(value, str, f"{place}: argument '{key}'", "a string")


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and value >= 0


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _check_type(value: Any, kind: type, place: str, allowed: str) -> None:
    if not isinstance(value, kind):
        raise TraceError(f"{place} is {_shown(value)}, not {allowed}")


def _check_keys(
    place: str, table: dict[str, Any], keys: tuple[str, ...]
) -> None:
    for key in table:
        if key not in keys:
            raise TraceError(
                f"unknown key {_shown(key)} {place}; allowed are "
                f"{', '.join(keys)}"
            )
    for key in keys:
        if key not in table:
            raise TraceError(f"key '{key}' is missing {place}")


def _options(table: dict[str, Any]) -> Options:
    given = table["configuration"]
    if "design" not in given:
        raise TraceError("configuration: key 'design' is missing")
    try:
        options = from_table(given, "trace").options
    except (ConfigurationError, ModelError) as error:
        raise TraceError(f"configuration: {error}") from None
    _check_keys("in configuration", given, tuple(options_table(options)))
    return options


def _check_identity(
    table: dict[str, Any], options: Options, expected: Options | None
) -> None:
    found = trace_id(
        {
            "configuration": options_table(options),
            "property": table["property"],
            "actions": table["actions"],
            "loop": table["loop"],
        }
    )
    if table["id"] != found:
        raise TraceError(
            f"id is {_shown(table['id'])}, but the content is trace "
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
                f"{key}.{inner} is {_shown(value[inner])}, not "
                f"{_shown(other[key][inner])}"
            )
        return f"{key} is {_shown(value)}, not {_shown(other[key])}"
    raise AssertionError("unequal options have equal tables")
