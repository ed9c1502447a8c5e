# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the content of sections other than dirty-bitmap ends.

The rule (DOMAIN.md, section 7): timer and globalstate have a fixed size,
ram without content is one or two words.  The length of any other payload is
not on the wire: it is taken to end before the first footer with the id of
the section that is followed by a byte which can begin an item.  This needs
one byte more than the footer, and device state that holds these six bytes by
chance is cut too early; what then follows is most likely reported as
corrupt.  Streams without footers and ram with content are not read.  QEMU's
counterparts: ``vmstate_load``, ``check_section_footer``.
"""

from __future__ import annotations

import struct
from typing import Final

from reference.errors import CorruptError, LimitError
from reference.wire.fragments import Cursor
from reference.wire.stream import FIXED_PAYLOADS, RAM, Mark

#: the words of ram's first part: its size, 0, with a flag; the end
RAM_EMPTY: Final = (0x4, 0x10)
SCAN: Final = 4096  # bytes to look at, at a time
FOOTER_BYTES: Final = 5
LOOK: Final = FOOTER_BYTES + 1
AFTER_FOOTER: Final = frozenset(
    {
        Mark.END_OF_STREAM,
        Mark.SECTION_START,
        Mark.SECTION_PART,
        Mark.SECTION_END,
        Mark.SECTION_FULL,
        Mark.COMMAND,
    }
)
#: bytes in the subsections of the configuration that have a fixed size
SUBSECTION_BYTES: Final = {
    "configuration/target-page-bits": 4,
    "configuration/uuid": 16,
}
CAPABILITIES: Final = "configuration/capabilities"  # be32 count, names
MAX_CAPABILITIES: Final = 256


def known(cursor: Cursor, idstr: str, first: bool) -> bytes:
    """The payload of a section whose format is known.

    ``first`` matters for ram only, whose first part is longer.  Ram that
    has content is a CorruptError.
    """
    if idstr != RAM:
        return cursor.raw(FIXED_PAYLOADS[idstr])
    for expected in RAM_EMPTY if first else RAM_EMPTY[1:]:
        word = cursor.be64()
        if word != expected:
            raise CorruptError(
                f"ram holds {word:#x}, expected {expected:#x}: only a VM"
                " without RAM is read"
            )
    return bytes(cursor.view[cursor.begin : cursor.at])


def unknown(cursor: Cursor, section_id: int, last: bool) -> tuple[int, bool]:
    """Up to where the bytes are payload, and whether the footer begins there.

    ``last`` says that no byte will come after those that are there.  The
    cursor stays where it is.
    """
    footer = struct.pack(">BI", Mark.FOOTER, section_id)
    view, limit, at = cursor.view, cursor.limit, cursor.begin
    while True:
        end = min(at + SCAN, limit)
        place = bytes(view[at:end]).find(footer)
        if place < 0:
            at = max(end - FOOTER_BYTES + 1, at)
            if end == limit:
                return at, False
            continue
        at += place
        after = at + FOOTER_BYTES
        if after == limit:
            return at, last
        if view[after] in AFTER_FOOTER:
            return at, True
        at += 1


def subsection(cursor: Cursor, name: str) -> bytes:
    """The body of a subsection of the configuration.

    One that is not known is a CorruptError: its end cannot be found.
    """
    begin = cursor.at
    if name == CAPABILITIES:
        count = cursor.be32()
        if count > MAX_CAPABILITIES:
            raise LimitError(
                f"{count} capabilities; allowed are {MAX_CAPABILITIES}"
            )
        for _ in range(count):
            cursor.ahead(cursor.u8())
    elif name in SUBSECTION_BYTES:
        cursor.ahead(SUBSECTION_BYTES[name])
    else:
        raise CorruptError(f"no subsection {name!r} is known")
    return bytes(cursor.view[begin : cursor.at])
