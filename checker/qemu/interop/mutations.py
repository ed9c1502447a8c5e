# SPDX-License-Identifier: GPL-2.0-or-later
"""Malformed streams, the same ones every time.

The rule: each is a good stream with one thing wrong, and its name says what;
those that chance makes have a seed in their name.  A good stream is a list of
parts, one for each item.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from typing import Final

import attrs

from checker.qemu.harness.bitmaps import Bitmap
from checker.qemu.harness.disk import Disk
from checker.qemu.harness.scenario import Mode
from checker.qemu.interop.bitmap_shapes import Extent, Shape
from checker.qemu.interop.stream_bytes import items_of, stream_of
from reference.protocol.tables import Design
from reference.wire.bits import BitsRun
from reference.wire.chunks import ChunkFlag, Start
from reference.wire.stream import ChunkItem, CommandKind, Item
from reference.wire.writer import StreamWriter

_SIZE: Final = 512 * (2 * 256 + 100)
_CHUNK: Final = 32  # bytes of bitmap, so that streams are short
#: what both ends have: a chunk of bits, one of zeroes, a short one; one more
BASE: Final = Shape(
    "malformed",
    bitmaps=(Bitmap(granularity=512), Bitmap(name="b1")),
    writes=(Extent(0, 4096), Extent(_SIZE - 512, 512)),
    disks=(Disk(size=_SIZE),),
)
_DESIGNS: Final = {
    Mode.PRECOPY: Design.STOP_COPY,
    Mode.POSTCOPY: Design.POSTCOPY,
}
_MOST: Final = 2**64 - 1


@attrs.frozen
class Part:
    """An item's bytes, and what it is."""

    label: str
    data: bytes

    @property
    def body(self) -> int:
        """Return where a chunk's body begins, after flags and names."""
        at = 1
        for flag in (ChunkFlag.DEVICE_NAME, ChunkFlag.BITMAP_NAME):
            if self.data[0] & flag:
                at += 1 + self.data[at]
        return at

    def put(self, offset: int, raw: bytes) -> Part:
        """Return the part with other bytes at that place."""
        data = self.data[:offset] + raw + self.data[offset + len(raw) :]
        return attrs.evolve(self, data=data)


@attrs.frozen
class Malformed:
    """A stream; ``name`` says what is wrong with it."""

    name: str
    mode: Mode
    data: bytes


Parts = tuple[Part, ...]
Named = tuple[str, Part]


def parts_of(data: bytes) -> Parts:
    """Return a stream's items; an unreadable rest is the last one."""
    items = items_of(data)
    found = [
        Part(label_of(item), data[item.offset : item.end])
        for item in items
        if item.end > item.offset
    ]
    rest = data[items[-1].end :] if items else data
    return (*found, Part("rest", rest)) if rest else tuple(found)


def label_of(item: Item) -> str:
    """Return a word for an item."""
    if not isinstance(item, ChunkItem):
        return type(item).__name__
    if isinstance(item.chunk, BitsRun):
        return "bits" if item.chunk.data is not None else "zeroes"
    return "start" if isinstance(item.chunk, Start) else "complete"


def base(mode: Mode) -> Parts:
    """Return the parts of a good stream."""
    host = BASE.truth()
    design = _DESIGNS[mode]
    data = stream_of(host, design, BASE.mapping(), False, _CHUNK)
    return parts_of(data)


def joined(parts: Parts) -> bytes:
    """Return the parts as a stream."""
    return b"".join(part.data for part in parts)


