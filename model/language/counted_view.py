# SPDX-License-Identifier: GPL-2.0-or-later
"""The machine of the count: what a schema does where only that is known.

Only the fields are kept on which some guard or the property asked depends;
what a message carries counts as a field of its own.  A limit on the number of
members ("at most D are pending") is remembered: whether it is kept stays as
it is, unless the step may add to the set or take from it; it is kept where
the set is empty.  So one machine stands for every D.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from attrs import evolve, field, frozen

from model.language import expression as ex
from model.language.budgets import counted
from model.language.by_chunk import ByChunk
from model.language.cases import cases
from model.language.channel import KindType
from model.language.counted import (
    Counting,
    Words,
    is_about_parameter,
    text_of,
)
from model.language.counted_channel import SLOTS, CountedChannel
from model.language.errors import ModelError
from model.language.expression import Expression
from model.language.machine import (
    Action,
    Conjunct,
    Field,
    Instance,
    Machine,
    Property,
    State,
    Variable,
)
from model.language.movement import after_step, may_enter, may_leave
from model.language.projected_channel import slots_suffice
from model.language.schematic import SORTS, Sort, asked
from model.language.schematic_channel import ChannelType
from model.language.tally import TallyType
from model.language.tokens import Limit
from model.language.types import Type
from model.language.unknown import (
    combinations,
    is_unknown,
    open_question,
    replaced,
    unknowns,
)

#: the words of a field of the count, by the sort of the schema's field
WORDS: Mapping[Sort, tuple[str, ...]] = {
    Sort.GRANULES: ("empty", "some"),
    Sort.CHUNKS: ("empty", "some"),
    Sort.CONTENTS: ("empty", "some"),
    Sort.POSITION: ("not at end", "at end"),
    Sort.NAME: ("none", "some"),
}
KEPT_OR_NOT = ("more", "few")
#: the words of a tally, by the question that is asked of it
OF_TALLY: Mapping[str, tuple[str, ...]] = {
    "any_left": ("none left", "some left"),
    "is_full": ("not full", "full"),
}


@frozen(kw_only=True)
class Supposed:
    """What a count supposes of the numbers that the options give.

    ``kept``: limits on a set that are always kept, as D >= M is.
    ``limited``: tallies that have a limit, of any size; any other has none.
    ``absent``: budgets of which there is none at all.  ``properties``: names
    of those that are asked; all, if there are none.
    """

    kept: frozenset[str] = frozenset()
    limited: frozenset[str] = frozenset()
    absent: frozenset[str] = frozenset()
    properties: frozenset[str] = frozenset()


@frozen
class Reading:
    """The classes that read a schema in the count; others in tests only."""

    counting: type[Counting] = Counting
    channel: type[CountedChannel] = CountedChannel
    by_chunk: type[ByChunk] = ByChunk


@frozen(eq=False, kw_only=True)
class CountedView:
    """The count of ``schema``, about its ``eventually`` properties.

    ``schema``: with the fields kept, and their effects, alone.  ``machine``:
    without unknowns.  ``origin``: for each instance of ``machine``, the
    number of the schema's instance.  ``open``: the schema's instances, with
    unknowns.  ``remembered``: the field of each limit.
    """

    schema: Machine
    numbers: Supposed
    counting: Counting
    machine: Machine
    origin: tuple[int, ...]
    open: tuple[Instance, ...]
    remembered: Mapping[Expression, str]
    reading: Reading

    @property
    def kept(self) -> tuple[str, ...]:
        """Names of the schema's fields that are kept."""
        return tuple(f.name for f in self.schema.fields)

    def sure(self, action: str) -> Expression:
        """Return where an action can be taken on each disk seen like this.

        What is asked about its parameter is answered as it likes, because
        any instance of it serves; what else is not known, the worst way.  A
        guard that asks two things of its parameter is never sure.
        """
        found: Expression = ex.FALSE
        for one in self.open:
            if one.action == action:
                found = ex.disjunction(found, _sure(one))
        return found


def _sure(instance: Instance) -> Expression:
    guard = instance.enabled
    asks = unknowns([guard])
    mine = [name for name in asks if is_about_parameter(name)]
    if len(mine) > 1:
        return ex.FALSE
    (guard,) = replaced([guard], dict.fromkeys(mine, ex.TRUE))
    rest = [name for name in asks if name not in mine]
    return ex.all_of(
        replaced([guard], answers)[0] for answers in combinations(rest)
    )


