# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes a migration stream.

The rule: each method returns the bytes of one item and remembers what the
later ones depend on: the ids of the sections, the section that is open, the
names that chunks leave out.  The order of the items is the caller's matter.
QEMU's counterparts: ``qemu_savevm_state_header``, ``save_section_header``,
``save_section_footer``, ``qemu_savevm_command_send``.
"""

from __future__ import annotations

import struct

import attrs

from reference.wire.chunks import (
    Chunk,
    ChunkEncoder,
    EndOfSection,
    counted,
)
from reference.wire.stream import (
    MAGIC,
    STREAM_VERSION,
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
    Mark,
    PackageBegin,
    PackageEnd,
    SectionEnd,
    SectionKind,
    SectionPart,
    SectionStart,
    Subsection,
    VmDescription,
)


@attrs.define
class StreamWriter:
    """Returns bytes; keeps section ids and the chunks' names."""

    chunks: ChunkEncoder = attrs.field(factory=ChunkEncoder)
    #: section ids by idstr
    ids: dict[str, int] = attrs.field(factory=dict)
    #: id of the section whose footer has not been written, or -1
    open: int = -1

    def header(self) -> bytes:
        """Magic and version."""
        return struct.pack(">II", MAGIC, STREAM_VERSION)

    def configuration(self, machine: str = "none") -> bytes:
        """The machine's name."""
        raw = machine.encode()
        return struct.pack(">BI", Mark.CONFIGURATION, len(raw)) + raw

    def subsection(self, name: str, version: int, raw: bytes) -> bytes:
        """An optional part of the configuration, right after it."""
        return (
            bytes([Mark.SUBSECTION])
            + counted(name)
            + struct.pack(">I", version)
            + raw
        )

    def command(self, kind: CommandKind | int, data: bytes = b"") -> bytes:
        """A command to the destination; ValueError from 64 KiB of data on."""
        if len(data) > 0xFFFF:
            raise ValueError(f"{len(data)} bytes of data in a command")
        return struct.pack(">BHH", Mark.COMMAND, kind, len(data)) + data

    def ping(self, value: int) -> bytes:
        """PING: the destination answers with PONG of the same value."""
        return self.command(CommandKind.PING, struct.pack(">I", value))

    def section_start(
        self,
        idstr: str,
        instance: int = 0,
        version: int = 1,
        section_id: int | None = None,
    ) -> bytes:
        """START; the payload and ``footer()`` follow.

        Without ``section_id`` the lowest free one is taken.
        """
        return self._named(
            Mark.SECTION_START, idstr, instance, version, section_id
        )

    def section_full(
        self,
        idstr: str,
        instance: int = 0,
        version: int = 1,
        payload: bytes = b"",
        section_id: int | None = None,
    ) -> bytes:
        """FULL and its payload; ``footer()`` follows."""
        head = self._named(
            Mark.SECTION_FULL, idstr, instance, version, section_id
        )
        return head + payload

    def section_part(self, idstr: str) -> bytes:
        """PART of a section that was started; ``footer()`` follows."""
        return self._known(Mark.SECTION_PART, idstr)

    def section_end(self, idstr: str) -> bytes:
        """END of a section that was started; ``footer()`` follows."""
        return self._known(Mark.SECTION_END, idstr)

    def footer(self) -> bytes:
        """The end of the open section or part; ValueError if none is."""
        if self.open < 0:
            raise ValueError("no section is open")
        section_id, self.open = self.open, -1
        return struct.pack(">BI", Mark.FOOTER, section_id)

    def chunk(self, chunk: Chunk) -> bytes:
        """A chunk of the dirty-bitmap section that is open."""
        return self.chunks.encode(chunk)

    def end_of_section(self) -> bytes:
        """EOS, the last chunk of a part; ``footer()`` follows."""
        return self.chunks.encode(EndOfSection())

    def package(self, nested: bytes) -> bytes:
        """PACKAGED; ``nested`` was written with this same writer."""
        return self._package_begin(len(nested)) + nested

    def end_of_stream(self) -> bytes:
        """The end of all sections."""
        return bytes([Mark.END_OF_STREAM])

    def vm_description(self, text: str) -> bytes:
        """JSON after the end of a precopy stream."""
        raw = text.encode()
        return struct.pack(">BI", Mark.VM_DESCRIPTION, len(raw)) + raw

    def item(self, item: Item) -> bytes:
        """An item as it was read; with its own section id.

        Read and written item by item a stream keeps its bytes, if its
        chunks leave out the names that they may (ValueError for Broken).
        """
        match item:
            case ChunkItem():
                return self.chunk(item.chunk)
            case EndOfSection():
                return self.end_of_section()
            case DevicePayload():
                return item.raw
            case Footer():
                return self.footer()
            case SectionPart():
                return self._later(Mark.SECTION_PART, item.id)
            case SectionEnd():
                return self._later(Mark.SECTION_END, item.id)
            case SectionStart():
                mark = (
                    Mark.SECTION_START
                    if item.kind is SectionKind.START
                    else Mark.SECTION_FULL
                )
                return self._named(
                    mark, item.idstr, item.instance, item.version, item.id
                )
            case _:
                return self._outer(item)

    def _outer(self, item: Item) -> bytes:
        """An item that belongs to no section."""
        match item:
            case Command():
                return self.command(item.kind, item.data)
            case PackageBegin():
                return self._package_begin(item.length)
            case PackageEnd():
                return b""
            case Header():
                return self.header()
            case Configuration():
                return self.configuration(item.machine)
            case Subsection():
                return self.subsection(item.name, item.version, item.raw)
            case EndOfStream():
                return self.end_of_stream()
            case VmDescription():
                return self.vm_description(item.text)
            case Broken():
                raise ValueError(f"a broken stream: {item.error}")
        raise ValueError(f"no item of a stream: {item!r}")

    def _named(
        self,
        mark: Mark,
        idstr: str,
        instance: int,
        version: int,
        section_id: int | None,
    ) -> bytes:
        if section_id is None:
            section_id = self.ids.get(idstr, -1)
        if section_id < 0:
            section_id = max(self.ids.values(), default=-1) + 1
        self.ids[idstr] = self.open = section_id
        return (
            struct.pack(">BI", mark, section_id)
            + counted(idstr)
            + struct.pack(">II", instance, version)
        )

    def _known(self, mark: Mark, idstr: str) -> bytes:
        if idstr not in self.ids:
            raise ValueError(f"section {idstr!r} was not started")
        return self._later(mark, self.ids[idstr])

    def _later(self, mark: Mark, section_id: int) -> bytes:
        self.open = section_id
        return struct.pack(">BI", mark, section_id)

    def _package_begin(self, length: int) -> bytes:
        return self.command(CommandKind.PACKAGED, struct.pack(">I", length))