def _structural(parts: Parts) -> Iterator[tuple[str, bytes]]:
    """Yield streams with parts missing, doubled, out of order, cut off."""
    for index, part in enumerate(parts):
        place = f"{part.label} {index}"
        before, after = parts[:index], parts[index + 1 :]
        yield f"without {place}", joined((*before, *after))
        yield f"twice {place}", joined((*before, part, part, *after))
        if after:
            swapped = (*before, after[0], part, *after[1:])
            yield f"swapped {place}", joined(swapped)
        cut = part.put(0, b"").data[: len(part.data) // 2]
        yield f"ends before {place}", joined(before)
        yield f"ends within {place}", joined(before) + cut
        stuffed = joined(before) + b"\xff" * 64 + joined((part, *after))
        yield f"64 bytes of ff before {place}", stuffed


def _fields(part: Part) -> Iterator[Named]:
    """Yield streams in which a chunk has another field."""
    at = part.body
    for bit in range(8):
        flags = part.data[0] ^ (1 << bit)
        yield f"flags {flags:02x}", part.put(0, bytes([flags]))
    match part.label:
        case "start":
            for value in (0, 1, 256, 513, 1024, 2**30, 2**31, 2**32 - 1):
                raw = struct.pack(">I", value)
                yield f"granularity {value}", part.put(at, raw)
            for value in (0, 3, 4, 8, 0x80, 0xFF):
                yield (
                    f"flags of START {value:02x}",
                    part.put(at + 4, bytes([value])),
                )
        case "bits" | "zeroes":
            for value in (1, 64, 2**40, 2**54, 2**55, 2**63, _MOST):
                raw = struct.pack(">Q", value)
                yield f"first sector {value}", part.put(at, raw)
            for value in (0, 1, 63, 2**23, 2**31, 2**32 - 1):
                raw = struct.pack(">I", value)
                yield f"sectors {value}", part.put(at + 8, raw)
    if part.label == "bits":
        for value in (0, 1, 32, 10240, 10241, 2**31, 2**32, 2**63, _MOST):
            raw = struct.pack(">Q", value)
            yield f"size {value}", part.put(at + 12, raw)
            filled = part.put(at + 12, raw).data[: at + 20]
            if value <= 10241:
                data = filled + b"\xff" * value
                yield f"size {value}, all there", attrs.evolve(part, data=data)


def _names(part: Part) -> Iterator[Named]:
    """Yield streams in which a chunk has other names."""
    body, flags = part.data[part.body :], part.data[0]
    plain = flags & ~(ChunkFlag.DEVICE_NAME | ChunkFlag.BITMAP_NAME)
    pairs: dict[str, tuple[bytes, bytes]] = {
        "no names": (b"", b""),
        "no such node": (b"nowhere", b"b0"),
        "no such bitmap": (b"drive0", b"other"),
        "a bitmap that is there": (b"drive0", b"there"),
        "255 bytes": (b"drive0", b"n" * 255),
        "node of 255 bytes": (b"n" * 255, b"b0"),
        "not UTF-8": (b"drive0", b"\xff\xfe"),
        "zero bytes": (b"drive0", b"\0\0"),
        "format": (b"%s%n", b"%n%s"),
    }
    for label, (node, name) in pairs.items():
        head = bytes([plain | ChunkFlag.DEVICE_NAME | ChunkFlag.BITMAP_NAME])
        head += bytes([len(node)]) + node + bytes([len(name)]) + name
        yield label, attrs.evolve(part, data=head + body)
    head = bytes([plain | ChunkFlag.BITMAP_NAME, 255])
    yield "a name that is not there", attrs.evolve(part, data=head + body)
    head = bytes([plain | ChunkFlag.BITMAP_NAME, 2]) + b"b0"
    yield "no node", attrs.evolve(part, data=head + body)


def _outer(part: Part) -> Iterator[Named]:
    """Yield streams with other fields around the chunks."""
    for at in range(min(len(part.data), 24)):
        for value in (0xFF, part.data[at] ^ 1):
            raw = bytes([value])
            yield f"byte {at} is {value:02x}", part.put(at, raw)


def _commands(parts: Parts) -> Iterator[tuple[str, bytes]]:
    """Yield streams with commands where none is expected."""
    writer = StreamWriter()
    bodies = (b"", bytes(4), b"\xff" * 20)
    places = [
        index
        for index, part in enumerate(parts)
        if part.label in ("SectionStart", "SectionEnd")
    ]
    for kind in (*CommandKind, 0, 12, 0xFFFF):
        for body in bodies:
            for place in places:
                command = Part("", writer.command(kind, body))
                found = (*parts[:place], command, *parts[place:])
                label = f"command {int(kind)} {body.hex()[:8]}"
                yield (
                    f"{label} of {len(body)} before "
                    f"{parts[place].label} {place}",
                    joined(found),
                )


def cuts(mode: Mode) -> Iterator[Malformed]:
    """Yield the good stream ended after every byte, as a network does."""
    data = joined(base(mode))
    for size in range(1, len(data)):
        yield Malformed(f"cut after {size} bytes", mode, data[:size])


def corpus(mode: Mode) -> Iterator[Malformed]:
    """Yield every stream that is wrong in one place."""
    parts = base(mode)
    for name, data in (*_structural(parts), *_commands(parts)):
        yield Malformed(name, mode, data)
    for index, part in enumerate(parts):
        chunk = part.label in ("start", "bits", "zeroes", "complete")
        changed = (*_fields(part), *_names(part)) if chunk else _outer(part)
        for name, other in changed:
            data = joined((*parts[:index], other, *parts[index + 1 :]))
            yield Malformed(f"{part.label} {index}: {name}", mode, data)


def by_chance(mode: Mode, seed: int) -> Malformed:
    """Return a stream with one to three random changes."""
    chance = random.Random(f"{mode.value} {seed}")
    data = joined(base(mode))
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(data))
        match chance.randrange(5):
            case 0:
                flipped = data[at] ^ (1 << chance.randrange(8))
                data = data[:at] + bytes([flipped]) + data[at + 1 :]
            case 1:
                raw = chance.randbytes(chance.randint(1, 8))
                data = data[:at] + raw + data[at:]
            case 2:
                data = data[:at] + data[at + chance.randint(1, 40) :]
            case 3:
                end = at + chance.randint(1, 60)
                data = data[:end] + data[at:]
            case _:
                raw = chance.choice((b"\xff" * 8, bytes(8), b"\x20", b"\x10"))
                data = data[:at] + raw + data[at + len(raw) :]
    return Malformed(f"seed {seed}", mode, data)
