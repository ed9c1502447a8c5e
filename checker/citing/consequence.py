# SPDX-License-Identifier: GPL-2.0-or-later
"""What a violation does to an incremental backup, in one or two sentences.

The property names a consequence, or its guarantee does; the sentences are in
``model.guarantees``.  What they leave open is taken from the last state of
the trace: they name the granules.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from checker.citing.second import is_of_second, second
from checker.engines.exploration import TYPE_INVARIANT
from checker.engines.verdict import DEADLOCK
from checker.text import joined
from checker.traces.trace import Trace
from model.guarantees import (
    BAD_MODEL,
    CONSEQUENCES,
    GUARANTEES,
    NOWHERE,
    OWN_BOOKS,
    Said,
)
from model.language.machine import Machine, State

OWN_PROPERTY = (
    "The user asks this property; the design does not guarantee it. The user "
    "decides what it means for a backup."
)
_OF_NO_PROPERTY = {DEADLOCK: NOWHERE, TYPE_INVARIANT: BAD_MODEL}


def consequence(machine: Machine, trace: Trace) -> str:
    """Return the sentences about the violation that ``trace`` shows."""
    if trace.own is not None:
        return OWN_PROPERTY
    prop = trace.property_name
    this = _Bitmap(machine, trace.states[-1], is_of_second(prop))
    for said in CONSEQUENCES[_named(machine, prop)]:
        if all(this.shown(field) == value for field, value in said.where):
            return said.text.format_map(_words(this, said, trace))
    return ""


def _named(machine: Machine, prop: str) -> str:
    """The key of the consequence: the property's own, or its guarantee's."""
    if prop in _OF_NO_PROPERTY:
        return _OF_NO_PROPERTY[prop]
    found = machine.property(prop)
    if found.consequence:
        return found.consequence
    guarantee = GUARANTEES.get(found.guarantee)
    return OWN_BOOKS if guarantee is None else guarantee.consequence


@frozen
class _Bitmap:
    """One of the bitmaps in a state."""

    machine: Machine
    state: State
    is_second: bool

    def members(self, field: str) -> int:
        """A set, as bits; ``field``: its name where there is one bitmap."""
        return self.state[self.machine.position[self._own(field)]]

    def shown(self, field: str) -> str:
        """A field's value as people read it."""
        at = self.machine.position[self._own(field)]
        return str(self.machine.fields[at].type.show(self.state[at]))

    def _own(self, field: str) -> str:
        """The name of the field of this bitmap, or of both."""
        if self.is_second and second(field) in self.machine.position:
            return second(field)
        return field


def _words(this: _Bitmap, said: Said, trace: Trace) -> Mapping[str, str]:
    """What stands for the names in braces."""
    edited = trace.options.bounds.edits != 0
    words = {
        "second": "second " if this.is_second else "",
        "or_merged": ", or merged in by the user," if edited else ",",
    }
    if said.granules is not None:
        some, others = said.granules
        numbers = _numbers(this.members(some) & ~this.members(others))
        one = len(numbers) == 1
        granules = f"granule{'' if one else 's'} {joined(numbers)}"
        words |= {
            "granules": granules,
            "Granules": granules.capitalize(),
            "have": "has" if one else "have",
            "them": "it" if one else "them",
        }
    return words


def _numbers(members: int) -> list[str]:
    return [str(i) for i in range(members.bit_length()) if members >> i & 1]
