# SPDX-License-Identifier: GPL-2.0-or-later
"""The next stronger thing: an attempt succeeds, if nothing fails any more.

That every attempt ends says nothing of how.  So the same measures are asked
for a stronger goal, that of the ``reachable`` property that a migration
completes, from every state in which an attempt begins, whatever has failed
before.  From there on no step is a failure.
"""

from __future__ import annotations

from typing import Final

from attrs import evolve

from model.language import Machine
from model.language.machine import Property

SUCCEEDS: Final = "AttemptSucceeds"
#: the guarantee whose premise is that an attempt begins
ENDS: Final = "L1"
#: the ``reachable`` property whose conclusion is that it has succeeded
COMPLETES: Final = "MigrationCompletes"
DOC: Final = (
    "An attempt that has begun succeeds, if nothing fails from then on, "
    "whatever failed before."
)


def with_success(schema: Machine) -> Machine:
    """Return ``schema`` with the property that an attempt succeeds.

    As it is, if the text does not say what begins and what completes.
    """
    begins = [
        p
        for p in schema.properties
        if p.kind == "eventually" and p.guarantee == ENDS
    ]
    completes = [p for p in schema.properties if p.name == COMPLETES]
    if len(begins) != 1 or len(completes) != 1:
        return schema
    made = Property(
        SUCCEEDS,
        "eventually",
        "",
        DOC,
        when=begins[0].when,
        then=completes[0].then,
        assumes="nothing fails from then on",
    )
    return evolve(schema, properties=(*schema.properties, made))


def is_calm(prop: Property) -> bool:
    """Return whether ``prop`` is asked of runs in which nothing fails."""
    return prop.name == SUCCEEDS
