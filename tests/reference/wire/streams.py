# SPDX-License-Identifier: GPL-2.0-or-later
"""Streams that follow the grammar, made by Hypothesis with the writer."""

from __future__ import annotations

import struct

import attrs
from hypothesis import strategies as st

from reference.wire.bits import BitsRun
from reference.wire.chunks import Chunk, Complete, Start
from reference.wire.stream import CommandKind
from reference.wire.writer import StreamWriter

Draw = st.DrawFn

NAMES = ["a", "drive0", "b" * 255, "\u00fc"]
DEVICES = ["x", "0000:00:01.0/virtio", "cpu"]
COMMANDS = [
    *(kind for kind in CommandKind if kind is not CommandKind.PACKAGED),
    *(0, 12, 0xFFFF),
]
names = st.sampled_from(NAMES)
sectors = st.integers(0, 2**32 - 1)
starts = st.builds(
    Start,
    names,
    names,
    st.integers(9, 31).map(lambda power: 2**power),
    enabled=st.booleans(),
    persistent=st.booleans(),
    ignored=st.booleans(),
)
data = st.one_of(st.none(), st.binary(max_size=70), st.just(b"\xaa" * 1024))
bits = st.builds(
    BitsRun, names, names, st.integers(0, 2**64 - 1), sectors, data
)


@st.composite
def bits_in_a_row(draw: Draw) -> list[Chunk]:
    """Adjacent chunks of equal shape, as QEMU sends them."""
    node, name = draw(names), draw(names)
    first, each = draw(st.integers(0, 2**40)), draw(st.integers(1, 9000))
    content = draw(st.sampled_from([None, bytes(32), b"\xff" * 64]))
    return [
        BitsRun(node, name, first + index * each, each, content)
        for index in range(draw(st.integers(1, 80)))
    ]


def alone(chunk: Chunk) -> list[Chunk]:
    return [chunk]


chunk_lists: st.SearchStrategy[list[list[Chunk]]] = st.lists(
    st.one_of(
        st.one_of(starts, bits, st.builds(Complete, names, names)).map(alone),
        bits_in_a_row(),
    ),
    max_size=5,
)


@attrs.define
class Maker:
    """What is being written; ``open`` are the sections that may go on."""

    draw: Draw
    writer: StreamWriter = attrs.field(factory=StreamWriter)
    open: list[str] = attrs.field(factory=list)

    def bitmap_payload(self) -> bytes:
        parts = self.draw(chunk_lists)
        chunks = [chunk for part in parts for chunk in part]
        body = b"".join(self.writer.chunk(chunk) for chunk in chunks)
        return body + self.writer.end_of_section()

    def payload(self, idstr: str, first: bool) -> bytes:
        if idstr == "dirty-bitmap":
            return self.bitmap_payload()
        if idstr == "ram":
            return struct.pack(">QQ", 4, 16)[0 if first else 8 :]
        size = {"timer": 24, "globalstate": 104}.get(idstr)
        if size is not None:
            return self.draw(st.binary(min_size=size, max_size=size))
        # 7e could be taken for the footer, which is the format's limit
        raw = self.draw(st.binary(max_size=9000))
        return raw.replace(b"\x7e", b"\x7f")

    def section(self) -> bytes:
        versions = {"ram": 4, "timer": 2, "globalstate": 1, "dirty-bitmap": 1}
        idstr = self.draw(st.sampled_from([*versions, *DEVICES]))
        version = versions.get(idstr, 7)
        payload = self.payload
        if idstr in self.open and self.draw(st.booleans()):
            end = self.draw(st.booleans())
            writer = self.writer
            head = (writer.section_end if end else writer.section_part)(idstr)
            return head + payload(idstr, False) + writer.footer()
        begin = self.draw(st.booleans()) and idstr not in DEVICES
        if begin:
            self.open.append(idstr)
            head = self.writer.section_start(idstr, 0, version)
        else:
            head = self.writer.section_full(idstr, 3, version)
        return head + payload(idstr, True) + self.writer.footer()

    def command(self) -> bytes:
        kind = self.draw(st.sampled_from(COMMANDS))
        return self.writer.command(kind, self.draw(st.binary(max_size=20)))

    def items(self, most: int, packages: bool) -> bytes:
        found = b""
        for _ in range(self.draw(st.integers(0, most))):
            match self.draw(st.sampled_from("ssscp")):
                case "s":
                    found += self.section()
                case "p" if packages:
                    nested = self.items(3, False)
                    found += self.writer.package(nested)
                case _:
                    found += self.command()
        return found


@st.composite
def streams(draw: Draw) -> bytes:
    """A whole stream that only a reader without a limit may refuse."""
    maker = Maker(draw)
    writer = maker.writer
    found = writer.header()
    if draw(st.booleans()):
        found += writer.configuration(draw(names))
        if draw(st.booleans()):
            found += writer.subsection("configuration/uuid", 1, bytes(16))
            found += writer.subsection(
                "configuration/capabilities", 1, b"\0\0\0\2\1a\3bcd"
            )
    found += maker.items(6, True) + writer.end_of_stream()
    if draw(st.booleans()):
        found += writer.vm_description('{"devices": []}' * 9)
    return found
