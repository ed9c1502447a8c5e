# SPDX-License-Identifier: GPL-2.0-or-later
"""Logs that the reference has written: NDJSON, one event a line.

    {"event": "header", "version": 1, "role": "source",
     "design": "postcopy", "downtime": 1, "bitmaps": [
       {"bitmap": "drive0/b0", "disk_size": 1048576,
        "granularity": 65536, "granules": 16, "chunk_granules": 64,
        "chunks": 1, "dirty": [[0, 65536]]}]}
    {"actor": "source", "action": "send_bitmap_bits",
     "bitmap": "drive0/b0", "chunk": 0}

``role`` is source, destination, or both (one log of a loopback).  A step may
have ``chunk`` and ``chunks``, or ``offset`` and ``length`` in bytes (a guest
write); other keys (time, detail) are for people, and so are lines with the
key ``event``, except headers and "bitmap" (the fields of one more bitmap).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from attrs import field, frozen

from checker.input.errors import InputError
from checker.input.files import read_limited
from model.mechanism import (
    DESIGNS,
)

VERSION = 1
ROLES = ("source", "destination", "both")
MAX_FILE = 64 << 20  # bytes


@frozen
class LoggedBitmap:
    """One bitmap of the run; ``granularity`` in bytes.

    ``dirty``: (offset, length) in bytes of what was dirty at the beginning.
    """

    label: str
    granularity: int
    chunk_granules: int
    chunks: int
    dirty: tuple[tuple[int, int], ...] = ()

    @property
    def form(self) -> tuple[int, int, int]:
        """What both sides must agree on."""
        return self.granularity, self.chunk_granules, self.chunks


@frozen
class LoggedEvent:
    """One line; ``line`` counts from 1."""

    line: int
    actor: str
    action: str
    bitmap: str = ""
    chunk: int = -1
    offset: int = -1
    length: int = 0


@frozen
class Log:
    """One process's log."""

    name: str
    role: str
    design: str
    downtime: int
    bitmaps: tuple[LoggedBitmap, ...]
    events: tuple[LoggedEvent, ...] = field(repr=False)


def _logged(table: dict[str, Any], where: str) -> LoggedBitmap:
    return LoggedBitmap(
        _get(table, "bitmap", str, where),
        _get(table, "granularity", int, where, 512),
        _get(table, "chunk_granules", int, where, 1),
        _get(table, "chunks", int, where, 1),
        _dirty(table, where),
    )


def _dirty(table: dict[str, Any], where: str) -> tuple[tuple[int, int], ...]:
    if table.get("dirty") is None:
        return ()
    found = []
    for pair in _get(table, "dirty", list, where):
        if not isinstance(pair, list) or len(pair) != 2:
            raise InputError(f"{where}: dirty holds {pair!r}, no pair")
        both = {"offset": pair[0], "length": pair[1]}
        offset = _get(both, "offset", int, where)
        found.append((offset, _get(both, "length", int, where, 1)))
    return tuple(found)


# role, design, downtime, bitmaps
Head = tuple[str, str, int, tuple[LoggedBitmap, ...]]


def load(path: Path) -> Log:
    """Read a log; InputError naming the line for what is none."""
    data = read_limited(path, MAX_FILE)
    if len(data) > MAX_FILE:
        raise InputError(f"{path}: larger than {MAX_FILE} bytes")
    return parse(data, str(path))


def parse(data: bytes, name: str) -> Log:
    """The log that ``data``, the content of ``name``, holds."""
    lines = data.splitlines()
    if not lines:
        raise InputError(f"{name}: empty, expected a header line")
    tables = [
        (number, _table(line, f"{name}: line {number}"))
        for number, line in enumerate(lines, 1)
        if line.strip()
    ]
    header, *rest = tables
    made = _header(header[1], f"{name}: line {header[0]}")
    events: list[LoggedEvent] = []
    for number, table in rest:
        if table.get("event") == "header":
            # a further attempt of the same process
            where = f"{name}: line {number}"
            made = _merged(made, _header(table, where), where)
            continue
        if table.get("event") == "bitmap":
            # the destination learns of a bitmap when START comes
            where = f"{name}: line {number}"
            made = (*made[:3], (*made[3], _logged(table, where)))
        if "event" in table:
            continue
        events += _events(table, number, f"{name}: line {number}")
    return Log(name, *made, tuple(events))


