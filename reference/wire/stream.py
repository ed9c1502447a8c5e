# SPDX-License-Identifier: GPL-2.0-or-later
"""The items that a migration stream consists of.

The rule: every byte of a good stream belongs to exactly one item, from
``offset`` up to but not including ``end``, counted from the stream's first
byte.  ``packaged`` says that the item came inside a package.  The names are
QEMU's, from ``qemu_loadvm_state_main`` and ``loadvm_process_command``.
"""

from __future__ import annotations

import enum
from typing import TypeAlias

import attrs

from reference.errors import StreamError
from reference.wire.bits import BitsRun
from reference.wire.chunks import Chunk, EndOfSection

MAGIC = 0x5145564D  # "QEVM"
STREAM_VERSION = 3
DIRTY_BITMAP = "dirty-bitmap"
RAM = "ram"
#: the version of each section that this code speaks
SECTION_VERSIONS = {
    DIRTY_BITMAP: 1,
    RAM: 4,
    "timer": 2,
    "globalstate": 1,
}
#: bytes of payload of the sections that have a fixed size
FIXED_PAYLOADS = {"timer": 24, "globalstate": 104}


class Mark(enum.IntEnum):
    """The byte that an item begins with."""

    END_OF_STREAM = 0x00
    SECTION_START = 0x01
    SECTION_PART = 0x02
    SECTION_END = 0x03
    SECTION_FULL = 0x04
    SUBSECTION = 0x05
    VM_DESCRIPTION = 0x06
    CONFIGURATION = 0x07
    COMMAND = 0x08
    FOOTER = 0x7E


class SectionKind(enum.Enum):
    """How a section that carries its name begins."""

    START = "start"  # more parts may follow
    FULL = "full"  # this is all


class CommandKind(enum.IntEnum):
    """The commands that are known; others are kept as plain numbers."""

    OPEN_RETURN_PATH = 1
    PING = 2
    POSTCOPY_ADVISE = 3
    POSTCOPY_LISTEN = 4
    POSTCOPY_RUN = 5
    POSTCOPY_RAM_DISCARD = 6
    PACKAGED = 7
    POSTCOPY_RESUME = 8
    RECV_BITMAP = 9
    ENABLE_COLO = 10
    SWITCHOVER_START = 11


@attrs.frozen(kw_only=True)
class Placed:
    """What all items have."""

    offset: int
    end: int
    packaged: bool = False


@attrs.frozen(kw_only=True)
class Header(Placed):
    """Magic and version of the stream."""

    version: int


@attrs.frozen(kw_only=True)
class Configuration(Placed):
    """The source's machine; ``raw`` are the bytes that name it."""

    machine: str
    raw: bytes


@attrs.frozen(kw_only=True)
class Subsection(Placed):
    """An optional part of the configuration, known by its name."""

    name: str
    version: int
    raw: bytes


@attrs.frozen(kw_only=True)
class SectionStart(Placed):
    """The begin of a section that says its name: START or FULL."""

    kind: SectionKind
    id: int
    idstr: str
    instance: int
    version: int


@attrs.frozen(kw_only=True)
class SectionPart(Placed):
    """The begin of a further part of a section; the name is from START."""

    id: int
    idstr: str


@attrs.frozen(kw_only=True)
class SectionEnd(Placed):
    """The begin of a section's last part (QEMU's postcopy ends ram twice)."""

    id: int
    idstr: str


@attrs.frozen(kw_only=True)
class ChunkItem(Placed):
    """A chunk, or a run of chunks of equal shape without names.

    How chunks are put together into runs depends on how the stream was cut
    into fragments.  ``flags`` is the first byte of each.
    """

    chunk: Chunk
    flags: int

    def split(self) -> list[ChunkItem]:
        """The same, one item per chunk."""
        if not isinstance(self.chunk, BitsRun) or self.chunk.chunks == 1:
            return [self]
        each = (self.end - self.offset) // self.chunk.chunks
        return [
            attrs.evolve(
                self,
                chunk=chunk,
                offset=self.offset + index * each,
                end=self.offset + (index + 1) * each,
            )
            for index, chunk in enumerate(self.chunk.split())
        ]


@attrs.frozen(kw_only=True)
class Footer(Placed):
    """The end of a section, which repeats the section's id."""

    id: int


@attrs.frozen(kw_only=True)
class DevicePayload(Placed):
    """Content of a section other than dirty-bitmap.

    Of a section that is not known it may come in several items, cut as the
    stream was cut into fragments.
    """

    idstr: str
    raw: bytes


@attrs.frozen(kw_only=True)
class Command(Placed):
    """A command to the destination; of an unknown kind, its number."""

    kind: CommandKind | int
    data: bytes


@attrs.frozen(kw_only=True)
class PackageBegin(Placed):
    """The command PACKAGED: ``length`` bytes of nested stream follow."""

    length: int


@attrs.frozen(kw_only=True)
class PackageEnd(Placed):
    """The nested stream is over; no bytes."""


@attrs.frozen(kw_only=True)
class EndOfStream(Placed):
    """The stream is complete; a description of the VM may follow."""


@attrs.frozen(kw_only=True)
class VmDescription(Placed):
    """JSON that describes the device sections; for people."""

    text: str


@attrs.frozen(kw_only=True)
class Broken(Placed):
    """The stream cannot be read on; always the last item."""

    error: StreamError


Item: TypeAlias = (
    Header
    | Configuration
    | Subsection
    | SectionStart
    | SectionPart
    | SectionEnd
    | ChunkItem
    | EndOfSection
    | Footer
    | DevicePayload
    | Command
    | PackageBegin
    | PackageEnd
    | EndOfStream
    | VmDescription
    | Broken
)
