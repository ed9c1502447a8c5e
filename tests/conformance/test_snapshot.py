# SPDX-License-Identifier: GPL-2.0-or-later
"""Is a snapshot the whole state, and does the whole state come back?"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from enum import Enum
from functools import partial
from typing import Any

import attrs
import numpy as np
import pytest

from checker.conformance.rig import Rig, build
from checker.conformance.snapshot import freeze, thaw
from checker.conformance.steps import perform
from checker.engines.interpreter import successors
from reference.bitmap import Bits
from tests.defects.catalogue import configuration

SMALL = ("postcopy-failing", "live-failing", "stop-copy-failing", "live-jobs")
LONGEST = 40
Change = tuple[str, Callable[[], None], Callable[[], None]]


def rigs(name: str, seed: int) -> Iterator[Rig]:
    """The reference after every step of a random run."""
    chosen = configuration(name)
    machine, rig = chosen.machine(), build(chosen.options)
    state = machine.initials[0]
    chance = random.Random(seed)
    for _ in range(LONGEST):
        yield rig
        found = list(successors(machine, state))
        if not found:
            return
        number, state = chance.choice(found)
        perform(rig, machine.instances[number])


@pytest.mark.parametrize("name", [*SMALL, "postcopy-unlimited"])
@pytest.mark.parametrize("seed", range(5))
def test_a_snapshot_comes_back(name: str, seed: int) -> None:
    for rig in rigs(name, seed):
        frozen = freeze(rig)
        thawed = thaw(frozen)
        assert thawed is not rig
        again = freeze(thawed)
        assert again == frozen
        assert hash(again) == hash(frozen)


@pytest.mark.parametrize("name", SMALL)
def test_the_thawed_goes_on_as_the_original(name: str) -> None:
    chosen = configuration(name)
    machine, rig = chosen.machine(), build(chosen.options)
    state = machine.initials[0]
    chance = random.Random(7)
    for _ in range(LONGEST):
        found = list(successors(machine, state))
        if not found:
            return
        number, state = chance.choice(found)
        before, twin = freeze(rig), thaw(freeze(rig))
        perform(twin, machine.instances[number])
        assert freeze(rig) == before
        perform(rig, machine.instances[number])
        assert freeze(twin) == freeze(rig)


def other(value: Any) -> Any:
    """Another value, of the same kind if there is one."""
    match value:
        case bool():
            return not value
        case Enum():
            members = list(type(value))
            return members[members.index(value) - 1]
        case int():
            return value + 1
        case str():
            return value + "x"
        case bytes() | bytearray():
            return value + b"x"
        case list():
            return [*value, 1]
        case dict():
            return {**value, "another": 1}
        case tuple():
            return (*value, 1)
        case np.ndarray():
            changed = value.copy()
            changed.reshape(-1)[-1:] ^= 1
            return changed
    return "changed" if value is None else None


def changes(value: Any, where: str = "rig") -> Iterator[Change]:
    """Every way to change one field of one object, and to undo it."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from changes(item, f"{where}[{index}]")
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from changes(item, f"{where}[{key!r}]")
    if not attrs.has(type(value)):
        return
    for field in attrs.fields(type(value)):
        if field.metadata.get("cache") or field.metadata.get("origin"):
            continue
        item = getattr(value, field.name)
        here = f"{where}.{field.name}"
        yield from changes(item, here)
        if not (isinstance(item, np.ndarray) and not item.size):

            def put(new: Any, name: str = field.name) -> None:
                object.__setattr__(value, name, new)

            yield here, partial(put, other(item)), partial(put, item)


@pytest.mark.parametrize("name", SMALL)
def test_every_field_counts(name: str) -> None:
    """Frozen objects are changed too, behind their backs."""
    met: set[str] = set()
    for seed in range(3):
        for rig in rigs(name, seed):
            frozen = freeze(rig)
            for where, change, undo in changes(rig):
                if where in met:
                    continue
                met.add(where)
                before = hash(frozen)
                change()
                try:
                    assert freeze(rig) != frozen, where
                finally:
                    undo()
                assert hash(frozen) == before
    assert "rig.loopback.source.phase" in met
    assert "rig.loopback.destination.loader.cancelled" in met
    assert any(where.endswith(".bits.words") for where in met)
    assert any("meta" in where for where in met)


def test_a_stale_cache_is_not_state() -> None:
    bits = Bits.create(64)
    bits.set(3, 1)
    frozen = freeze(bits)
    bits.pages[:] = False
    assert freeze(bits) == frozen
    thawed: Bits = thaw(frozen)
    assert thawed.pages.any()


@pytest.mark.parametrize(
    "value",
    [{1, 2}, lambda: 1, (n for n in [1])],
    ids=["set", "closure", "generator"],
)
def test_what_cannot_be_frozen_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="cannot freeze"):
        freeze(value)