# -- what is kept ------------------------------------------------------------


def reads(expression: Expression) -> frozenset[str]:
    """Return the fields that a term of a schema depends on.

    What a message carries is named CHANNEL.PART.
    """
    found = set(ex.fields_read([expression]))
    for node in ex.walk([expression]):
        operation, of = asked(node)
        is_part = operation.startswith("head_") and operation != "head_is"
        if node.operator == "ask" and is_part:
            found.add(f"{node.operands[0].name}.{of}")
    return frozenset(found)


def sliced(schema: Machine, names: frozenset[str] = frozenset()) -> Machine:
    """Return ``schema`` with the fields on which guards depend.

    And those on which its ``eventually`` properties do, which are the only
    ones that are left: those called ``names``, or all if there are none.
    """
    asked_of = tuple(
        p
        for p in schema.properties
        if p.kind == "eventually" and (not names or p.name in names)
    )
    needed: set[str] = set()
    for prop in asked_of:
        for conjunct in (*prop.when, *prop.then):
            needed |= reads(conjunct.expression)
    for one in schema.instances:
        for conjunct in one.guard:
            needed |= reads(conjunct.expression)
    while True:
        more = {
            name
            for one in schema.instances
            for field_, value in one.effect
            for name in _needs(schema, field_, value, needed)
        }
        if more <= needed:
            break
        needed |= more
    fields = tuple(f for f in schema.fields if f.name in needed)
    actions = tuple(
        evolve(
            action,
            instances=tuple(
                evolve(
                    one,
                    effect=tuple(
                        (name, value)
                        for name, value in one.effect
                        if name in needed
                    ),
                    said=(),
                )
                for one in action.instances
            ),
        )
        for action in schema.actions
    )
    places = [schema.position[f.name] for f in fields]
    return evolve(
        schema,
        fields=fields,
        variables=(),
        initials=tuple(
            dict.fromkeys(
                tuple(state[i] for i in places) for state in schema.initials
            )
        ),
        actions=actions,
        properties=asked_of,
        costs=(),
        notes={},
        may_end=ex.TRUE,
        channels=tuple(c for c in schema.channels if c.name in needed),
    )


def _needs(
    schema: Machine, name: str, value: Expression, needed: set[str]
) -> Iterator[str]:
    """Yield what an update of a field that is needed depends on."""
    if name not in needed:
        return
    operation, of = asked(value)
    if value.operator == "ask" and operation == "put":
        channel = {c.name: c for c in schema.channels}[name]
        parts = channel.payloads[channel.kinds.members[of]]
        for part, operand in zip(parts, value.operands[1:], strict=True):
            if f"{name}.{part}" in needed:
                yield from reads(operand)
    else:
        yield from reads(value)


# -- the machine -------------------------------------------------------------


def counted_view(
    schema: Machine, numbers: Supposed, reading: Reading | None = None
) -> CountedView:
    """Return the count of ``schema``, about its ``eventually`` properties.

    Raises ModelError if the count has no meaning for something in it.
    """
    reading = reading or Reading()
    small = sliced(_with_budgets(schema, numbers), numbers.properties)
    channels = {
        c.name: reading.channel(
            c,
            SLOTS if isinstance(c.capacity, Limit) else c.capacity,
            isinstance(c.capacity, Limit),
        )
        for c in small.channels
    }
    remembered = dict(_limits(small, numbers))
    tallies = {f.name: _asked_of(small, f.name) for f in small.fields}
    counting = reading.counting(
        channels,
        remembered,
        numbers.kept,
        {name: question for name, question in tallies.items() if question},
    )
    making = _Making(small, numbers, counting, channels, remembered, reading)
    return making.view()


def _asked_of(schema: Machine, tally: str) -> str:
    """Return a question that is asked of a tally, or '' if it is none."""
    if not isinstance(schema.fields[schema.position[tally]].type, TallyType):
        return ""
    roots = [c.expression for one in schema.instances for c in one.guard]
    for node in ex.walk(roots):
        question = asked(node)[0]
        is_one = node.operator == "ask" and question in OF_TALLY
        if is_one and node.operands[0].name == tally:
            return question
    raise ModelError(f"tally {tally} is asked nothing")


