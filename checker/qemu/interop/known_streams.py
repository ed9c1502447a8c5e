# SPDX-License-Identifier: GPL-2.0-or-later
"""Which malformed streams are known to crash or to hang which QEMU.

The rule: as with the known deviations, an entry says what a run showed, and
holds the shortest stream that shows it again.  A crash that looks otherwise
is new.
"""

from __future__ import annotations

import functools
import re
import tomllib
from importlib.resources import files
from typing import Annotated, Any, Final

import attrs

from checker.input.errors import InputError
from checker.input.strict import Reader, one_of, string
from checker.qemu.campaign.expected import (
    Expected,
    ModeWord,
    Pattern,
    entry,
)
from checker.qemu.harness.binary import Build
from checker.qemu.interop.malformed import BAD, Outcome

FILE: Final = "known_streams.toml"


def _bytes(text: Any) -> bytes:
    return bytes.fromhex(string(text))


@attrs.frozen(kw_only=True)
class KnownStream(Expected):
    """A crash, or a hang, that is expected.

    ``kind``: "crashed" or "hung".  ``signature``: a regular expression.
    ``stream``: one that shows it, for the first of ``modes``.
    """

    kind: Annotated[str, one_of(sorted(kind.value for kind in BAD))]
    signature: Pattern
    modes: tuple[ModeWord, ...]
    stream: Annotated[bytes, Reader(_bytes)]

    @property
    def breaks(self) -> str:
        """Return what the process does: it crashed, or it hung."""
        return self.kind

    @property
    def conditions(self) -> str:
        """Return the modes in which it is expected, in words."""
        return " or ".join(self.modes)

    def explains(self, outcome: Outcome) -> bool:
        """Return whether the entry tells of this outcome."""
        return (
            outcome.kind.value == self.kind
            and outcome.stream.mode.value in self.modes
            and re.search(self.signature, outcome.signature) is not None
        )


def known_as(
    outcome: Outcome,
    build: Build,
    entries: tuple[KnownStream, ...] | None = None,
) -> KnownStream | None:
    """Return the entry that tells of it; None if it is new."""
    for each in shipped() if entries is None else entries:
        if each.covers(build) and each.explains(outcome):
            return each
    return None


@functools.cache
def shipped() -> tuple[KnownStream, ...]:
    """Return the entries of the file beside this module."""
    path = files("checker.qemu.interop") / FILE
    return read(path.read_text("utf-8"))


def read(text: str) -> tuple[KnownStream, ...]:
    """Return the entries of a file's text; InputError if it is wrong."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{FILE}: {error}") from None
    tables = data.get("stream", [])
    return tuple(entry(KnownStream, FILE, table) for table in tables)
