# SPDX-License-Identifier: GPL-2.0-or-later
"""Properties that could not fail, whatever the states are.

A conclusion that reads only what never changes cannot fail, nor can one that
no state violates (``tautology``).  What else a property needs to say anything
is in ``demands``.
"""

from __future__ import annotations

from collections.abc import Collection, Container

from checker.engines.evaluate import evaluate
from checker.engines.tautology import could_fail
from model.language import expression as ex
from model.language.expression import Expression
from model.language.machine import Machine, Property

SAYS_NOTHING = "no state could violate it: it says nothing"


def still(machine: Machine, silent: Container[str] = ()) -> frozenset[str]:
    """Return the fields that no step can change.

    No action writes them, or only one of those called ``silent``, which are
    known not to happen, or with what they hold from the first state on.
    """
    writes = [
        written
        for action in machine.actions
        if action.name not in silent
        for instance in action.instances
        for written in instance.effect
    ]
    kept = {f.name for f in machine.fields}
    left = len(kept) + 1
    # what is written from a field that changes may change as well
    while len(kept) < left:
        left = len(kept)
        for name, value in writes:
            if name in kept and not _keeps(machine, name, value, kept):
                kept.discard(name)
    return frozenset(kept)


def _keeps(
    machine: Machine, name: str, value: Expression, kept: Collection[str]
) -> bool:
    """Return whether ``value`` is what ``name`` holds in each first state."""
    if not ex.fields_read([value]) <= set(kept):
        return False
    place = machine.position[name]
    return all(
        evaluate(value, state, machine.position, {}) == state[place]
        for state in machine.initials
    )


def without_object(
    machine: Machine, prop: Property, unmoved: frozenset[str]
) -> str:
    """Return why the property could not fail in any state, or ''.

    ``unmoved``: the fields that are ``still``.
    """
    if prop.kind != "reachable":
        written = {name for one in machine.instances for name, _ in one.effect}
        for conjunct in prop.then:
            read = ex.fields_read([conjunct.expression])
            if read and not read & written:
                return f"'{conjunct.text}' reads only what no action writes"
    if prop.kind == "always" and not prop.over_step:
        read = ex.fields_read(c.expression for c in prop.then)
        if read and read <= unmoved:
            return f"'{prop.then[0].text}' reads only what never changes"
    if prop.trivial or could_fail(machine, prop):
        return ""
    return SAYS_NOTHING
