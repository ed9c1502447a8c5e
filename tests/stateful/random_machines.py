# SPDX-License-Identifier: GPL-2.0-or-later
"""Machines that mean nothing and use everything.

Fields of every type, sets wider than a word, channels, all operators, several
initial states.  Every action but the free ones counts a step, and there are
few steps, so that the oracle is done soon; free actions set one field to a
constant, so that there are cycles and self-loops as well.
"""

from __future__ import annotations

import enum
from random import Random
from typing import Any

from hypothesis import strategies as st

from model.language import (
    Concrete,
    ContentsType,
    Disk,
    Flag,
    Machine,
    MachineBuilder,
    NameType,
    Step,
    Update,
)
from model.language import expression as ex
from model.language.expression import Expression
from model.language.values import Value, flag

MOST_STEPS = 5
MOST_ACTIONS = 6
#: more than a word has bits
MANY_INSTANCES = 66
DEEPEST = 3


class Colour(enum.Enum):
    """Five members: three of the codes are in no use."""

    RED = "red"
    GREEN = "green"
    BLUE = "blue"
    BLACK = "black"
    WHITE = "white"


class Word(enum.Enum):
    """Kinds of messages."""

    PING = "ping"
    NAME = "name"
    LOAD = "load"


class _Writer:
    """Expressions of any width over the fields of a machine."""

    def __init__(self, random: Random, fields: list[Expression]) -> None:
        self.random = random
        self.fields = fields

    def make(self, width: int, depth: int = DEEPEST) -> Expression:
        """Some expression of ``width`` bits."""
        random = self.random
        if depth == 0 or random.random() < 0.15:
            return self._leaf(width)
        a = self.make(width, depth - 1)
        match random.randrange(9):
            case 0:
                return ex.complement(a)
            case 1:
                return ex.conjunction(a, self.make(width, depth - 1))
            case 2:
                return ex.disjunction(a, self.make(width, depth - 1))
            case 3:
                return ex.add(a, self.make(width, depth - 1))
            case 4:
                return ex.subtract(a, self.make(width, depth - 1))
            case 5:
                other = self.make(width, depth - 1)
                return ex.choice(self.truth(depth - 1), a, other)
            case 6:
                wide = self.make(width + random.randrange(1, 70), depth - 1)
                start = random.randrange(wide.width - width)
                return ex.bits_of(wide, start, width)
            case 7:
                some = self.make(random.randrange(1, width + 1), depth - 1)
                start = random.randrange(width - some.width + 1)
                return ex.placed(some, start, width)
        number = ex.count(self.make(random.randrange(1, 100), depth - 1))
        return self._fit(number, width)

    def truth(self, depth: int = DEEPEST) -> Expression:
        """Some truth value, most often a comparison."""
        field = self.random.choice(self.fields)
        other = self.make(field.width, max(0, depth - 1))
        match self.random.randrange(4):
            case 0:
                return ex.equal(field, other)
            case 1:
                return ex.less(field, other)
            case 2:
                return ex.less(other, field)
        return self.make(1, depth)

    def _leaf(self, width: int) -> Expression:
        if self.random.random() < 0.3:
            value = self.random.choice(
                [0, 1, ex.ones(width), self.random.getrandbits(width)]
            )
            return ex.constant(value, width)
        return self._fit(self.random.choice(self.fields), width)

    def _fit(self, node: Expression, width: int) -> Expression:
        if node.width >= width:
            return ex.bits_of(node, 0, width)
        return ex.placed(node, 0, width)


