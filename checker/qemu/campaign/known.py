# SPDX-License-Identifier: GPL-2.0-or-later
"""What is known to deviate in which QEMU, to tell it from what is new.

The rule: an entry says what somebody's own runs showed, under which
conditions, and the command that shows it again.  It covers nothing beyond
its conditions: the same violation elsewhere is new.
"""

from __future__ import annotations

import functools
import re
import tomllib
from fnmatch import fnmatchcase
from importlib.resources import files
from typing import Annotated, Any, Final, Literal, TypeVar

import attrs

from checker.input.errors import BadFileError, InputError
from checker.input.strict import TOML, Reader, one_of, string, structured
from checker.qemu.campaign.campaign import Pair, Result
from checker.qemu.campaign.violation import GUARANTEES, Violation
from checker.qemu.harness.binary import Build
from checker.qemu.harness.places import FaultKind
from checker.qemu.harness.scenario import Mode, Storage, Then

FILE: Final = "known.toml"
_ANY: Final = ("*",)
T = TypeVar("T")


def series(text: Any) -> tuple[int, ...]:
    """7.2 as (7, 2); ValueError for anything else."""
    parts = string(text).split(".")
    if len(parts) != 2 or not all(part.isdigit() for part in parts):
        raise ValueError(f"{text!r} is no series like 7.2")
    return tuple(map(int, parts))


def pattern(text: Any) -> str:
    """A regular expression; ValueError for anything else."""
    try:
        re.compile(string(text))
    except re.error as error:
        raise ValueError(str(error)) from None
    return str(text)


def entry(kind: type[T], file: str, table: dict[str, Any]) -> T:
    """An entry of a file; InputError, which names it, if it is none."""
    where = f"{file}: {table.get('id', '?')}"
    try:
        return structured(kind, table, TOML, where)
    except BadFileError as error:
        raise InputError(str(error)) from None


Series = Annotated[tuple[int, ...], Reader(series)]
Pattern = Annotated[str, Reader(pattern)]
Severity = Literal["critical", "high", "medium", "low"]
ModeWord = Annotated[str, one_of(each.value for each in Mode)]
_Fault = Annotated[str, one_of(("none", *(k.value for k in FaultKind)))]
_Storage = Annotated[str, one_of(each.value for each in Storage)]
_Then = Annotated[str, one_of(each.value for each in Then)]


@attrs.frozen(kw_only=True)
class Deviation:
    """An expected violation; what is empty or None allows anything.

    ``since``, ``until``: the series 7.2 as (7, 2), both included.
    ``places``: patterns such as ``eof:*`` of a fault's place.
    """

    id: str
    guarantees: tuple[Annotated[str, one_of(GUARANTEES)], ...]
    what: str
    command: str
    severity: Severity
    label: str
    since: Series
    until: Series
    #: the versions on which it was seen
    seen: tuple[str, ...]
    faults: tuple[_Fault, ...]
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

    def covers(self, build: Build) -> bool:
        """Is it known of that build?"""
        return self.since <= build.version[:2] <= self.until

    def concerns(self, pair: Pair) -> bool:
        """Is it known of the side, or of one of both, that is to blame?"""
        sides = {"source": pair.source, "destination": pair.destination}
        chosen = sides.values() if self.side == "both" else [sides[self.side]]
        return any(self.covers(build) for build in chosen)

    def explains(self, result: Result, violation: Violation) -> bool:
        """Does the violation happen under these conditions?"""
        case = result.case
        fault = "none" if case.fault is None else case.fault.kind.value
        place = "" if case.fault is None else str(case.fault.place)
        tests = (
            (self.return_path, case.return_path),
            (self.persistent, case.persistent),
            (self.carried, bool(case.bitmaps)),
            (self.several_nodes, case.nodes > 1),
        )
        return (
            violation.guarantee in self.guarantees
            and fault in self.faults
            and (not self.modes or case.mode.value in self.modes)
            and (not self.storages or case.storage.value in self.storages)
            and (not self.thens or case.then.value in self.thens)
            and all(want is None or want == is_ for want, is_ in tests)
            and any(fnmatchcase(place, each) for each in self.places)
            and re.search(self.text, violation.text) is not None
            and re.search(self.where, violation.where) is not None
        )


@attrs.frozen
class Known:
    """All entries, and the builds that are run."""

    deviations: tuple[Deviation, ...]
    pair: Pair

    def of(self, result: Result, violation: Violation) -> Deviation | None:
        """The entry that tells of it; None if it is new."""
        for each in self.deviations:
            if each.concerns(self.pair) and each.explains(result, violation):
                return each
        return None

    def new(self, result: Result) -> list[Violation]:
        """The violations that no entry tells of."""
        return [one for one in result.violations if not self.of(result, one)]


@functools.cache
def shipped() -> tuple[Deviation, ...]:
    """The entries of the file beside this module."""
    path = files("checker.qemu.campaign") / FILE
    return read(path.read_text("utf-8"))


def read(text: str) -> tuple[Deviation, ...]:
    """The entries of a file's text.  Raises InputError."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{FILE}: {error}") from None
    found = tuple(
        entry(Deviation, FILE, table) for table in data.get("deviation", [])
    )
    ids = [each.id for each in found]
    for name in ids:
        if ids.count(name) > 1:
            raise InputError(f"{FILE}: {name}: is there twice")
    return found
