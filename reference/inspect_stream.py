# SPDX-License-Identifier: GPL-2.0-or-later
"""Shows what a captured migration stream holds.

The rule: every item has a line, chunk by chunk, with its offset in bytes;
then comes a table of the bitmaps.  A stream that is cut or corrupt is shown
up to there.  QEMU's counterpart: ``scripts/analyze-migration.py``, which
does not read bitmaps.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, TextIO

import attrs

from reference.errors import FileError, StreamError
from reference.wire.bits import BitsRun
from reference.wire.chunks import Complete, EndOfSection, Start
from reference.wire.fold import Fold, FoldedBitmap
from reference.wire.reader import StreamReader
from reference.wire.stream import (
    RAM,
    Broken,
    ChunkItem,
    Command,
    CommandKind,
    Configuration,
    DevicePayload,
    EndOfStream,
    Footer,
    Header,
    Item,
    PackageBegin,
    PackageEnd,
    SectionEnd,
    SectionPart,
    SectionStart,
    Subsection,
    VmDescription,
)

WHOLE: Final = 0  # exit codes
BROKEN: Final = 75
LONGEST: Final = 40  # characters of a name or of data in a line
HIDDEN: Final = {"node", "flags", "sector"}  # not shown as a field each
PIECE: Final = 1024 * 1024  # bytes to read at once

Fields = dict[str, Any]


def inspect(path: Path | str, as_json: bool, out: TextIO) -> int:
    """Writes what the file holds; the exit code.

    0 for a whole stream, 75 for one that is cut or corrupt.  A FileError if
    the file cannot be read.
    """
    fold = Fold()
    shown: list[Fields] = []
    waiting = Text(out)
    for item in read(Path(path)):
        fold.add([item])
        if isinstance(item, Broken):
            continue
        single = item.split() if isinstance(item, ChunkItem) else [item]
        for one in single:
            kind, fields = describe(one)
            if as_json:
                place = {"start": one.offset, "end": one.end}
                place["packaged"] = one.packaged
                shown.append({"kind": kind, **place, **fields})
            else:
                waiting.write(one, line(one, kind, fields))
    waiting.flush()
    if as_json:
        found = {
            "bitmaps": [as_fields(bitmap) for bitmap in fold.bitmaps.values()],
            "items": shown,
            "error": error_fields(fold.error),
        }
        out.write(json.dumps(found, indent=1) + "\n")
    else:
        write_table(fold, out)
    return WHOLE if fold.error is None else BROKEN


@attrs.define
class Text:
    """Lines of text; runs of parts without any content become one line.

    A source that waits sends many of them for its RAM.
    """

    out: TextIO
    #: lines of the parts that wait, and of the one that is not complete
    parts: list[str] = attrs.field(factory=list)
    begun: list[str] = attrs.field(factory=list)
    begin: int = 0
    end: int = 0

    def write(self, item: Item, text: str) -> None:
        """One item and its line."""
        ram = isinstance(item, (SectionPart, DevicePayload))
        if ram and getattr(item, "idstr", "") == RAM:
            if isinstance(item, SectionPart):
                self.begun = []
                if not self.parts:
                    self.begin = item.offset
            elif not self.begun:
                ram = False
        elif isinstance(item, Footer) and len(self.begun) == 2:
            self.parts.append("".join([*self.begun, text]))
            self.begun, self.end = [], item.end
            return
        else:
            ram = False
        if ram:
            self.begun.append(text)
            return
        self.flush()
        self.out.write(text)

    def flush(self) -> None:
        """What waits is written."""
        if len(self.parts) > 2:
            count = f"{len(self.parts)} of ram, empty, to {self.end}"
            self.out.write(f"{self.begin:>9}  {'parts':<14} {count}\n")
        else:
            self.out.write("".join(self.parts))
        self.out.write("".join(self.begun))
        self.parts, self.begun = [], []


def read(path: Path) -> Iterator[Item]:
    """The items of a file; FileError if it cannot be read."""
    reader = StreamReader()
    try:
        with path.open("rb") as file:
            while piece := file.read(PIECE):
                yield from reader.receive(piece)
                if reader.broken:
                    return
    except OSError as error:
        raise FileError(f"{path}: {error.strerror}") from None
    yield from reader.close()


def describe(item: Item) -> tuple[str, Fields]:
    """The kind of an item in one word, and what it says."""
    match item:
        case ChunkItem():
            return describe_chunk(item)
        case SectionStart():
            return f"section-{item.kind.value}", {
                "id": item.id,
                "idstr": item.idstr,
                "instance": item.instance,
                "version": item.version,
            }
        case SectionPart():
            return "section-part", {"id": item.id, "idstr": item.idstr}
        case SectionEnd():
            return "section-end", {"id": item.id, "idstr": item.idstr}
        case Footer():
            return "footer", {"id": item.id}
        case DevicePayload():
            fields = {"idstr": item.idstr, "bytes": len(item.raw)}
            return "payload", fields
        case Command():
            known = isinstance(item.kind, CommandKind)
            name = CommandKind(item.kind).name if known else str(item.kind)
            return "command", {"command": name, "data": item.data.hex()}
    return describe_other(item)


def describe_other(item: Item) -> tuple[str, Fields]:
    """The same, for what comes once or says little."""
    match item:
        case Header():
            return "header", {"version": item.version}
        case Configuration():
            return "configuration", {"machine": item.machine}
        case Subsection():
            fields = {"name": item.name, "version": item.version}
            return "subsection", {**fields, "bytes": len(item.raw)}
        case PackageBegin():
            return "package-begin", {"bytes": item.length}
        case PackageEnd():
            return "package-end", {}
        case EndOfSection():
            return "end-of-section", {}
        case EndOfStream():
            return "end-of-stream", {}
        case VmDescription():
            return "vm-description", {"bytes": len(item.text.encode())}
    raise ValueError(f"no item to show: {item!r}")


def describe_chunk(item: ChunkItem) -> tuple[str, Fields]:
    """The same, for a chunk."""
    chunk = item.chunk
    if isinstance(chunk, EndOfSection):
        return "end-of-section", {}
    names: Fields = {"node": chunk.node, "name": chunk.bitmap}
    names["flags"] = item.flags
    match chunk:
        case Start():
            names["granularity"] = chunk.granularity
            names["enabled"] = chunk.enabled
            names["persistent"] = chunk.persistent
            return "start", names
        case Complete():
            return "complete", names
        case BitsRun():
            names["sector"] = chunk.first_sector
            names["sectors"] = chunk.sectors
            if chunk.data is None:
                return "zeroes", names
            return "bits", {**names, "bytes": chunk.bytes_per_chunk}


def line(item: Item, kind: str, fields: Fields) -> str:
    """One line of text: offset, kind, what it says."""
    inside = "  " if item.packaged else ""
    words = []
    if "node" in fields:
        words.append(shorten(plain(f"{fields['node']}/{fields['name']}")))
    for name, value in fields.items():
        if name in HIDDEN or ("node" in fields and name == "name"):
            continue
        if isinstance(value, str):
            words.extend([shorten(plain(value))] if value else [])
        elif name == "granularity":
            words.append(f"granule {short(value)}")
        elif name == "sectors":
            words.append(f"sectors {fields['sector']}+{value}")
        elif not isinstance(value, bool):
            words.append(f"{name} {value}")
        elif value:
            words.append(name)
    text = f"{item.offset:>9}  {inside}{kind:<14} {', '.join(words)}"
    return text.rstrip() + "\n"


def plain(text: str) -> str:
    """The text without anything that a terminal would obey."""
    return "".join(
        char if char.isprintable() else repr(char)[1:-1] for char in text
    )


def short(size: int) -> str:
    """Bytes with the largest unit that leaves a whole number."""
    units = ["", "K", "M", "G"]
    while size % 1024 == 0 and len(units) > 1:
        size //= 1024
        units.pop(0)
    return f"{size}{units[0]}"


def shorten(text: str) -> str:
    """Not more of a text than fits a line."""
    return text if len(text) <= LONGEST else text[:LONGEST] + "..."


def as_fields(bitmap: FoldedBitmap) -> Fields:
    """A bitmap for JSON; dirty ranges are offset and length in bytes."""
    return {
        "node": bitmap.node,
        "name": bitmap.name,
        "granularity": bitmap.granularity,
        "enabled": bitmap.enabled,
        "persistent": bitmap.persistent,
        "complete": bitmap.complete,
        "dropped": bitmap.dropped or None,
        "covered": bitmap.covered_bytes,
        "dirty": [list(extent) for extent in bitmap.dirty()],
    }


def error_fields(error: StreamError | None) -> Fields | None:
    """An error for JSON."""
    if error is None:
        return None
    kind = type(error).__name__
    return {"class": kind, "text": str(error), "offset": error.offset}


def write_table(fold: Fold, out: TextIO) -> None:
    """The bitmaps, one a line, and what went wrong."""
    if fold.bitmaps:
        out.write(
            f"\n{'bitmap':24}{'granularity':>12}{'flags':>7}"
            f"{'covered':>14}{'dirty':>14}\n"
        )
    for bitmap in fold.bitmaps.values():
        flags = ("e" if bitmap.enabled else "-") + (
            "p" if bitmap.persistent else "-"
        )
        flags += "c" if bitmap.complete else "-"
        dirty = sum(length for _, length in bitmap.dirty())
        name = plain(f"{bitmap.node}/{bitmap.name}")
        out.write(
            f"{name:24}{bitmap.granularity:>12}{flags:>7}"
            f"{bitmap.covered_bytes:>14}{dirty:>14}\n"
        )
        if bitmap.dropped:
            out.write(f"  lost: {plain(bitmap.dropped)}\n")
    if fold.bitmaps:
        out.write("flags: e enabled, p persistent, c complete; in bytes\n")
    if fold.error is not None:
        kind = type(fold.error).__name__
        where = f"at {fold.error.offset}: {plain(str(fold.error))}"
        out.write(f"\n{kind} {where}\n")
