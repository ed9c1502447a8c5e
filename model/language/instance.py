# SPDX-License-Identifier: GPL-2.0-or-later
"""The machine of a disk: a schema, read in a domain and with numbers.

Whatever a number can do is done here, and it is little: it says how large a
channel or a counter is, leaves out a tally that has no limit, and leaves out
actions and properties whose budgets are 0.  So a machine with smaller limits
does a part of what one without limits does: the same effects beside those on
its own tallies, under guards with at least the same conjuncts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from attrs import define, evolve, field

from model.language import expression as ex
from model.language.budgets import counted
from model.language.builder import Choice, MachineBuilder
from model.language.channel import Channel
from model.language.domain import Chunk, Domain, Granule
from model.language.errors import ModelError
from model.language.expression import Expression
from model.language.machine import (
    Action,
    Conjunct,
    Field,
    Instance,
    Machine,
)
from model.language.meaning import (
    NONE,
    Meaning,
    Note,
    Numbers,
    Parameters,
)
from model.language.projected import Projected
from model.language.schematic import asked
from model.language.schematic_channel import ChannelType
from model.language.sets import ChunkName, Contents
from model.language.step import Step
from model.language.tally import Tally, TallyType
from model.language.terms import limits_of, parameter_of
from model.language.tokens import (
    GRANULES,
    Limit,
    budget_of,
    key_of,
    placeholder,
)
from model.language.types import (
    ChunkSetType,
    ContentsType,
    CounterType,
    CursorType,
    Disk,
    EnumType,
    FlagType,
    GranuleSetType,
    NameType,
)
from model.language.values import Flag, Update, Value, flag


def instance(
    schema: Machine,
    domain: Domain,
    numbers: Numbers,
    note: Note | None = None,
) -> Machine:
    """The machine that ``schema`` describes on a disk of ``domain``.

    ``note`` is told each answer of the domain.  Raises ModelError if a
    number makes no sense.
    """
    return _Reading(schema, domain, numbers, note).machine()


@define
class _Reading:
    schema: Machine
    domain: Domain
    numbers: Numbers
    note: Note | None
    build: MachineBuilder = field(init=False)
    meaning: Meaning = field(init=False)
    _disks: dict[str, Disk] = field(factory=dict, init=False)
    _things: dict[str, Any] = field(factory=dict, init=False)
    _limits: Mapping[str, int | None] = field(factory=dict, init=False)

    def machine(self) -> Machine:
        schema = self.schema
        one_granule = isinstance(self.domain, Projected)
        self.build = MachineBuilder(schema.name, one_granule)
        self.meaning = Meaning(
            self.domain, self.numbers, self._things, self.note
        )
        self._limits = {
            key: self.numbers.limit(key) for key in limits_of(schema)
        }
        self._declare()
        self._start()
        for action in schema.actions:
            self._act(action)
        for prop in schema.properties:
            when, then = self._flags(prop.when), self._flags(prop.then)
            self.build.add_property(evolve(prop, when=(), then=()), when, then)
        for cost in schema.costs:
            taken = self._flag(cost.when)
            self.build.cost(cost.name, sorted(cost.actions), taken)
        for name, noted in schema.notes.items():
            self.build.note(name, self._flag(noted))
        self.build.may_end(self._flag(schema.may_end))
        for guarantee, reason in schema.not_promised.items():
            self.build.not_promised(guarantee, reason)
        return self.build.machine()

    # -- fields ----------------------------------------------------------

    def _declare(self) -> None:
        budgets = {counted(name): name for name in self.schema.budgets}
        slots = {
            name: channel
            for channel in self.schema.channels
            for name, _ in channel.fields()
        }
        for one in self.schema.fields:
            channel = slots.get(one.name)
            if one.name in budgets:
                self._budget(budgets.pop(one.name), one)
            elif channel is None:
                self._things[one.name] = self._field(one)
            elif channel.name not in self._things:
                self._things[channel.name] = self._channel(channel)

    def _budget(self, name: str, counter: Field) -> None:
        assert isinstance(counter.type, TallyType)
        self.build.budget(name, self._amount(counter.type.limit))

    def _amount(self, limit: Limit) -> int | str:
        return self.numbers.budget(budget_of(limit))

    def _number(self, limit: object) -> int | None:
        if isinstance(limit, Limit):
            return self.numbers.limit(key_of(limit))
        assert isinstance(limit, int)
        return limit

    def _channel(self, channel: Channel) -> Channel:
        messages = {
            kind: {part: self._type(channel.parts[part]) for part in parts}
            for kind, parts in channel.payloads.items()
        }
        if isinstance(channel.capacity, Limit):
            _check_forgotten(self.domain, channel)
        capacity = self._number(channel.capacity)
        if capacity is None:
            raise ModelError(f"channel {channel.name} has no capacity")
        return self.build.channel(channel.name, capacity, messages)

    def _type(self, kind: Any) -> Any:
        if hasattr(kind, "disk"):
            return type(kind)(self._disk(kind.disk))
        return kind

    def _disk(self, known: Disk) -> Disk:
        return self._disks.setdefault(
            known.name, Disk(known.name, self.domain)
        )

    def _field(self, one: Field) -> Any:
        build, name, ghost = self.build, one.name, one.ghost
        kind: Any = one.type
        match kind:
            case FlagType():
                return build.flag(name, bool(one.initial), ghost)
            case EnumType():
                return build.enum(name, kind.member(one.initial), ghost)
            case CounterType():
                return build.counter(name, kind.limit, one.initial, ghost)
            case TallyType():
                return build.tally(name, self._number(kind.limit), kind.full)
            case GranuleSetType():
                return build.granules(name, self._disk(kind.disk), ghost)
            case ChunkSetType():
                return build.chunk_set(name, self._disk(kind.disk), ghost)
            case ContentsType():
                of = self._things[one.chunk] if one.chunk else None
                return build.contents(name, self._disk(kind.disk), of)
            case CursorType():
                return build.cursor(name, self._disk(kind.disk))
            case NameType():
                return build.chunk_name(name, self._disk(kind.disk))
        raise ModelError(f"field {name}: {kind} has no meaning on a disk")

    def _start(self) -> None:
        """The initial states, where there are more than the declared one."""
        declared = tuple(f.initial for f in self.schema.fields)
        if self.schema.initials == (declared,):
            return
        for state in self.schema.initials:
            self.build.start(
                *(
                    self._set(one, code)
                    for one, code in zip(
                        self.schema.fields, state, strict=True
                    )
                    if code != one.initial
                )
            )

    def _set(self, one: Field, code: int) -> Update:
        start = ex.constant(code, one.type.width)
        (meant,) = self.meaning.of([start])
        thing = self._things[one.name]
        return Update(one.name, thing.type, meant, one.name)

    # -- actions ---------------------------------------------------------

    def _act(self, action: Action) -> None:
        choices: list[Choice] = []
        for one in action.instances:
            for parameters in self._choices(one):
                arguments = tuple(
                    (name, _filled(label, parameters))
                    for name, label in one.arguments
                )
                choices.append(
                    (arguments, partial(self._step, one, parameters))
                )
        self.build.add_action(evolve(action, instances=()), choices)

    def _choices(self, one: Instance) -> list[Parameters]:
        key = parameter_of(one)
        if not key:
            return [NONE]
        among: Sequence[Chunk | Granule] = self.domain.chunks
        if key.startswith(GRANULES):
            among = self.domain.granules
        return [{key: value} for value in among]

    def _step(self, one: Instance, parameters: Parameters) -> Step:
        return Step(
            when=self._flags(one.guard, parameters),
            then=[
                update
                for name, value in one.effect
                for update in self._updates(name, value, parameters)
            ],
        )

    def _flag(self, expression: Expression) -> Flag:
        (meant,) = self.meaning.of([expression])
        return flag(meant, "")

    def _flags(
        self, conjuncts: Sequence[Conjunct], parameters: Parameters = NONE
    ) -> list[Flag]:
        meant = self.meaning.of([c.expression for c in conjuncts], parameters)
        return [
            flag(expression, self._text(c.text, parameters))
            for c, expression in zip(conjuncts, meant, strict=True)
        ]

    def _text(self, text: str, parameters: Parameters) -> str:
        for key, number in self._limits.items():
            text = text.replace(placeholder(key), str(number))
        return _filled(text, parameters)

    def _updates(
        self, name: str, value: Expression, parameters: Parameters
    ) -> Sequence[Update]:
        kind = self.schema.fields[self.schema.position[name]].type
        if isinstance(kind, ChannelType):
            return self._moved(self._things[name], value, parameters)
        if isinstance(kind, TallyType):
            tally: Tally = self._things[name]
            moved: Sequence[Update] = getattr(tally, asked(value)[0])()
            return moved
        (new,) = self.meaning.of([value], parameters)
        declared = self._things[name].type if name in self._things else kind
        return [Update(name, declared, new, name)]

    def _moved(
        self, channel: Channel, value: Expression, parameters: Parameters
    ) -> Sequence[Update]:
        operation, of = asked(value)
        if operation != "put":
            moved: Sequence[Update] = getattr(channel, operation)()
            return moved
        kind = channel.kinds.members[of]
        payload: dict[str, Any] = {}
        carried = self.meaning.of(value.operands[1:], parameters)
        for part, meant in zip(channel.payloads[kind], carried, strict=True):
            type_: Any = channel.parts[part]
            made = {NameType: ChunkName, ContentsType: Contents}
            payload[part] = made.get(type(type_), Value)(type_, meant, part)
        return channel.put(kind, **payload)


def _filled(text: str, parameters: Parameters) -> str:
    for key, value in parameters.items():
        text = text.replace(placeholder(key), str(value))
    return text


def _check_forgotten(domain: Domain, channel: Channel) -> None:
    """That a proof for every capacity does not look at this one.

    The view of one granule forgets how much fits a channel of chunks only.
    """
    chunks = any(isinstance(t, NameType) for t in channel.parts.values())
    if isinstance(domain, Projected) and domain.any_channel and not chunks:
        raise ModelError(
            f"channel {channel.name} carries no chunk: give it a capacity in "
            "the text, not one of the options"
        )
