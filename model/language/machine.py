# SPDX-License-Identifier: GPL-2.0-or-later
"""A finished machine: fields, actions and properties as plain data.

This is the one text that engines, traces and exports read.  A state is a
tuple of codes, one per field, in the order of ``Machine.fields``.  An action
is a guard (a conjunction, kept conjunct by conjunct so that a replay can say
which one was false) and an effect (one expression per field that changes, all
of them read in the old state).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Literal

from attrs import field, frozen

from model.language import expression as ex
from model.language.channel import Channel
from model.language.errors import ModelError
from model.language.expression import Expression
from model.language.types import Type

State = tuple[int, ...]
Kind = Literal["always", "reachable", "eventually"]


@frozen
class Field:
    """One component of the state; ``ghost`` data no host can see.

    ``chunk``: for the contents of a chunk, the field that names the chunk.
    ``doc``: what it means, as a clause.
    """

    name: str
    type: Type
    initial: int
    ghost: bool = False
    chunk: str = ""
    doc: str = ""

    @property
    def expression(self) -> Expression:
        """The field's present value."""
        return ex.field_value(self.name, self.type.width)


@frozen(eq=False)
class Variable:
    """What people call a field: one field, or the slots of a channel.

    ``show`` takes the codes of ``fields`` and returns what people read.
    """

    name: str
    fields: tuple[str, ...]
    show: Callable[[tuple[int, ...]], str]
    ghost: bool = False


@frozen(eq=False)
class Conjunct:
    """One truth value of a guard or of a property.

    ``means``: where ``text`` is a name, what it stands for.
    """

    text: str
    expression: Expression
    means: str = ""


@frozen(eq=False)
class Instance:
    """An action with its parameters filled in.

    ``assumed``: what is supposed of the rest of the disk, where a domain
    cannot know it: questions and answers.  ``said``: the effect as it was
    written, for each field a line and the name of the effect that it is part
    of, or ''; in a schema only.
    """

    action: str
    actor: str
    arguments: tuple[tuple[str, str], ...]
    guard: tuple[Conjunct, ...]
    effect: tuple[tuple[str, Expression], ...]
    assumed: tuple[tuple[str, bool], ...] = ()
    said: tuple[tuple[str, str], ...] = ()

    @property
    def enabled(self) -> Expression:
        """The whole guard."""
        return ex.all_of(c.expression for c in self.guard)

    @property
    def label(self) -> str:
        """Action and parameters as people write them."""
        inside = ", ".join(f"{k}={v}" for k, v in self.arguments)
        return f"{self.action}({inside})" if inside else self.action


@frozen(eq=False)
class Action:
    """A step of one actor.

    ``fair``: not put off for ever while it stays enabled (weak fairness, for
    the action as a whole: any of its instances serves).  ``fault``: a failure
    event.  ``doc``: what it is, and the QEMU function it stands for.
    ``silent``: why it may never fire, or ''.  ``spends``: the budget of which
    each step takes one, or ''.  ``needs``: budgets without which it is not
    there, each a name or several with '|' between them.
    """

    name: str
    actor: str
    fair: bool
    fault: bool
    doc: str
    instances: tuple[Instance, ...]
    silent: str = ""
    spends: str = ""
    needs: tuple[str, ...] = ()


@frozen(eq=False)
class Property:
    """What is asked of a machine.

    always: in every state, if all of ``when`` then all of ``then``.
    reachable: some state meets all of ``then``, or one of ``by`` fires.
    eventually: once all of ``when``, later all of ``then``.
    ``over_step``: it is about every step; ``of_step``, where the steps were
    put in: the property as it was said of a step.
    ``assumes``: what it takes for granted, as a clause, or ''.  ``needs``:
    budgets without which it is not asked, as of an action.  ``trivial``: why
    it may say nothing at some sizes, or ''.  ``consequence``: a name for what
    a violation does to the user, or ''.
    """

    name: str
    kind: Kind
    guarantee: str
    doc: str
    when: tuple[Conjunct, ...] = ()
    then: tuple[Conjunct, ...] = ()
    by: tuple[str, ...] = ()
    assumes: str = ""
    needs: tuple[str, ...] = ()
    trivial: str = ""
    consequence: str = ""
    over_step: bool = False
    of_step: Property | None = None

    @property
    def premise(self) -> Expression:
        """All of ``when``."""
        return ex.all_of(c.expression for c in self.when)

    @property
    def conclusion(self) -> Expression:
        """All of ``then``."""
        return ex.all_of(c.expression for c in self.then)

    @property
    def violated(self) -> Expression:
        """For ``always``: the states that violate it."""
        return ex.conjunction(self.premise, ex.complement(self.conclusion))