def _table(line: bytes, where: str) -> dict[str, Any]:
    try:
        table = json.loads(line.decode("utf-8"))
    except (UnicodeDecodeError, ValueError, RecursionError):
        raise InputError(f"{where}: no JSON object; truncated?") from None
    if not isinstance(table, dict):
        raise InputError(f"{where}: no JSON object")
    return table


def _get(
    table: dict[str, Any], key: str, kind: type, where: str, least: int = 0
) -> Any:
    value = table.get(key)
    good = isinstance(value, kind) and not isinstance(value, bool)
    if isinstance(value, int) and value < least:
        good = False
    if not good:
        shown = "a whole number" if kind is int else f"a {kind.__name__}"
        raise InputError(
            f"{where}: {key} is {json.dumps(value)[:40]}, expected {shown}"
            + (f" from {least}" if kind is int else "")
        )
    return value


def _header(table: dict[str, Any], where: str) -> Head:
    if table.get("event") != "header":
        raise InputError(f"{where}: expected a header, event: 'header'")
    if table.get("version") != VERSION:
        raise InputError(
            f"{where}: version is {table.get('version')!r}, this program "
            f"reads {VERSION}"
        )
    role = _get(table, "role", str, where)
    design = _get(table, "design", str, where)
    if role not in ROLES:
        raise InputError(
            f"{where}: role is '{role}', allowed are {', '.join(ROLES)}"
        )
    if design not in DESIGNS:
        raise InputError(
            f"{where}: design is '{design}', allowed are {', '.join(DESIGNS)}"
        )
    downtime = 1
    if table.get("downtime") is not None:
        downtime = _get(table, "downtime", int, where)
    bitmaps = _get(table, "bitmaps", list, where)
    found = []
    for bitmap in bitmaps:
        if not isinstance(bitmap, dict):
            raise InputError(f"{where}: bitmaps holds {bitmap!r}, no object")
        found.append(_logged(bitmap, where))
    return role, design, downtime, tuple(found)


def _merged(first: Head, other: Head, where: str) -> Head:
    """What two attempts of one process were about."""
    if first[:2] != other[:2]:
        raise InputError(
            f"{where}: {other[0]}, {other[1]}; the log began with "
            f"{first[0]}, {first[1]}"
        )
    known = [bitmap.label for bitmap in first[3]]
    more = [bitmap for bitmap in other[3] if bitmap.label not in known]
    return (*first[:2], max(first[2], other[2]), (*first[3], *more))


def _events(
    table: dict[str, Any], number: int, where: str
) -> list[LoggedEvent]:
    """One event for each chunk that the line speaks of."""
    actor = _get(table, "actor", str, where)
    action = _get(table, "action", str, where)
    bitmap = table.get("bitmap", "")
    if not isinstance(bitmap, str):
        raise InputError(f"{where}: bitmap is {bitmap!r}, expected a str")
    offset, length = -1, 0
    if "offset" in table:
        offset = _get(table, "offset", int, where)
        length = _get(table, "length", int, where, 1)
    if "chunk" not in table:
        return [LoggedEvent(number, actor, action, bitmap, -1, offset, length)]
    chunk = _get(table, "chunk", int, where)
    chunks = 1
    if "chunks" in table:
        chunks = _get(table, "chunks", int, where, 1)
    if chunks > 1 << 20:
        raise InputError(f"{where}: chunks is {chunks}, allowed are 1 to 2^20")
    return [
        LoggedEvent(number, actor, action, bitmap, chunk + n, offset, length)
        for n in range(chunks)
    ]
