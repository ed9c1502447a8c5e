# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine that remembers whether an action was ever taken.

What a state looks like does not tell how it came about.  Where a demand asks
for one action after another, a flag that nothing else reads tells it.
"""

from __future__ import annotations

from attrs import evolve

from model.language import expression as ex
from model.language.machine import Field, Instance, Machine
from model.language.types import FlagType

FLAG = "taken"


def remembering(machine: Machine, action: str) -> Machine:
    """``machine`` with the flag ``FLAG``, set by each step of ``action``."""
    actions = tuple(
        evolve(each, instances=tuple(map(_sets, each.instances)))
        if each.name == action
        else each
        for each in machine.actions
    )
    return evolve(
        machine,
        fields=(*machine.fields, Field(FLAG, FlagType(), 0, ghost=True)),
        initials=tuple((*state, 0) for state in machine.initials),
        actions=actions,
    )


def _sets(instance: Instance) -> Instance:
    return evolve(instance, effect=(*instance.effect, (FLAG, ex.TRUE)))
