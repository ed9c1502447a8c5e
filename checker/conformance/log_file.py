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
from typing import Annotated, Any, Literal, TypeVar

from attrs import field, frozen

from checker.input.errors import BadFileError, InputError
from checker.input.files import read_limited
from checker.input.json_files import once
from checker.input.strict import (
    KEY,
    Reader,
    one_of,
    shown,
    structured,
    whole,
)
from model.design import DESIGNS

VERSION = 1
MAX_FILE = 64 << 20  # bytes
MOST_CHUNKS = 1 << 20  # of one line
T = TypeVar("T")


Count = Annotated[int, whole(0)]
Positive = Annotated[int, whole(1)]


def _ranges(value: Any) -> tuple[tuple[int, int], ...]:
    """What ``dirty`` holds, as pairs; null: nothing."""
    if value is None:
        return ()
    for pair in value if isinstance(value, list) else [value]:
        numbers = pair if isinstance(pair, list) else []
        if [type(number) for number in numbers] != [int, int]:
            raise ValueError(f"holds {shown(pair)}, no [offset, length]")
        if numbers[0] < 0 or numbers[1] < 1:
            raise ValueError(
                f"holds {shown(pair)}; an offset is 0 at least, a length 1"
            )
    return tuple((offset, length) for offset, length in value)


@frozen
class LoggedBitmap:
    """One bitmap of the run; ``granularity`` in bytes.

    ``dirty``: (offset, length) in bytes of what was dirty at the beginning.
    """

    label: str = field(metadata={KEY: "bitmap"})
    granularity: Annotated[int, whole(512)]
    chunk_granules: Positive
    chunks: Positive
    dirty: Annotated[tuple[tuple[int, int], ...], Reader(_ranges)] = ()

    @property
    def form(self) -> tuple[int, int, int]:
        """What both sides must agree on."""
        return self.granularity, self.chunk_granules, self.chunks


@frozen(kw_only=True)
class _Header:
    """What a header must have."""

    role: Literal["source", "destination", "both"]
    design: Annotated[str, one_of(DESIGNS)]
    downtime: Count | None = None
    bitmaps: tuple[LoggedBitmap, ...]


@frozen(kw_only=True)
class _Step:
    """What the line of a step may have; ``length`` goes with ``offset``."""

    actor: str
    action: str
    bitmap: str = ""
    chunk: Count = -1
    chunks: Annotated[int, whole(1, MOST_CHUNKS)] = 1
    offset: Count = -1
    length: Positive = 0


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
            found = _structured(LoggedBitmap, table, where)
            made = (*made[:3], (*made[3], found))
        if "event" in table:
            continue
        events += _events(table, number, f"{name}: line {number}")
    return Log(name, *made, tuple(events))


def _table(line: bytes, where: str) -> dict[str, Any]:
    try:
        table = json.loads(line.decode("utf-8"), object_pairs_hook=once)
    except BadFileError as error:
        raise InputError(f"{where}: {error}") from None
    except (UnicodeDecodeError, ValueError, RecursionError):
        raise InputError(f"{where}: no JSON object; truncated?") from None
    if not isinstance(table, dict):
        raise InputError(f"{where}: no JSON object")
    return table


def _structured(kind: type[T], table: Any, where: str) -> T:
    try:
        return structured(kind, table, where=where, more=True)
    except BadFileError as error:
        raise InputError(str(error)) from None


def _header(table: dict[str, Any], where: str) -> Head:
    if table.get("event") != "header":
        raise InputError(f"{where}: expected a header, event: 'header'")
    if table.get("version") != VERSION:
        raise InputError(
            f"{where}: version is {shown(table.get('version'))}, this "
            f"program reads {VERSION}"
        )
    made = _structured(_Header, table, where)
    downtime = 1 if made.downtime is None else made.downtime
    return made.role, made.design, downtime, made.bitmaps


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
    step = _structured(_Step, table, where)
    length = step.length
    if step.offset < 0:
        length = 0
    elif not length:
        raise InputError(f"{where}: key 'length' is missing beside 'offset'")
    chunks = range(step.chunk, step.chunk + step.chunks)
    return [
        LoggedEvent(
            *(number, step.actor, step.action, step.bitmap),
            *(chunk, step.offset, length),
        )
        for chunk in (chunks if step.chunk >= 0 else [-1])
    ]