@frozen(eq=False)
class Cost:
    """Something to count along a run: steps by ``actions`` taken ``when``."""

    name: str
    actions: frozenset[str]
    when: Expression


@frozen(eq=False)
class Rank:
    """A number that steps may lower, by which a proof shows that runs end.

    The sum of weight times how much there is (``size``) over ``parts``; the
    width of a part says what is counted.  ``at_least``: the limits for which
    it is meant, each with the least of them.
    """

    name: str
    parts: tuple[tuple[int, Expression], ...]
    at_least: tuple[tuple[str, int], ...] = ()


@frozen(eq=False)
class Machine:
    """A whole model, ready to be explored.

    ``may_end`` is true in states that may have no successor; any other state
    without one is a deadlock.  ``notes`` are named predicates that a report
    asks about (for example "bitmap is lost"), not properties.
    ``not_promised`` maps a guarantee to the reason why it is not a property.
    ``undecided`` maps a property to the reason why this machine cannot
    decide it.  ``invariants``: what holds of the fields' form beside their
    types.  ``budgets``: what the text may spend, by name.  ``ranks``: numbers
    that a proof may use; they decide nothing.
    """

    name: str
    fields: tuple[Field, ...]
    variables: tuple[Variable, ...]
    initials: tuple[State, ...]
    actions: tuple[Action, ...]
    properties: tuple[Property, ...]
    costs: tuple[Cost, ...] = ()
    may_end: Expression = ex.FALSE
    notes: Mapping[str, Expression] = field(factory=dict)
    not_promised: Mapping[str, str] = field(factory=dict)
    invariants: tuple[Expression, ...] = ()
    undecided: Mapping[str, str] = field(factory=dict)
    channels: tuple[Channel, ...] = ()
    budgets: tuple[str, ...] = ()
    ranks: tuple[Rank, ...] = ()

    @cached_property
    def position(self) -> Mapping[str, int]:
        """Index of each field in a state."""
        return {f.name: i for i, f in enumerate(self.fields)}

    @cached_property
    def instances(self) -> tuple[Instance, ...]:
        """All instances of all actions, in the order they were declared."""
        return tuple(i for a in self.actions for i in a.instances)

    @cached_property
    def type_invariant(self) -> Expression:
        """Every field holds a code in use; channels are canonical."""
        valid = [f.type.is_valid(f.expression) for f in self.fields]
        return ex.all_of([*valid, *self.invariants])

    def action(self, name: str) -> Action:
        """The action called ``name``."""
        for action in self.actions:
            if action.name == name:
                return action
        raise ModelError(f"{self.name} has no action '{name}'")

    def property(self, name: str) -> Property:
        """The property called ``name``."""
        for prop in self.properties:
            if prop.name == name:
                return prop
        allowed = ", ".join(p.name for p in self.properties)
        raise ModelError(
            f"{self.name} has no property '{name}'; it has {allowed}"
        )

    def show(self, variable: Variable, state: State) -> str:
        """One variable of a state as people read it."""
        codes = tuple(state[self.position[name]] for name in variable.fields)
        return variable.show(codes)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all that decides how the machine behaves.

        It does not depend on what was built before in the same process.
        """
        parts: list[str] = []
        named = _Names()
        for f in self.fields:
            parts.append(f"field {f.name} {f.type} {f.type.width}")
        parts.append(f"initials {self.initials}")
        for action in self.actions:
            parts.append(f"action {action.name} {action.fair}")
            for instance in action.instances:
                guard = [named.of(c.expression) for c in instance.guard]
                effect = [(n, named.of(e)) for n, e in instance.effect]
                parts.append(f"{instance.label} {guard} {effect}")
        for prop in self.properties:
            when, then = named.of(prop.premise), named.of(prop.conclusion)
            kind = "step" if prop.over_step else prop.kind
            parts.append(f"{kind} {prop.name} {when} {then} {prop.by}")
        parts.append(f"may end {named.of(self.may_end)}")
        parts.append(f"invariants {[named.of(i) for i in self.invariants]}")
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


class _Names:
    """Names expressions by what they say, whatever their operands' order.

    Operands of what commutes stand in the order in which they were made.
    """

    def __init__(self) -> None:
        self._known: dict[Expression, str] = {}

    def of(self, root: Expression) -> str:
        """The name of ``root``; alike if and only if it says the same."""
        known = self._known
        if root not in known:
            for node in ex.walk([root]):
                if node not in known:
                    known[node] = self._name(node)
        return known[root]

    def _name(self, node: Expression) -> str:
        inside = [self._known[operand] for operand in node.operands]
        if node.operator in ex.COMMUTATIVE:
            inside.sort()
        text = f"{node.operator} {node.width} {inside} {node.value} "
        text += node.name
        return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
