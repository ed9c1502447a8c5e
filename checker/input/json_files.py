# SPDX-License-Identifier: GPL-2.0-or-later
"""Reading JSON that somebody gives us, and saying what is wrong with it.

Traces and certificates are such files.  Whatever is in them, the answer is
the data or one line: never a traceback, never a guess.
"""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any, NoReturn

from checker.input.errors import BadFileError
from checker.input.strict import shown


def read_bytes(path: Path, most: int, what: str) -> bytes:
    """The content of a regular file of at most ``most`` bytes.

    ``what``: what the file should be, "trace".  Raises BadFileError, which
    names the file.
    """
    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise BadFileError(f"{path}: is a directory, not a {what} file")
        if not stat.S_ISREG(found.st_mode):
            raise BadFileError(f"{path}: is not a regular file")
        with path.open("rb") as file:
            data = file.read(most + 1)
    except FileNotFoundError:
        raise BadFileError(f"{path}: no such file") from None
    except OSError as error:
        raise BadFileError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise BadFileError(f"{str(path)!r}: {error}") from None
    if len(data) > most:
        raise BadFileError(f"{path}: larger than {most} bytes, no {what}")
    return data


def parsed(data: bytes, what: str) -> Any:
    """The JSON in ``data``; each key of an object once.

    Raises BadFileError, which says where.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadFileError(
            f"byte {error.start} is not UTF-8: not a {what} file"
        ) from None
    try:
        return json.loads(
            text, object_pairs_hook=once, parse_constant=_no_number
        )
    except json.JSONDecodeError as error:
        raise BadFileError(
            f"line {error.lineno}, column {error.colno}: no JSON "
            f"({error.msg}); truncated, or not a {what} file"
        ) from None
    except (RecursionError, ValueError):
        raise BadFileError(f"no JSON of a {what}: nested or long") from None


def check_version(table: Any, key: str, version: int, what: str) -> None:
    """Raise BadFileError if ``table`` is not of this version of a schema."""
    if not isinstance(table, dict) or key not in table:
        raise BadFileError(f"not a {what} file: key '{key}' is missing")
    if type(table[key]) is not int or table[key] != version:
        raise BadFileError(
            f"{key} is {shown(table[key])}, this program reads version "
            f"{version}"
        )


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object with these keys, each once; BadFileError otherwise."""
    table: dict[str, Any] = {}
    for key, value in pairs:
        if key in table:
            raise BadFileError(f"key '{key}' is there twice")
        table[key] = value
    return table


def _no_number(text: str) -> NoReturn:
    raise BadFileError(f"{text} is not a JSON number")
