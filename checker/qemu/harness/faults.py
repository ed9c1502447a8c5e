# SPDX-License-Identifier: GPL-2.0-or-later
"""What goes wrong in a migration, and where.

The rule: everything that is known of a kind of fault stands in its line of
``FaultKind``; who makes it happen is the proxy (``proxy.py``), or the runner
for what a connection cannot do.  A fault has a text form,
``cut@bits:0+middle``, that people type.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import Final, Self

import attrs

from checker.input.errors import InputError
from checker.qemu.harness.places import Place, Within
from checker.stateful.adapter import Side

#: kinds after which nothing more comes through the connection
CONNECTION_ENDS: Final = "connection-ends"
NO_FAULT: Final = "none"  # the word for a migration in which nothing fails


class FaultKind(enum.Enum):
    """The kinds of fault; ``value`` is the word that people type.

    ``what``: what happens.  ``group``: the word for several kinds in
    ``known.toml``, or ''.  ``kills``: the side whose process dies.
    ``natural``: can it happen outside of a test?  Campaigns try only those.
    """

    _value_: str
    what: str
    group: str
    kills: Side | None
    natural: bool

    def __new__(
        cls,
        word: str,
        what: str,
        group: str = "",
        kills: Side | None = None,
        natural: bool = True,
    ) -> Self:
        """Make a member of its line."""
        made = object.__new__(cls)
        made._value_ = word
        made.what = what
        made.group = group
        made.kills = kills
        made.natural = natural
        return made

    CUT = "cut", "both connections are closed", CONNECTION_ENDS
    HALF_CLOSE = (
        "half-close",
        "the receiver sees the end, the sender sees nothing",
        CONNECTION_ENDS,
    )
    STALL = (
        "stall",
        "nothing more arrives, and neither side is told",
        CONNECTION_ENDS,
    )
    DROP = (
        *("drop", "the rest of the item is lost, the stream goes on"),
        *("", None, False),  # no network loses a piece of a stream unseen
    )
    KILL_SOURCE = "kill-source", "the source is killed", "", Side.SOURCE
    KILL_DESTINATION = (
        *("kill-destination", "the destination is killed"),
        *("", Side.DESTINATION),
    )
    CANCEL = "cancel", "management says migrate_cancel"

    @classmethod
    def that_kills(cls, side: Side) -> FaultKind:
        """Return the kind by which a side's process dies."""
        return next(kind for kind in cls if kind.kills is side)


#: the words for kinds of fault, and for several of them
KIND_WORDS: Final = tuple(
    dict.fromkeys(
        word for k in FaultKind for word in (k.group, k.value) if word
    )
)


def words_of_kinds(words: Iterable[str]) -> tuple[str, ...]:
    """Return the words with each group replaced by its kinds' words."""
    found: dict[str, None] = {}
    for word in words:
        group = [kind.value for kind in FaultKind if kind.group == word]
        found |= dict.fromkeys(group or [word])
    return tuple(found)


@attrs.frozen
class Fault:
    """Something that goes wrong at a place."""

    kind: FaultKind
    place: Place

    def __str__(self) -> str:
        return f"{self.kind.value} at {self.place}"


def kind_word(fault: Fault | None) -> str:
    """Return the word of the fault's kind, ``none`` without a fault."""
    return NO_FAULT if fault is None else fault.kind.value


def fault_text(fault: Fault | None) -> str:
    """Return ``cut@bits:0+middle``; '' for no fault."""
    return "" if fault is None else f"{fault.kind.value}@{fault.place}"


def parse_fault(text: str) -> Fault:
    """Return the fault that ``fault_text`` shows; InputError if none."""
    word, sign, place = text.partition("@")
    kinds = {kind.value: kind for kind in FaultKind}
    if not sign or word not in kinds:
        raise InputError(
            f"{text!r}: no fault; like cut@bits:0+middle, with one of "
            f"{', '.join(kinds)}"
        )
    try:
        fault = Fault(kinds[word], Place.parse(place))
        if fault.kind is FaultKind.DROP and fault.place.offset is Within.AFTER:
            raise ValueError(f"{text!r}: nothing is left to drop")
        return fault
    except ValueError as error:
        raise InputError(str(error)) from None
