# SPDX-License-Identifier: GPL-2.0-or-later
"""What stands for a chunk, a granule or a number while there is no size.

The text hands a token to an operation of the language, or does not use it.
Nothing else can be done with one: it has no number, no name, no order.
"""

from __future__ import annotations

from typing import Any, ClassVar, NoReturn

from model.language.errors import ModelError

CHUNKS, GRANULES = "chunk", "granule"
_OPENS, _CLOSES = "<", ">"
_IN, _OF, _BUDGET = " in ", "chunk of ", "budget "


class Token:
    """Something of which nothing is known but ``key``, its name here."""

    __slots__ = ("_key",)
    what: ClassVar[str] = "a token"
    _key: str

    def __init__(self, key: str) -> None:
        object.__setattr__(self, "_key", key)

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise ModelError(
            f"{self.what} is asked for more than the language offers: the "
            "model is made before there is a size"
        )

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        raise ModelError(
            f"{self.what} has no '{name}': the model is made before there is "
            "a size"
        )

    __setattr__ = __delattr__ = _refuse
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse
    __bool__ = __iter__ = __len__ = _refuse
    __getitem__ = __contains__ = __index__ = __int__ = __float__ = _refuse
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _refuse
    __hash__ = _refuse

    def __repr__(self) -> str:
        return f"<{self.what}>"

    def __str__(self) -> str:
        return self._text()

    def __format__(self, _: str) -> str:
        return self._text()

    def _text(self) -> str:
        self._refuse()


class ChunkToken(Token):
    """Some chunk of the disk: the parameter of one action, or lies in it."""

    __slots__ = ()
    what = "a chunk"


class GranuleToken(Token):
    """Some granule of the disk: the parameter of one action."""

    __slots__ = ()
    what = "a granule"

    @property
    def chunk(self) -> ChunkToken:
        """The chunk that it lies in."""
        return ChunkToken(f"{_OF}{self._key}")


class Limit(Token):
    """A number that the options give when a machine is made.

    It may stand in a text, where the number will be put later.
    """

    __slots__ = ()
    what = "a number of the options"

    def _text(self) -> str:
        return placeholder(self._key)


class Every(Token):
    """All chunks, or all granules: what an action's parameter ranges over."""

    __slots__ = ()
    what = "the chunks or granules of a disk"


def key_of(token: Token) -> str:
    """The name of a token within its schema."""
    return token._key


def parameter(every: Every, action: str) -> Token:
    """The parameter of ``action`` that ranges over ``every``."""
    kind = ChunkToken if every._key == CHUNKS else GranuleToken
    return kind(f"{every._key}{_IN}{action}")


def is_parameter(key: str) -> bool:
    """Whether a token of that name is, or lies in, a parameter."""
    return _IN in key


def whole(key: str) -> str:
    """The parameter that the token named ``key`` is, or lies in."""
    return key.removeprefix(_OF)


def budget_limit(name: str) -> Limit:
    """The token for how often ``name`` may happen."""
    return Limit(f"{_BUDGET}{name}")


def budget_of(limit: Limit) -> str:
    """The budget that ``limit`` is the token of."""
    return limit._key.removeprefix(_BUDGET)


def placeholder(key: str) -> str:
    """What stands in a text for the token of that name."""
    return f"{_OPENS}{key}{_CLOSES}"


def named_in(text: str) -> str:
    """The token that stands in a label, or ''."""
    inside = text.removeprefix(_OPENS).removesuffix(_CLOSES)
    return inside if text == placeholder(inside) else ""


def shown(value: Any) -> str:
    """``value`` in a text of the model; a token as its placeholder."""
    if isinstance(value, Token):
        return placeholder(value._key)
    return str(value)
