# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads one item of a stream at a time: the state machine.

The rule: what the next byte is part of is decided by ``state`` and by what
earlier items said: the sections, the names of the chunks, the end of the
package.  An item that is not there in full raises ``IncompleteError`` and
changes nothing; one that the format forbids raises a StreamError.  QEMU's
counterparts: ``qemu_loadvm_state_main``, ``qemu_loadvm_section_start_full``,
``loadvm_process_command``.
"""

from __future__ import annotations

import enum
from typing import Final, TypedDict

import attrs

from reference.errors import CorruptError, LimitError, VersionError
from reference.wire import payload
from reference.wire.chunk_reader import MEANINGS, ChunkReader
from reference.wire.chunks import EndOfSection
from reference.wire.fragments import Cursor, IncompleteError, text_of
from reference.wire.stream import (
    DIRTY_BITMAP,
    FIXED_PAYLOADS,
    MAGIC,
    RAM,
    SECTION_VERSIONS,
    STREAM_VERSION,
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

MAX_SECTIONS: Final = 4096
MAX_MACHINE: Final = 255  # bytes of the machine's name
MAX_DESCRIPTION: Final = 1024 * 1024  # bytes of the VM's description
KINDS: Final = {
    int(Mark.SECTION_START): SectionKind.START,
    int(Mark.SECTION_FULL): SectionKind.FULL,
}
COMMANDS: Final = {int(kind): kind for kind in CommandKind}


class Where(TypedDict):
    """The place of an item in the stream."""

    offset: int
    end: int
    packaged: bool


class State(enum.Enum):
    """What the next byte is part of."""

    HEADER = "header"
    ITEM = "item"
    CHUNKS = "chunks of a dirty-bitmap section"
    RAM_START = "ram, first part"
    RAM_PART = "ram, later part"
    FIXED = "payload of known size"
    UNKNOWN = "payload of unknown size"
    FOOTER = "footer"
    AFTER = "after the end of the stream"
    OVER = "after everything"


@attrs.frozen
class Section:
    """A section that was started."""

    id: int
    idstr: str


@attrs.define
class ItemReader:
    """The state between two items."""

    state: State = State.HEADER
    #: in the stream, of the next byte that belongs to no item yet; where a
    #: reader stands tells nothing about what it does next
    offset: int = attrs.field(default=0, metadata={"origin": True})
    sections: dict[int, Section] = attrs.field(factory=dict)
    current: Section = Section(-1, "")
    chunks: ChunkReader = attrs.field(factory=ChunkReader)
    #: offset at which the package ends, -1 outside of one
    package_end: int = attrs.field(default=-1, metadata={"relative": "offset"})
    #: may a subsection of the configuration follow?
    configured: bool = False

    def read(self, view: memoryview, at: int, items: list[Item]) -> int:
        """Adds the item that begins at ``at``; where the next one begins."""
        limit = len(view)
        if self.package_end >= 0:
            limit = min(limit, at + self.package_end - self.offset)
        cursor = Cursor(view, at, limit, at)
        try:
            self._item(cursor, items)
        except IncompleteError as error:
            if 0 <= self.package_end < self.offset + error.needed:
                raise CorruptError(
                    f"the package ends within: {self.state.value}"
                ) from None
            raise
        self.offset += cursor.at - at
        if self.offset == self.package_end and self.state is State.ITEM:
            nothing = Cursor(view, at, at, at)
            items.append(PackageEnd(**self._where(nothing)))
            self.package_end = -1
        return cursor.at

    def _where(self, cursor: Cursor) -> Where:
        """The place of an item from the cursor's begin up to it."""
        return Where(
            offset=self.offset,
            end=self.offset + cursor.at - cursor.begin,
            packaged=self.package_end >= 0,
        )

    def _item(self, cursor: Cursor, items: list[Item]) -> None:
        """Reads one item."""
        match self.state:
            case State.CHUNKS:
                self._chunk(cursor, items)
            case State.UNKNOWN:
                self._unknown(cursor, items)
            case State.ITEM:
                items.append(self._outer(cursor))
            case State.FOOTER:
                items.append(self._footer(cursor))
            case State.HEADER:
                items.append(self._header(cursor))
            case State.AFTER:
                items.append(self._description(cursor))
            case State.OVER:
                raise CorruptError("bytes after the end of the stream")
            case _:
                raw = payload.known(
                    cursor, self.current.idstr, self.state is State.RAM_START
                )
                items.append(self._device(cursor, raw))
                self.state = State.FOOTER

    def _header(self, cursor: Cursor) -> Header:
        magic = cursor.be32()
        if magic != MAGIC:
            raise CorruptError(f"magic {magic:#010x}, expected {MAGIC:#010x}")
        version = cursor.be32()
        if version != STREAM_VERSION:
            raise VersionError(
                f"stream version {version}, expected {STREAM_VERSION}"
            )
        self.state = State.ITEM
        return Header(**self._where(cursor), version=version)

    def _outer(self, cursor: Cursor) -> Item:
        """An item that stands in no section, or the begin of a section."""
        mark = cursor.u8()
        configured, self.configured = self.configured, mark == Mark.SUBSECTION
        match mark:
            case Mark.SECTION_START | Mark.SECTION_FULL:
                return self._named(cursor, mark)
            case Mark.SECTION_PART | Mark.SECTION_END:
                return self._known(cursor, mark)
            case Mark.COMMAND:
                return self._command(cursor)
            case Mark.END_OF_STREAM:
                if self.package_end >= 0:
                    raise CorruptError("the stream ends inside a package")
                self.state = State.AFTER
                return EndOfStream(**self._where(cursor))
            case Mark.CONFIGURATION:
                return self._configuration(cursor)
            case Mark.SUBSECTION if configured:
                return self._subsection(cursor)
        raise CorruptError(f"no item begins with {mark:#04x}")

    def _configuration(self, cursor: Cursor) -> Configuration:
        length = cursor.be32()
        if length > MAX_MACHINE:
            raise LimitError(
                f"the machine's name has {length} bytes; allowed are"
                f" {MAX_MACHINE}"
            )
        raw = cursor.raw(length)
        machine = text_of(raw, "the machine's name")
        self.configured = True
        return Configuration(**self._where(cursor), machine=machine, raw=raw)

    def _subsection(self, cursor: Cursor) -> Subsection:
        name, version = cursor.name("a subsection's name"), cursor.be32()
        return Subsection(
            name=name,
            version=version,
            raw=payload.subsection(cursor, name),
            **self._where(cursor),
        )

    def _command(self, cursor: Cursor) -> Command | PackageBegin:
        number, length = cursor.be16(), cursor.be16()
        data = cursor.raw(length)
        if number == CommandKind.PACKAGED:
            if self.package_end >= 0:
                raise CorruptError("a package inside a package")
            if length != 4:
                raise CorruptError(f"PACKAGED has {length} bytes, expected 4")
            where = self._where(cursor)
            self.package_end = where["end"] + int.from_bytes(data)
            return PackageBegin(**where, length=int.from_bytes(data))
        kind = COMMANDS.get(number, number)
        return Command(**self._where(cursor), kind=kind, data=data)

    def _named(self, cursor: Cursor, mark: int) -> SectionStart:
        section_id, idstr = cursor.be32(), cursor.name("a section's name")
        instance, version = cursor.be32(), cursor.be32()
        expected = SECTION_VERSIONS.get(idstr, version)
        if version != expected:
            raise VersionError(
                f"section {idstr!r} has version {version}, expected {expected}"
            )
        section = Section(section_id, idstr)
        if self.sections.setdefault(section_id, section) != section:
            raise CorruptError(
                f"section id {section_id} is"
                f" {self.sections[section_id].idstr!r} and {idstr!r}"
            )
        if len(self.sections) > MAX_SECTIONS:
            raise LimitError(f"more than {MAX_SECTIONS} sections")
        self._enter(section, first=True)
        return SectionStart(
            **self._where(cursor),
            kind=KINDS[mark],
            id=section_id,
            idstr=idstr,
            instance=instance,
            version=version,
        )

    def _known(self, cursor: Cursor, mark: int) -> SectionPart | SectionEnd:
        section_id = cursor.be32()
        section = self.sections.get(section_id)
        if section is None:
            raise CorruptError(f"section id {section_id} was not started")
        self._enter(section, first=False)
        make = SectionPart if mark == Mark.SECTION_PART else SectionEnd
        return make(**self._where(cursor), id=section_id, idstr=section.idstr)

    def _enter(self, section: Section, *, first: bool) -> None:
        self.current = section
        if section.idstr == DIRTY_BITMAP:
            self.state = State.CHUNKS
        elif section.idstr == RAM:
            self.state = State.RAM_START if first else State.RAM_PART
        elif section.idstr in FIXED_PAYLOADS:
            self.state = State.FIXED
        else:
            self.state = State.UNKNOWN

    def _chunk(self, cursor: Cursor, items: list[Item]) -> None:
        chunk, flags = self.chunks.read(cursor)
        where = self._where(cursor)
        if isinstance(chunk, EndOfSection):
            items.append(EndOfSection(**where))
        else:
            items.append(ChunkItem(**where, chunk=chunk, flags=flags))
            if MEANINGS[flags].eos:
                where["offset"] = where["end"]
                items.append(EndOfSection(**where))
        if MEANINGS[flags].eos:
            self.state = State.FOOTER

    def _unknown(self, cursor: Cursor, items: list[Item]) -> None:
        """Payload up to where the footer may begin."""
        begin = cursor.begin
        remaining = payload.LOOK
        last = False
        if self.package_end >= 0:
            remaining = self.package_end - self.offset
            last = cursor.limit - begin == remaining
        end, found = payload.unknown(cursor, self.current.id, last)
        if last and not found:
            raise CorruptError(
                f"the package ends inside section {self.current.idstr!r}"
            )
        if end > begin:
            raw = cursor.raw(end - begin)
            items.append(self._device(cursor, raw))
        elif not found:
            raise IncompleteError(min(payload.LOOK, remaining))
        if found:
            self.state = State.FOOTER

    def _device(self, cursor: Cursor, raw: bytes) -> DevicePayload:
        return DevicePayload(
            **self._where(cursor), idstr=self.current.idstr, raw=raw
        )

    def _footer(self, cursor: Cursor) -> Footer:
        mark = cursor.u8()
        if mark != Mark.FOOTER:
            raise CorruptError(
                f"section {self.current.idstr!r} goes on with {mark:#04x},"
                " expected its footer"
            )
        section_id = cursor.be32()
        if section_id != self.current.id:
            raise CorruptError(
                f"the footer of section {self.current.id} has id {section_id}"
            )
        self.state = State.ITEM
        return Footer(**self._where(cursor), id=section_id)

    def _description(self, cursor: Cursor) -> VmDescription:
        mark = cursor.u8()
        if mark != Mark.VM_DESCRIPTION:
            raise CorruptError("bytes after the end of the stream")
        length = cursor.be32()
        if length > MAX_DESCRIPTION:
            raise LimitError(
                f"the VM's description has {length} bytes; allowed are"
                f" {MAX_DESCRIPTION}"
            )
        text = text_of(cursor.raw(length), "the VM's description")
        self.state = State.OVER
        return VmDescription(**self._where(cursor), text=text)
