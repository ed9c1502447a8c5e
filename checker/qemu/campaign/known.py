# SPDX-License-Identifier: GPL-2.0-or-later
"""What is known to deviate in which QEMU, to tell it from what is new.

The rule: an entry says what a run showed, under which conditions, and the
command that shows it again.  It covers nothing beyond
its conditions: the same violation elsewhere is new.
"""

from __future__ import annotations

import functools
import re
import tomllib
from fnmatch import fnmatchcase
from importlib.resources import files
from typing import Annotated, Any, Final, Literal

import attrs

from checker.input.errors import InputError
from checker.input.strict import Reader, one_of
from checker.qemu.campaign.expected import (
    Expected,
    ModeWord,
    Pattern,
    entry,
)
from checker.qemu.campaign.result import Result
from checker.qemu.campaign.violation import GUARANTEES, Violation
from checker.qemu.harness.builds import Builds
from checker.qemu.harness.faults import (
    KIND_WORDS,
    NO_FAULT,
    kind_word,
    words_of_kinds,
)
from checker.qemu.harness.scenario import Storage, Then

FILE: Final = "known.toml"
_ANY: Final = ("*",)


def _kinds(words: Any) -> tuple[str, ...]:
    """Return the words of faults; a group stands for its kinds."""
    if not isinstance(words, list):
        raise ValueError("faults is not a list")
    known = one_of((*KIND_WORDS, NO_FAULT))
    return words_of_kinds([known.read(word) for word in words])


_Storage = Annotated[str, one_of(each.value for each in Storage)]
_Then = Annotated[str, one_of(each.value for each in Then)]


@attrs.frozen(kw_only=True)
class Deviation(Expected):
    """An expected violation; an empty field or None allows anything.

    ``places``: patterns such as ``eof:*`` of a fault's place.
    """

    guarantees: tuple[Annotated[str, one_of(GUARANTEES)], ...]
    command: str
    label: str
    faults: Annotated[tuple[str, ...], Reader(_kinds)]
    modes: tuple[ModeWord, ...] = ()
    storages: tuple[_Storage, ...] = ()
    thens: tuple[_Then, ...] = ()
    places: tuple[str, ...] = _ANY
    #: regular expressions of what a violation says, and of whom
    text: Pattern = ""
    where: Pattern = ""
    side: Literal["source", "destination", "both"] = "both"
    return_path: bool | None = None
    persistent: bool | None = None
    #: are there bitmaps at all?
    carried: bool | None = None
    several_nodes: bool | None = None

    def concerns(self, builds: Builds) -> bool:
        """Return whether it is known of the side, or of a side, to blame."""
        sides = {"source": builds.source, "destination": builds.destination}
        chosen = sides.values() if self.side == "both" else [sides[self.side]]
        return any(self.covers(build) for build in chosen)

    def explains(self, result: Result, violation: Violation) -> bool:
        """Return whether the violation happens under these conditions."""
        case = result.case
        place = "" if case.fault is None else str(case.fault.place)
        tests = (
            (self.return_path, case.return_path),
            (self.persistent, case.persistent),
            (self.carried, bool(case.bitmaps)),
            (self.several_nodes, case.nodes > 1),
        )
        return (
            violation.guarantee in self.guarantees
            and kind_word(case.fault) in self.faults
            and (not self.modes or case.mode.value in self.modes)
            and (not self.storages or case.storage.value in self.storages)
            and (not self.thens or case.then.value in self.thens)
            and all(want is None or want == is_ for want, is_ in tests)
            and any(fnmatchcase(place, each) for each in self.places)
            and re.search(self.text, violation.text) is not None
            and re.search(self.where, violation.where) is not None
        )

    @property
    def breaks(self) -> str:
        """Return the guarantees that it breaks: 'S6 S4'."""
        return " ".join(self.guarantees)

    @property
    def conditions(self) -> str:
        """Return under which conditions it is expected, in words."""
        found = [*self.modes]
        flags = (
            (self.return_path, "with return path", "without return path"),
            (self.persistent, "persistent bitmaps", "transient bitmaps"),
            (self.carried, "with bitmaps", "without bitmaps"),
            (self.several_nodes, "on several nodes", "on one node"),
        )
        found += [
            yes if flag else no for flag, yes, no in flags if flag is not None
        ]
        found += [f"{word} storage" for word in self.storages]
        found += [f"then {word}" for word in self.thens]
        kinds = ", ".join(self.faults)
        found.append("no fault" if kinds == NO_FAULT else f"fault {kinds}")
        if self.places != _ANY:
            found.append(f"at {', '.join(self.places)}")
        return "; ".join(found)


@attrs.frozen
class Known:
    """The entries that are looked through, and the builds that are run."""

    deviations: tuple[Deviation, ...]
    builds: Builds

    def of(self, result: Result, violation: Violation) -> Deviation | None:
        """Return the entry that tells of it; None if it is new."""
        for each in self.deviations:
            if each.concerns(self.builds) and each.explains(result, violation):
                return each
        return None

    def new(self, result: Result) -> list[Violation]:
        """Return the violations that no entry tells of."""
        return [one for one in result.violations if not self.of(result, one)]


@functools.cache
def shipped() -> tuple[Deviation, ...]:
    """Return the entries of the file beside this module."""
    path = files("checker.qemu.campaign") / FILE
    return read(path.read_text("utf-8"))


def read(text: str) -> tuple[Deviation, ...]:
    """Return the entries of a file's text; InputError if it is wrong."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{FILE}: {error}") from None
    tables = data.get("deviation", [])
    found = tuple(entry(Deviation, FILE, table) for table in tables)
    ids = [each.id for each in found]
    for name in ids:
        if ids.count(name) > 1:
            raise InputError(f"{FILE}: {name}: is there twice")
    return found