def _with_budgets(schema: Machine, numbers: Supposed) -> Machine:
    """Return the schema with what limited budgets ask, and without absent.

    A tally without a limit is not a field.
    """
    actions = []
    for action in schema.actions:
        if not _is_there(action, numbers.absent):
            continue
        name = counted(action.spends)
        instances = action.instances
        if action.spends and name in numbers.limited:
            instances = tuple(_spending(one, name) for one in instances)
        actions.append(evolve(action, instances=instances))
    fields = tuple(
        f
        for f in schema.fields
        if not isinstance(f.type, TallyType) or f.name in numbers.limited
    )
    places = [schema.position[f.name] for f in fields]
    return evolve(
        schema,
        fields=fields,
        actions=tuple(actions),
        initials=tuple(
            tuple(state[i] for i in places) for state in schema.initials
        ),
    )


def _is_there(action: Action, absent: frozenset[str]) -> bool:
    alternatives = [n.split("|") for n in (*action.needs, action.spends) if n]
    return all(
        any(name not in absent for name in names) for names in alternatives
    )


def _spending(one: Instance, name: str) -> Instance:
    """Return the instance, which takes one of a tally that has a limit."""
    now = ex.field_value(name, int(Sort.TALLY))
    left = ex.asked("any_left", 1, (now,))
    less = ex.asked("one_less", int(Sort.TALLY), (now,))
    return evolve(
        one,
        guard=(*one.guard, Conjunct(f"{name} > 0", left)),
        effect=(*one.effect, (name, less)),
    )


def _limits(
    schema: Machine, numbers: Supposed
) -> Iterator[tuple[Expression, str]]:
    """Yield the limits that are remembered, with names for their fields.

    Those that a fair action or the property asks; others stay unknown.
    """
    fair = [i for a in schema.actions if a.fair for i in a.instances]
    roots = [c.expression for one in fair for c in one.guard]
    for prop in schema.properties:
        roots += [prop.premise, prop.conclusion]
    for node in ex.walk(roots):
        operation, of = asked(node)
        is_limit = node.operator == "ask" and operation == "at_most"
        if is_limit and of != "0" and of not in numbers.kept:
            yield node, f"at most {of} in {text_of(node.operands[0])}"


