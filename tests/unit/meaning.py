# SPDX-License-Identifier: GPL-2.0-or-later
"""What a typed value is worth in a state that a test writes down.

The oracle's evaluator gives the meaning; no machine is needed.
"""

from collections.abc import Mapping
from itertools import chain
from typing import Any

from checker.engines.evaluate import evaluate
from model.language import Channel, MachineBuilder, Update
from model.language.expression import Expression
from model.language.values import Value


def worth(value: Value[Any], **state: int) -> int:
    """The code of ``value`` where each field has the code given."""
    return number(value.expression, state)


def number(expression: Expression, state: Mapping[str, int]) -> int:
    """The number that ``expression`` is in ``state``."""
    position = {name: i for i, name in enumerate(state)}
    return evaluate(expression, tuple(state.values()), position, {})


def after(
    state: Mapping[str, int], *updates: Update | tuple[Update, ...]
) -> dict[str, int]:
    """``state`` after all updates at once."""
    new = dict(state)
    for update in chain.from_iterable(
        u if isinstance(u, tuple) else (u,) for u in updates
    ):
        new[update.field] = number(update.expression, state)
    return new


def nothing_sent(channel: Channel) -> dict[str, int]:
    """The state of an empty channel."""
    return {name: 0 for name, _ in channel.fields()}


def members(code: int) -> frozenset[int]:
    """The set that a bit vector stands for."""
    return frozenset(i for i in range(code.bit_length()) if code >> i & 1)


def vector(found: frozenset[int]) -> int:
    """The bit vector that stands for a set."""
    return sum(1 << i for i in found)


def builder() -> MachineBuilder:
    """A builder for a model of one test."""
    return MachineBuilder("a test's model")
