# SPDX-License-Identifier: GPL-2.0-or-later
"""Where in a migration something happens.

The rule: a place names an item of the stream by its label and its number
among those, not by its offset in the stream: how many empty ``ram.part`` a
source sends while it waits is up to the clock, all other labels come as often
in every run.  A place has a text form, ``bits:1+middle``, that people type.
"""

from __future__ import annotations

import enum
from typing import Final

import attrs

from reference.wire.bits import BitsRun
from reference.wire.chunks import Complete, EndOfSection, Start
from reference.wire.return_path import OtherMessage, Pong, ReturnMessage, Shut
from reference.wire.stream import (
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

#: sent as often as the source's clock wants, so not a place to count on
UNCOUNTED: Final = frozenset({"ram.part", "ram.payload", "ram.footer"})
RETURN_LABELS: Final = ("pong", "shut", "return")


class Within(enum.Enum):
    """Where in an item, if not at a byte."""

    BEFORE = "before"
    MIDDLE = "middle"
    AFTER = "after"


@attrs.frozen
class Place:
    """In or beside the item ``number`` of those labelled ``item``.

    ``offset``: so many bytes into the item, or a word.
    """

    item: str
    number: int = 0
    offset: int | Within = Within.BEFORE

    def __str__(self) -> str:
        offset = self.offset
        word = offset.value if isinstance(offset, Within) else str(offset)
        return f"{self.item}:{self.number}+{word}"

    @classmethod
    def parse(cls, text: str) -> Place:
        """Return the place that ``str`` shows so; ValueError if none.

        The number may be left out, and so may the offset.
        """
        head, _, tail = text.partition("+")
        item, _, number = head.partition(":")
        if not item:
            raise ValueError(f"{text!r}: no item; bits:1+middle is a place")
        try:
            count = int(number or "0")
            offset = int(tail) if tail.isdigit() else Within(tail or "before")
        except ValueError:
            raise ValueError(
                f"{text!r}: no place; like bits:1+middle, with before, "
                "middle, after or a number of bytes"
            ) from None
        return cls(item, count, offset)

    @property
    def returning(self) -> bool:
        """Return whether the item is one of the return path."""
        return self.item in RETURN_LABELS

    def inside(self, length: int) -> bool:
        """Return whether an item of ``length`` bytes has such a place."""
        return isinstance(self.offset, Within) or self.offset <= length

    def cut_at(self, length: int) -> int:
        """Return how many bytes of such an item come before the place."""
        match self.offset:
            case Within.BEFORE:
                return 0
            case Within.MIDDLE:
                return length // 2
            case Within.AFTER:
                return length
        return min(self.offset, length)


@attrs.frozen
class Passage:
    """An item that came to the proxy; ``seconds`` since the proxy began.

    ``begin``, ``end``: its bytes in the stream.  ``sent``: how many of them
    were sent on.  ``lost``: it came when nothing was sent on any more.
    """

    label: str
    number: int
    begin: int
    end: int
    sent: int
    seconds: float
    packaged: bool = False
    returning: bool = False
    lost: bool = False

    @property
    def whole(self) -> bool:
        """Return whether all of it was sent on."""
        return not self.lost and self.sent == self.end - self.begin


@attrs.define
class Labels:
    """Gives the items of one stream their labels and numbers."""

    sections: dict[int, str] = attrs.field(factory=dict)
    counts: dict[str, int] = attrs.field(factory=dict)

    def number(self, label: str) -> int:
        """Return the number of the next item with this label."""
        number = self.counts.get(label, 0)
        self.counts[label] = number + 1
        return number

    def of(self, item: Item) -> str:
        """Return the label of an item."""
        match item:
            case ChunkItem():
                return _chunk_label(item)
            case SectionStart():
                self.sections[item.id] = item.idstr
                return f"{item.idstr}.{item.kind.value}"
            case SectionPart():
                return f"{item.idstr}.part"
            case SectionEnd():
                return f"{item.idstr}.end"
            case Footer():
                return f"{self.sections.get(item.id, item.id)}.footer"
            case DevicePayload():
                return f"{item.idstr}.payload"
            case Command():
                if isinstance(item.kind, CommandKind):
                    return item.kind.name.lower().replace("_", "-")
                return f"command-{item.kind}"
        for kind, label in _SINGLE.items():
            if isinstance(item, kind):
                return label
        return "broken"


_SINGLE: Final[dict[type, str]] = {
    Header: "header",
    Configuration: "configuration",
    Subsection: "subsection",
    PackageBegin: "package",
    PackageEnd: "package-end",
    EndOfSection: "eos",
    EndOfStream: "eof",
    VmDescription: "vm-description",
}


def _chunk_label(item: ChunkItem) -> str:
    match item.chunk:
        case Start():
            return "start"
        case BitsRun():
            return "bits"
        case Complete():
            return "complete"
        case EndOfSection():
            return "eos"


def return_label(message: ReturnMessage) -> str:
    """Return the label of a message of the return path."""
    match message:
        case Pong():
            return "pong"
        case Shut():
            return "shut"
        case OtherMessage():
            return "return"
    return "broken"