@frozen(eq=False)
class _Making:
    """Makes the machine of a view, field by field and step by step."""

    small: Machine
    numbers: Supposed
    counting: Counting
    channels: Mapping[str, CountedChannel]
    remembered: Mapping[Expression, str]
    reading: Reading
    kept: tuple[str, ...] = field(init=False)

    def __attrs_post_init__(self) -> None:
        kept = tuple(
            f.name
            for f in self.small.fields
            if not isinstance(f.type, ChannelType | TallyType)
        )
        object.__setattr__(self, "kept", kept)

    def view(self) -> CountedView:
        """Return the whole view."""
        actions, origin, open_ = [], [], []
        number = 0
        for action in self.small.actions:
            made: list[Instance] = []
            for one in action.instances:
                read = self._instance(one)
                open_.append(read)
                found = cases(read)
                made += found
                origin += [number] * len(found)
                number += 1
            actions.append(evolve(action, instances=tuple(made)))
        fields = tuple(self._fields())
        machine = Machine(
            self.small.name,
            fields,
            tuple(_variable(f) for f in fields),
            tuple(dict.fromkeys(self._starts(fields))),
            tuple(actions),
            tuple(self._properties()),
            may_end=ex.TRUE,
            invariants=tuple(c.canonical() for c in self.channels.values()),
        )
        return CountedView(
            schema=self.small,
            numbers=self.numbers,
            counting=self.counting,
            machine=machine,
            origin=tuple(origin),
            open=tuple(open_),
            remembered=self.remembered,
            reading=self.reading,
        )

    def _fields(self) -> Iterator[Field]:
        for one in self.small.fields:
            sort = SORTS.get(one.type.width)
            if one.name in self.channels:
                kinds: Type = KindType(
                    self.channels[one.name].channel.kinds.members
                )
                for name in self.channels[one.name].fields():
                    yield Field(name, kinds, 0, doc=one.doc)
            elif one.name in self.counting.tallies:
                words = OF_TALLY[self.counting.tallies[one.name]]
                yield Field(one.name, Words(words), 0, doc=one.doc)
            elif sort is None:
                yield one
            else:
                yield Field(one.name, Words(WORDS[sort]), 0, doc=one.doc)
        for node, name in self.remembered.items():
            doc = "whether the limit on what is in the set is kept"
            full = self._is_full_at_first(node)
            yield Field(name, Words(KEPT_OR_NOT), full, doc=doc)

    def _is_full_at_first(self, node: Expression) -> int:
        return int(self.counting.of(node.operands[0]) is ex.FALSE)

    def _starts(self, fields: tuple[Field, ...]) -> Iterator[State]:
        for state in self.small.initials:
            codes: dict[str, Expression] = {}
            for one, code in zip(self.small.fields, state, strict=True):
                if one.name in self.channels:
                    for name in self.channels[one.name].fields():
                        width = self.channels[one.name].channel.kinds.width
                        codes[name] = ex.constant(0, width)
                elif isinstance(one.type, TallyType):
                    codes[one.name] = ex.constant(int(one.type.full), 1)
                elif one.type.width in SORTS:
                    codes[one.name] = ex.constant(int(code != 0), 1)
                else:
                    codes[one.name] = ex.constant(code, one.type.width)
            yield from self._with_limits(codes, fields)

    def _with_limits(
        self, codes: dict[str, Expression], fields: tuple[Field, ...]
    ) -> Iterator[State]:
        """Yield a start for each way in which the limits may be kept."""
        names = list(self.remembered.values())
        for answers in combinations(names):
            wrong = False
            for node, name in self.remembered.items():
                some = self.counting.of(node.operands[0])
                (some,) = replaced([some], codes)
                wrong |= some is ex.FALSE and answers[name] is ex.FALSE
            if not wrong:
                told = {**codes, **answers}
                yield tuple(told[f.name].value for f in fields)

    def _instance(self, one: Instance) -> Instance:
        guard = tuple(
            Conjunct(c.text, self.counting.of(c.expression)) for c in one.guard
        )
        effect: dict[str, Expression] = {}
        for name, value in one.effect:
            effect.update(self.counting.effect(name, value))
        for node, name in self.remembered.items():
            later = self._limit_after(one, node, name)
            if later is not None:
                effect[name] = later
        return evolve(
            one,
            guard=guard,
            effect=tuple(
                (name, value)
                for name, value in effect.items()
                if not (value.operator == "field" and value.name == name)
            ),
        )

    def _limit_after(
        self, one: Instance, node: Expression, name: str
    ) -> Expression | None:
        """Return whether a limit is kept after a step; None: as before."""
        (members,) = node.operands
        later = after_step(one, members)
        if later is members:
            return None
        nothing = ex.complement(self.counting.of(later))
        now = ex.field_value(name, 1)
        seen = self.reading.by_chunk
        more = may_enter(self.counting, one, members, self.kept, seen)
        less = may_leave(self.counting, one, members, self.kept, seen)
        stays = ex.conjunction(now, ex.complement(more))
        comes = ex.conjunction(ex.complement(now), less)
        may_be = ex.disjunction(comes, ex.conjunction(now, more))
        told = open_question(f"after the step: {name}")
        return ex.any_of([nothing, stays, ex.conjunction(may_be, told)])

    def _properties(self) -> Iterator[Property]:
        for prop in self.small.properties:
            yield evolve(
                prop,
                when=tuple(self._plain(c) for c in prop.when),
                then=tuple(self._plain(c) for c in prop.then),
            )
        for channel in self.channels.values():
            if channel.any_capacity:
                fits = Conjunct("the slots suffice", channel.fits())
                yield Property(
                    slots_suffice(channel.name), "always", "", "", then=(fits,)
                )

    def _plain(self, conjunct: Conjunct) -> Conjunct:
        """Return a conjunct of the property, which the count must decide."""
        meant = self.counting.of(conjunct.expression)
        if any(map(is_unknown, ex.fields_read([meant]))):
            raise ModelError(
                f"the count does not decide whether {conjunct.text}"
            )
        return evolve(conjunct, expression=meant)


def _variable(one: Field) -> Variable:
    def show(codes: tuple[int, ...]) -> str:
        return one.type.show(codes[0])

    return Variable(one.name, (one.name,), show)


def fair_actions(machine: Machine) -> Iterable[str]:
    """Return the names of the fair actions, each once."""
    return dict.fromkeys(a.name for a in machine.actions if a.fair)
