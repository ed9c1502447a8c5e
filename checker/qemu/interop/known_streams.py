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
from typing import Any, Final

import attrs

from checker.input.errors import InputError
from checker.qemu.campaign.expected import (
    SEVERITIES,
    Expected,
    check_words,
    series,
)
from checker.qemu.harness.binary import Build
from checker.qemu.harness.scenario import Mode
from checker.qemu.interop.malformed import BAD, Outcome

FILE: Final = "known_streams.toml"
_LISTS: Final = frozenset({"seen", "modes"})
_WORDS: Final = frozenset(
    {"id", "kind", "signature", "what", "severity", "since", "until", "stream"}
)


@attrs.frozen(kw_only=True)
class KnownStream(Expected):
    """A crash, or a hang, that is expected.

    ``kind``: "crashed" or "hung".  ``signature``: a regular expression.
    ``stream``: one that shows it, for the first of ``modes``.
    """

    kind: str
    signature: str
    modes: tuple[str, ...]
    stream: bytes

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
    return tuple(map(_entry, data.get("stream", [])))


def _entry(entry: dict[str, Any]) -> KnownStream:
    where = f"{FILE}: {entry.get('id', '?')}"
    for word in sorted((_WORDS | _LISTS) - entry.keys()):
        raise InputError(f"{where}: has no {word}")
    for word in entry.keys() - _WORDS - _LISTS:
        raise InputError(f"{where}: {word} means nothing")
    check_words(where, [entry["kind"]], [kind.value for kind in BAD])
    check_words(where, [entry["severity"]], SEVERITIES)
    check_words(where, entry["modes"], [mode.value for mode in Mode])
    try:
        re.compile(entry["signature"])
        stream = bytes.fromhex(entry["stream"])
    except (re.error, ValueError) as error:
        raise InputError(f"{where}: {error}") from None
    made: dict[str, Any] = {
        word: tuple(entry[word]) if word in _LISTS else str(entry[word])
        for word in _WORDS | _LISTS
    }
    made["since"] = series(where, entry["since"])
    made["until"] = series(where, entry["until"])
    made["stream"] = stream
    return KnownStream(**made)