class _Maker:
    def __init__(self, random: Random) -> None:
        self.random = random
        self.build = MachineBuilder("random")
        self.steps = self.build.counter("steps", MOST_STEPS)
        self.fields: list[Value[Any]] = []
        chunks = random.choice([1, 2, 3, 5])
        per_chunk = random.choice([1, 2, 13, 30, 70])
        domain = Concrete(chunks, per_chunk)
        self.disk = Disk("disk", domain)
        self._declare()
        channel = self.build.channel(
            "channel",
            random.choice([1, 2, 3]),
            {
                Word.PING: {},
                Word.NAME: {"chunk": NameType(self.disk)},
                Word.LOAD: {
                    "chunk": NameType(self.disk),
                    "contents": ContentsType(self.disk),
                },
            },
        )
        self.channel = channel
        stored = [ex.field_value(n, t.width) for n, t in channel.fields()]
        own = [field.expression for field in self.fields]
        self.writer = _Writer(random, own + stored)

    def _declare(self) -> None:
        build, disk = self.build, self.disk
        limit = self.random.choice([1, 6, 255, 1 << 32])
        makers: list[Any] = [
            build.flag,
            lambda name: build.enum(name, Colour.RED),
            lambda name: build.counter(name, limit),
            lambda name: build.granules(name, disk),
            lambda name: build.chunk_set(name, disk),
            lambda name: build.contents(name, disk),
            lambda name: build.cursor(name, disk),
            lambda name: build.chunk_name(name, disk),
        ]
        for number in range(self.random.randrange(1, 9)):
            maker = self.random.choice(makers)
            self.fields.append(maker(f"field{number}"))

    def _update(self, field: Value[Any], new: Expression) -> Update:
        return field.becomes(type(field)(field.type, new, "random"))

    def _flag(self) -> Flag:
        return flag(self.writer.truth(), "random")

    def _effect(self) -> list[Any]:
        count = self.random.randrange(len(self.fields) + 1)
        then: list[Any] = [
            self._update(field, self.writer.make(field.type.width))
            for field in self.random.sample(self.fields, count)
        ]
        contents = self.writer.make(self.disk.domain.contents_width)
        chunk = self.random.choice(self.disk.domain.chunks)
        sent: list[Any] = [
            self.channel.put(Word.PING),
            self.channel.put(Word.NAME, chunk=chunk),
            self.channel.put(
                Word.LOAD,
                chunk=chunk,
                contents=self.channel.head_contents()._with(contents, "load"),
            ),
            self.channel.take(),
            self.channel.lose_all(),
            [],
        ]
        return [*then, *self.random.choice(sent)]

    def _counted(self) -> Step:
        guards = [self._flag()] if self.random.random() < 0.4 else []
        more = (self.steps + 1).capped(MOST_STEPS)
        return Step(
            when=[self.steps < MOST_STEPS, *guards],
            then=[self.steps.becomes(more), *self._effect()],
        )

    def _free(self) -> Step:
        field = self.random.choice(self.fields)
        width = field.type.width
        value = ex.constant(self.random.getrandbits(width), width)
        guards = [self._flag() for _ in range(self.random.randrange(3))]
        return Step(when=guards, then=[self._update(field, value)])

    def _action(self, number: int, make: Any) -> None:
        def step() -> Step:
            made: Step = make()
            return made

        step.__name__ = f"action{number}"
        self.build.action("nobody")(step)

    def _choose(self) -> None:
        field = self.random.choice(self.fields)
        width = field.type.width

        @self.build.action("nobody", over=range(MANY_INSTANCES))
        def choose(number: int) -> Step:
            value = ex.constant(number & ex.ones(width), width)
            last = self.steps.is_(MOST_STEPS)
            return Step(when=[last], then=[self._update(field, value)])

    def make(self) -> Machine:
        random = self.random
        for number in range(random.randrange(1, MOST_ACTIONS + 1)):
            self._action(number, self._counted)
        if random.random() < 0.5:
            self._action(100, self._free)
        if random.random() < 0.1:
            self._choose()
        for number in range(random.randrange(4)):
            name = f"property{number}"
            when, then = self._flag(), self._flag()
            if random.random() < 0.5:
                if then.expression is not ex.TRUE:
                    self.build.reachable(name, "", [then])
            elif (when & ~then).expression is not ex.FALSE:
                self.build.always(name, "", "", [then], when=[when])
        for _ in range(random.randrange(3)):
            field = random.choice(self.fields)
            width = field.type.width
            value = ex.constant(random.getrandbits(width), width)
            self.build.start(self._update(field, value))
        if random.random() < 0.5:
            self.build.may_end(self._flag())
        return self.build.machine()


def random_machine(random: Random) -> Machine:
    """A machine with at most some thousand states."""
    return _Maker(random).make()


machines = st.randoms(use_true_random=False).map(random_machine)
