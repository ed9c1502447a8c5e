# SPDX-License-Identifier: GPL-2.0-or-later
"""The state of a graph of attrs objects, as one hashable value, and back.

``freeze`` walks every field of every mutable object, so that a field that
somebody adds later is part of the state without anybody thinking of it.
What stands in two places of the graph becomes two (``shared`` finds it), and
what is global is no state of it.
Two exceptions are declared where the field is: a ``cache`` follows from the
rest, and a position in an endless stream is no state (an ``origin`` counts as
0, what is ``relative`` to it is kept as the difference).
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any

import attrs
import numpy as np

Frozen = Any
Freeze = Callable[[Any], Frozen]

_LIST, _DICT, _BYTES, _ARRAY, _OBJECT = range(5)


class _Record:
    """A mutable value: its kind, its class or form, and its content.

    Made and compared some hundred times for one step, hence by hand.
    """

    __slots__ = ("code", "content", "form", "kind")

    def __init__(self, kind: int, form: Any, content: tuple[Any, ...]) -> None:
        self.kind = kind
        self.form = form
        self.content = content
        self.code = hash((kind, form, content))

    def __hash__(self) -> int:
        return self.code

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, _Record)
            and self.code == other.code
            and self.kind == other.kind
            and self.form == other.form
            and self.content == other.content
        )


_freezers: dict[type, Freeze | None] = {}
_makers: dict[type, Callable[[tuple[Any, ...]], Any]] = {}


def freeze(value: Any) -> Frozen:
    """``value`` as something that is hashable and never changes.

    Raises TypeError for what cannot be frozen (a generator, a closure).
    """
    kind = type(value)
    try:
        freezer = _freezers[kind]
    except KeyError:
        freezer = _freezers[kind] = _freezer(kind, value)
    return value if freezer is None else freezer(value)


def thaw(frozen: Frozen) -> Any:
    """A new value, equal to the one that was frozen."""
    if type(frozen) is not _Record:
        return frozen
    if frozen.kind == _OBJECT:
        return _makers[frozen.form](frozen.content)
    if frozen.kind == _LIST:
        return [thaw(item) for item in frozen.content]
    if frozen.kind == _DICT:
        return {key: thaw(item) for key, item in frozen.content}
    if frozen.kind == _BYTES:
        return bytearray(frozen.content[0])
    dtype, shape = frozen.form
    return np.frombuffer(frozen.content[0], dtype).reshape(shape).copy()


def shared(value: Any) -> str:
    """What stands in two places of the graph, or '' if nothing does.

    A snapshot would make two of it, and so hide what one does to the other.
    """
    seen: dict[int, str] = {}
    waiting: list[tuple[Any, str]] = [(value, "")]
    while waiting:
        here, path = waiting.pop()
        inside: list[tuple[Any, str]] = []
        if isinstance(here, list):
            inside = [(x, f"{path}[{n}]") for n, x in enumerate(here)]
        elif isinstance(here, dict):
            inside = [(x, f"{path}[{k}]") for k, x in here.items()]
        elif attrs.has(type(here)) and type(here).__hash__ is None:
            inside = [
                (getattr(here, f.name), f"{path}.{f.name}")
                for f in attrs.fields(type(here))
            ]
        elif not isinstance(here, (np.ndarray, bytearray)):
            continue
        if id(here) in seen:
            return f"{seen[id(here)]} and {path} are one object"
        seen[id(here)] = path
        waiting += inside
    return ""


def _freezer(kind: type, value: Any) -> Freeze | None:
    if kind is list:
        return lambda v: _Record(_LIST, None, tuple(map(freeze, v)))
    if kind is dict:
        return lambda v: _Record(
            _DICT, None, tuple((k, freeze(i)) for k, i in v.items())
        )
    if kind is bytearray:
        return lambda v: _Record(_BYTES, None, (bytes(v),))
    if isinstance(value, np.ndarray):
        return lambda v: _Record(
            _ARRAY, (v.dtype.str, v.shape), (v.tobytes(),)
        )
    if attrs.has(kind) and kind.__hash__ is None:
        return _freezer_of_class(kind)
    plain = isinstance(value, (str, bytes, int, float, tuple, Enum))
    if not (plain or value is None or attrs.has(kind)):
        raise TypeError(f"cannot freeze {kind.__name__}: {value!r}")
    return None


def _freezer_of_class(kind: type) -> Freeze:
    fields = [
        f for f in attrs.fields(kind) if not f.metadata.get("cache", False)
    ]
    cached = len(fields) < len(attrs.fields(kind))
    names = tuple(f.name for f in fields)
    origins = tuple(f.name for f in fields if f.metadata.get("origin"))
    relative = {
        f.name: f.metadata["relative"]
        for f in fields
        if "relative" in f.metadata
    }

    setters = [getattr(kind, name).__set__ for name in names]

    def make(content: tuple[Any, ...]) -> Any:
        made: Any = object.__new__(kind)
        for put, item in zip(setters, content, strict=True):
            put(made, thaw(item) if type(item) is _Record else item)
        return made

    def make_with_cache(content: tuple[Any, ...]) -> Any:
        return kind(**dict(zip(names, map(thaw, content), strict=True)))

    _makers[kind] = make_with_cache if cached else make

    def plain(value: Any) -> Frozen:
        content = tuple([freeze(getattr(value, name)) for name in names])
        return _Record(_OBJECT, kind, content)

    def rebased(value: Any) -> Frozen:
        content = []
        for name in names:
            item = getattr(value, name)
            if name in origins:
                item = 0
            elif name in relative and item >= 0:
                item -= getattr(value, relative[name])
            content.append(freeze(item))
        return _Record(_OBJECT, kind, tuple(content))

    return rebased if origins else plain
