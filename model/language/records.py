# SPDX-License-Identifier: GPL-2.0-or-later
"""What a process holds, as a class in which each field is said once.

    @frozen(eq=False)
    class Source:
        vm: EnumValue[SourceVm] = enum_field(SourceVm.RUNNING, "the VM")
        cursor: Cursor = cursor_field("the next chunk", survives="")

    source = Source(**declare(Source, build, disk, "source."))
    anew(source, "attempt")       # the effect of the end of an attempt

A field says what it survives: nothing (it starts anew with each attempt), an
attempt, or the end of the process.
"""

from __future__ import annotations

import enum as enumeration
from collections.abc import Collection, Mapping
from typing import Any, Final, Literal, TypeVar

import attrs
from attrs import evolve, frozen

from model.language import expression as ex
from model.language.declarations import Declarations
from model.language.errors import ModelError
from model.language.sets import ChunkSet, GranuleSet
from model.language.types import (
    ChunkSetType,
    Disk,
    EnumType,
    GranuleSetType,
)
from model.language.values import NO, YES, EnumValue, Update, Value

Survives = Literal["", "attempt", "process"]
Ends = Literal["attempt", "process"]
_LIVES: Final = ("", "attempt", "process")
_KEY: Final = "dbmcheck"
_SETS: Final = {"granules": GranuleSet, "chunks": ChunkSet}
Record = TypeVar("Record")


@frozen(kw_only=True)
class Said:
    """What a class says of one field.

    ``of``: what there is a field for each of (say, a bitmap), or ''.
    ``only``: the word without which there is no such field, or ''.  Then it is
    a constant: ``absent`` if that is given, else ``initial``.
    ``ended``: its value after the process has ended.  ``chunk``: for contents,
    the field that names the chunk.
    """

    kind: str
    doc: str
    initial: Any
    ended: Any
    survives: Survives = "attempt"
    of: str = ""
    only: str = ""
    absent: Any = None
    chunk: str = ""


def flag_field(doc: str, initial: bool = False, **said: Any) -> Any:
    """A field that is yes or no."""
    return _said("flag", doc, initial, said)


def enum_field(initial: enumeration.Enum, doc: str, **said: Any) -> Any:
    """A field that is a member of ``initial``'s enumeration."""
    return _said("enum", doc, initial, said)


def granules_field(doc: str, **said: Any) -> Any:
    """A set of granules, empty at first."""
    return _said("granules", doc, frozenset(), said)


def cursor_field(doc: str, **said: Any) -> Any:
    """A position among the chunks, at the first one."""
    return _said("cursor", doc, 0, said)


def chunks_field(doc: str, **said: Any) -> Any:
    """A set of chunks, empty at first."""
    return _said("chunks", doc, frozenset(), said)


def chunk_field(doc: str, **said: Any) -> Any:
    """The name of a chunk, none at first."""
    return _said("chunk", doc, None, said)


def contents_field(chunk: str, doc: str, **said: Any) -> Any:
    """The granules of the chunk that the field ``chunk`` before it names."""
    return _said("contents", doc, frozenset(), {"chunk": chunk, **said})


def _said(kind: str, doc: str, initial: Any, rest: dict[str, Any]) -> Any:
    told = Said(
        kind=kind,
        doc=doc,
        initial=initial,
        **{"ended": initial, **rest},
    )
    if told.survives not in _LIVES:
        raise ModelError(
            f"survives is '{told.survives}', allowed are "
            f"{', '.join(map(repr, _LIVES))}"
        )
    return attrs.field(metadata={_KEY: told})


def declare(
    record: type[Record],
    build: Declarations,
    disk: Disk,
    prefix: str,
    words: Collection[str] = (),
    *,
    of: Collection[str] | None = None,
    ghost: bool = False,
    initial: Mapping[str, Any] = {},
) -> dict[str, Any]:
    """Declare the fields of ``record``; gives them by their name there.

    ``prefix``: what stands before each name.  ``words``: which ``only`` are
    there; a field of another one is a constant.  ``of``: only the fields that
    there are for each of such things.  ``initial``: other initial values.
    """
    found: dict[str, Any] = {}
    for name, said in _fields(record):
        if of is not None and said.of not in of:
            continue
        if said.only and said.only not in words:
            found[name] = _absent(name, said, disk)
            continue
        how: dict[str, Any] = {"ghost": ghost, "doc": said.doc}
        begins = initial.get(name, said.initial)
        match said.kind:
            case "granules":
                made: Any = build.granules(prefix + name, disk, **how)
            case "cursor":
                made = build.cursor(prefix + name, disk, said.doc)
            case "chunks":
                made = build.chunk_set(prefix + name, disk, **how)
            case "chunk":
                made = build.chunk_name(prefix + name, disk, said.doc)
            case "contents":
                made = build.contents(
                    prefix + name, disk, found[said.chunk], said.doc
                )
            case "flag":
                made = build.flag(prefix + name, begins, **how)
            case _:
                made = build.enum(prefix + name, begins, **how)
        found[name] = made
    return found


def _absent(name: str, said: Said, disk: Disk) -> Value[Any]:
    """The constant that stands for a field that this variant does not have."""
    value = said.initial if said.absent is None else said.absent
    if said.kind == "flag":
        return evolve(YES if value else NO, absent=True)
    if said.kind == "enum":
        kind = EnumType(type(value))
        code = kind.encode(value, f"field {name}")
        constant = ex.constant(code, kind.width)
        return EnumValue(kind, constant, kind.show(code), absent=True)
    if said.kind in _SETS:
        of = GranuleSetType if said.kind == "granules" else ChunkSetType
        kind_of_set: Any = of(disk)
        nothing = ex.constant(0, kind_of_set.width)
        made: Any = _SETS[said.kind]
        empty: Value[Any] = made(kind_of_set, nothing, "{}", absent=True)
        return empty
    raise ModelError(
        f"field {name}: only a flag, a member or a set may be absent"
    )


def another(
    held: Record,
    build: Declarations,
    disk: Disk,
    prefix: str,
    words: Collection[str] = (),
    *,
    of: Collection[str],
    ghost: bool = False,
) -> Record:
    """The record of a further bitmap, node, or whatever ``of`` names.

    Fields that there are for each of ``of`` are declared anew under
    ``prefix``; all others are those of ``held``.
    """
    own = declare(type(held), build, disk, prefix, words, of=of, ghost=ghost)
    # a record is any class of attrs, for which there is no type
    kept: Any = held
    found: Record = attrs.evolve(kept, **own)
    return found


def anew(
    held: Any, after: Ends, of: Collection[str] | None = None
) -> tuple[Update, ...]:
    """Effect: what does not survive the end of ``after`` begins anew.

    ``held``: a record of declared fields.  ``after``: 'attempt', which only
    what survives nothing does not survive; or 'process', after which a field
    is as its ``ended`` says.  ``of``: only the fields that there are for each
    of such things.
    """
    lost = ("",) if after == "attempt" else ("", "attempt")
    return tuple(
        getattr(held, name).becomes(
            said.initial if after == "attempt" else said.ended
        )
        for name, said in _fields(type(held))
        if said.survives in lost
        and not getattr(held, name).absent
        and (of is None or said.of in of)
    )


def _fields(record: type) -> list[tuple[str, Said]]:
    return [
        (one.name, one.metadata[_KEY])
        for one in attrs.fields(record)
        if _KEY in one.metadata
    ]
