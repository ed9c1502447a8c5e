# SPDX-License-Identifier: GPL-2.0-or-later
"""Tables that people and programs give us, read strictly by a class.

The class is the schema: its fields are the keys, their types say what each
may hold, and a field with a default may be left out.  Nothing is converted:
"3" and true are no numbers, a string is no list.  What is wrong is said in
one line: what, where, what is allowed.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Literal,
    TypeVar,
    Union,
    get_args,
    get_origin,
)

from attrs import fields, fields_dict, frozen, has
from cattrs import BaseValidationError, Converter, ForbiddenExtraKeysError
from cattrs.cols import list_structure_factory, mapping_structure_factory
from cattrs.errors import ClassValidationError, IterableValidationError
from cattrs.gen import make_dict_structure_fn, override

from checker.input.errors import BadFileError
from checker.input.nearest import meant
from model.language.errors import ModelError

T = TypeVar("T")
#: the metadata of a field whose key is no name in Python
KEY = "key"
_MOST_SHOWN = 40


@frozen
class Form:
    """The words of TOML or of JSON for a table and for a place in a file."""

    table: str
    inside: str
    top: str


TOML = Form("a table", "in [{}]", "at the top, before any [section]")
JSON = Form("an object", "in {}", "at the top")


@frozen
class Reader:
    """What reads a value in ``Annotated``, or raises ValueError."""

    read: Callable[[Any], Any]


class _RefusedError(ValueError):
    """A value, and what is allowed in its place."""

    def __init__(self, value: object, allowed: str) -> None:
        super().__init__(value, allowed)
        self.value = value
        self.allowed = allowed


def only(words: str, test: Callable[[Any], bool]) -> Reader:
    """A reader of the values that pass a test; ``words``: which they are."""

    def read(value: Any) -> Any:
        if not test(value):
            raise _RefusedError(value, f"allowed are {words}")
        return value

    return Reader(read)


def whole(least: int, most: int | None = None) -> Reader:
    """A reader of whole numbers from ``least``, and to ``most``."""
    high = float("inf") if most is None else most
    return only(
        f"whole numbers from {least}" + (f" to {most}" if most else ""),
        lambda value: type(value) is int and least <= value <= high,
    )


def one_of(words: Iterable[str]) -> Reader:
    """A reader of some words."""
    known = list(words)
    return only(", ".join(known), known.__contains__)


def string(value: Any) -> str:
    """``value`` if it is a string."""
    if not isinstance(value, str):
        raise _RefusedError(value, "not a string")
    return value


def shown(value: Any) -> str:
    """A value for a message: as JSON has it, cut after 40 characters."""
    text = json.dumps(value, default=str)
    if len(text) <= _MOST_SHOWN:
        return text
    return text[: _MOST_SHOWN - 3] + "..."


def structured(
    kind: type[T],
    table: Any,
    form: Form = JSON,
    where: str = "",
    more: bool = False,
) -> T:
    """The ``kind`` that ``table`` holds.

    ``where``: what a message begins with, if the table is not all of a file.
    ``more``: whether keys that the class lacks are passed over.  Raises
    BadFileError.
    """
    try:
        return _converter(form, more).structure(table, kind)
    except (BaseValidationError, _RefusedError) as error:
        said = _Sayer(kind, form, where).line(*_first("", error))
        raise BadFileError(said) from None


# -- what cattrs is told -----------------------------------------------------


@cache
def _converter(form: Form, more: bool) -> Converter:
    converter = Converter(forbid_extra_keys=not more)
    for kind, allowed in (
        (bool, "allowed are true and false"),
        (int, "allowed are whole numbers"),
        (float, "allowed are numbers"),
        (str, "not a string"),
    ):
        converter.register_structure_hook(kind, partial(_exactly, allowed))
    for asked, made in (
        (has, partial(_class_hook, form)),
        (_is_list, _list_hook),
        (_is_mapping, partial(_mapping_hook, form)),
        (_is_choice, _choice_hook),
        (_has_words, _words_hook),
        (_has_reader, _reader_hook),
    ):
        converter.register_structure_hook_factory(asked, made)
    return converter


def _exactly(allowed: str, value: Any, kind: type) -> Any:
    # JSON and TOML write 2.0 as 2 if they like
    kinds = (int, float) if kind is float else (kind,)
    if type(value) not in kinds:
        raise _RefusedError(value, allowed)
    return value


def _is_list(kind: Any) -> bool:
    return get_origin(kind) in (list, tuple, frozenset)


def _is_mapping(kind: Any) -> bool:
    return get_origin(kind) is dict


def _is_choice(kind: Any) -> bool:
    union = get_origin(kind) in (Union, UnionType)
    return union and NoneType not in get_args(kind)


def _has_words(kind: Any) -> bool:
    return get_origin(kind) is Literal or (
        isinstance(kind, type) and issubclass(kind, enum.Enum)
    )


def _has_reader(kind: Any) -> bool:
    return get_origin(kind) is Annotated and any(
        isinstance(one, Reader) for one in kind.__metadata__
    )


def _class_hook(form: Form, kind: Any, converter: Converter) -> Any:
    keys: dict[str, Any] = {
        one.name: override(rename=one.metadata[KEY])
        for one in fields(kind)
        if KEY in one.metadata
    }
    fill = make_dict_structure_fn(kind, converter, **keys)
    return _after(dict, f"not {form.table}", fill)


def _list_hook(kind: Any, converter: Converter) -> Any:
    make, element = get_origin(kind), get_args(kind)[0]
    every: Any = list
    fill = list_structure_factory(every[element], converter)
    words = "not a list of strings" if element is str else "not a list"
    return _after(list, words, lambda value, _: make(fill(value, list)))


def _mapping_hook(form: Form, kind: Any, converter: Converter) -> Any:
    fill = mapping_structure_factory(kind, converter)
    return _after(dict, f"not {form.table}", fill)


def _choice_hook(kind: Any) -> Any:
    """A number or a word: the class knows which, and checks it itself."""
    return lambda value, _: value


def _after(outer: type, allowed: str, fill: Any) -> Any:
    """``fill``, after it was seen that the value is an ``outer``."""

    def structure(value: Any, kind: Any) -> Any:
        if not isinstance(value, outer):
            raise _RefusedError(value, allowed)
        return fill(value, kind)

    return structure


def _words_hook(kind: Any) -> Any:
    if get_origin(kind) is Literal:
        read = one_of(get_args(kind)).read
        return lambda value, _: read(value)
    read = one_of([one.value for one in kind]).read
    return lambda value, _: kind(read(value))


def _reader_hook(kind: Any) -> Any:
    (reader,) = (m for m in kind.__metadata__ if isinstance(m, Reader))
    return lambda value, _: reader.read(value)


# -- what is said ------------------------------------------------------------


def keys_of(kind: type) -> list[str]:
    """The keys of a class."""
    return [_key(kind, name) for name in fields_dict(kind)]


def _key(kind: type, name: str) -> str:
    key: str = fields_dict(kind)[name].metadata.get(KEY, name)
    return key


def _first(place: str, error: Exception) -> tuple[str, Exception, type | None]:
    """Where the first mistake is, what it is, and in which class.

    Of a table it is a key that means nothing: what is missing is perhaps
    just that, mistyped.
    """
    if isinstance(error, ClassValidationError):
        noted, bare = error.group_exceptions()
        if bare:
            return place, bare[0], error.cl
        inner, note = noted[0]
        key = _key(error.cl, note.name)
        if isinstance(inner, KeyError):
            return place, inner, error.cl
        return _first(f"{place}.{key}" if place else key, inner)
    if isinstance(error, IterableValidationError):
        inner, at = error.group_exceptions()[0][0]
        return _first(f"{place}[{at.index!r}]", inner)
    return place, error, None


@frozen
class _Sayer:
    """Says what is wrong with a table of the class ``root``."""

    root: type
    form: Form
    where: str

    def line(self, place: str, error: Exception, owner: type | None) -> str:
        """A sentence; an error that is no mistake of the file is raised."""
        if isinstance(error, _RefusedError):
            named = place or ("" if self.where else "the content")
            between = ": " if self.where and place else ""
            said = f"is {shown(error.value)}, {error.allowed}"
            return f"{self.where}{between}{named} {said}"
        if isinstance(error, ForbiddenExtraKeysError) and owner is not None:
            said = self._unknown(place, min(error.extra_fields), owner)
        elif isinstance(error, KeyError):
            said = f"key '{error.args[0]}' is missing{self._at(place)}"
        elif isinstance(error, ModelError):
            said = str(error)
        elif isinstance(error, ValueError):
            said = f"{place}: {error}" if place else str(error)
        else:
            raise error
        return f"{self.where}: {said}" if self.where else said

    def _unknown(self, place: str, key: str, owner: type) -> str:
        allowed = keys_of(owner)
        quoted = repr(key)
        if len(quoted) > _MOST_SHOWN:
            quoted = f"{quoted[: _MOST_SHOWN - 4]}...'"
        return (
            f"unknown key {quoted}{self._at(place)}; "
            f"{self._belongs(place, key)}allowed are {', '.join(allowed)}"
            f"{meant(key, allowed)}"
        )

    def _at(self, place: str) -> str:
        if place:
            return f" {self.form.inside.format(place)}"
        return "" if self.where else " at the top"

    def _belongs(self, place: str, key: str) -> str:
        """Where a misplaced key belongs: 'it belongs in [bounds]; '."""
        right = [
            self.form.inside.format(at) if at else self.form.top
            for at, keys in self._tables()
            if key in keys and at != place
        ]
        return f"it belongs {' or '.join(right)}; " if right else ""

    def _tables(self) -> Iterator[tuple[str, list[str]]]:
        """The keys at the top, and those of each table there."""
        yield "", keys_of(self.root)
        for one in fields(self.root):
            if one.type is not None and has(one.type):
                yield _key(self.root, one.name), keys_of(one.type)
