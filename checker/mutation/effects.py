# SPDX-License-Identifier: GPL-2.0-or-later
"""Changes of an effect: updates dropped, constants and conditions changed.

What a step does to a channel is one update, in however many slots it shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from attrs import evolve, frozen

from checker.mutation.change import Change, Kind, exchanged
from checker.mutation.wording import Words, comparisons
from model.language import expression as ex
from model.language.expression import Expression
from model.language.machine import Instance, Machine
from model.language.types import FlagType

Values = dict[str, Expression]


@frozen(eq=False)
class Owners:
    """Which fields are one: the slots of a channel."""

    channel_of: Mapping[str, str]

    @classmethod
    def of(cls, machine: Machine) -> Owners:
        """The channels of ``machine``."""
        return cls(
            {
                name: channel.name
                for channel in machine.channels
                for name, _ in channel.fields()
            }
        )

    def updates(self, instance: Instance) -> dict[str, Values]:
        """The updates of an instance: field or channel, and its values."""
        found: dict[str, Values] = {}
        for name, value in instance.effect:
            owner = self.channel_of.get(name, name)
            found.setdefault(owner, {})[name] = value
        return found


def effect_changes(
    instance: Instance, words: Words, owners: Owners
) -> Iterator[Change]:
    """Every change of the effect of ``instance``."""
    for owner, values in owners.updates(instance).items():
        rest = tuple(
            (name, value)
            for name, value in instance.effect
            if name not in values
        )
        yield Change(
            Kind.UPDATE,
            f"{owner} not updated",
            evolve(instance, effect=rest),
        )
        for kind, how, new in (
            *_constants_changed(values, words),
            *_conditions_changed(values, words),
        ):
            effect = tuple(
                (name, new.get(name, value)) for name, value in instance.effect
            )
            yield Change(
                kind, f"{owner}{how}", evolve(instance, effect=effect)
            )


def _constants_changed(
    values: Values, words: Words
) -> Iterator[tuple[Kind, str, Values]]:
    """Another member for each that is stored, and the other of two flags."""
    for name, value in values.items():
        flag = isinstance(words.types[name], FlagType)
        if flag and value.operator == "const":
            old, new = ("yes", "no") if value.value else ("no", "yes")
            changed = {name: ex.complement(value)}
            yield Kind.VALUE, f": {new} for {old}", changed
    stored = {
        (tuple(words.members(name).items()), code)
        for name, value in values.items()
        for code in _stored(value)
        if code in words.members(name)
    }
    for members, code in sorted(stored):
        known = dict(members)
        for other in (code - 1, code + 1):
            if other not in known:
                continue
            changed = {
                name: _with_stored(value, code, other)
                for name, value in values.items()
                if tuple(words.members(name).items()) == members
            }
            how = f": {known[other]} for {known[code]}"
            yield Kind.VALUE, how, changed


def _stored(value: Expression) -> set[int]:
    """The constants among which ``value`` chooses."""
    if value.operator == "const":
        return {value.value}
    if value.operator == "ite":
        _, one, other = value.operands
        return _stored(one) | _stored(other)
    return set()


def _with_stored(value: Expression, code: int, other: int) -> Expression:
    if value.operator == "const" and value.value == code:
        return ex.constant(other, value.width)
    if value.operator == "ite":
        condition, one, two = value.operands
        return ex.choice(
            condition,
            _with_stored(one, code, other),
            _with_stored(two, code, other),
        )
    return value


def _conditions_changed(
    values: Values, words: Words
) -> Iterator[tuple[Kind, str, Values]]:
    """Another member for each that a value asks for."""
    roots = list(values.values())
    for (name, code), node in comparisons(roots, words).items():
        known = words.members(name)
        for other in words.neighbours(name, code):
            field = ex.field_value(name, words.types[name].width)
            new = ex.equal(field, ex.constant(other, field.width))
            changed = exchanged(roots, {node: new})
            how = f" if {name}: {known[other]} for {known[code]}"
            yield (
                Kind.CONDITION,
                how,
                dict(zip(values, changed, strict=True)),
            )
