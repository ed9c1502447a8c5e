# SPDX-License-Identifier: GPL-2.0-or-later
"""How a model text becomes a machine.

Declare fields, then actions, then properties; ``machine()`` checks the whole
and freezes it.  An action is written as a function that returns its ``Step``:

    @build.action("destination", fair=True)
    def dirty_bitmap_load_complete() -> Step:
        '''The bitmap is whole.  QEMU: dirty_bitmap_load_complete().'''
        return given(stream.head_is(Message.COMPLETE)).then(
            stream.take(), dst.bitmap.becomes(Incoming.COMPLETE)
        )

The function's name is the action's name.  With ``over``, the function takes
one parameter and the action has one instance per value; where ``over`` maps
names to values it takes several, and there is an instance per combination.
"""

from __future__ import annotations

import enum
import inspect
from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain
from typing import TypeVar

from attrs import define, evolve
from attrs import field as attribute

from model.language import expression as ex
from model.language.budgets import Needs
from model.language.cases import cases
from model.language.errors import ModelError, described
from model.language.machine import (
    Action,
    Instance,
    Machine,
)
from model.language.made import (
    Over,
    combinations_of,
    initials,
    known,
    label,
    says_nothing,
)
from model.language.over_step import in_states
from model.language.projected_channel import (
    ProjectedChannel,
    slots_suffice,
)
from model.language.properties import Properties
from model.language.schematic import SORTS
from model.language.step import Step
from model.language.values import Flag, Update

Member = TypeVar("Member", bound=enum.Enum)
Step_ = TypeVar("Step_", bound=Callable[..., Step])
Choice = tuple[tuple[tuple[str, str], ...], Callable[[], Step]]


@define(eq=False)
class MachineBuilder(Properties):
    """Collects a model text; see the module's docstring."""

    _absent: set[str] = attribute(factory=set, init=False)
    _actions: dict[str, Action] = attribute(factory=dict, init=False)
    _starts: list[dict[str, int]] = attribute(factory=list, init=False)
    _may_end: ex.Expression = attribute(default=ex.FALSE, init=False)

    # -- initial states --------------------------------------------------

    def start(self, *updates: Update) -> None:
        """Add an initial state: the declared values but for ``updates``.

        Without any call there is one initial state, as declared.
        """
        start: dict[str, int] = {}
        for update in updates:
            if update.field not in self._fields or update.field in start:
                raise ModelError(
                    f"initial state: field {update.field} is not declared, "
                    "or is set twice"
                )
            if update.expression.operator != "const":
                raise ModelError(
                    f"initial state: field {update.field} needs a constant, "
                    f"not '{update.text}'"
                )
            start[update.field] = update.expression.value
        self._starts.append(start)

    def may_end(self, *when: Flag) -> None:
        """States in which the machine may come to rest: no deadlock."""
        ends = ex.all_of(c.expression for c in self._conjuncts(when))
        self._may_end = ex.disjunction(self._may_end, ends)

    # -- actions ---------------------------------------------------------

    def action(
        self,
        actor: str,
        over: Over | None = None,
        fair: bool = False,
        fault: bool = False,
        spends: str = "",
        needs: Needs = (),
        silent: str = "",
        suffix: str = "",
    ) -> Callable[[Step_], Step_]:
        """Decorator: the function below is an action of ``actor``.

        ``spends``: the budget of which each step takes one.  ``needs``:
        budgets without which the action is not there at all, each a name or
        several with '|' between them.  ``silent``: why it may never fire in
        some configurations; without a reason that is an error.  ``suffix``:
        what its name has behind the function's.
        """

        def declare(function: Step_) -> Step_:
            name = function.__name__ + suffix
            doc = inspect.getdoc(function) or ""
            names = list(inspect.signature(function).parameters)
            choices: list[Choice] = [
                (
                    tuple((n, label(v)) for n, v in values.items()),
                    partial(function, *values.values()),
                )
                for values in combinations_of(over, names, name)
            ]
            head = Action(
                name, actor, fair, fault, doc, (), silent, spends, tuple(needs)
            )
            self.add_action(head, choices)
            return function

        return declare

    def add_action(self, head: Action, choices: Sequence[Choice]) -> None:
        """Add an action with an instance for each of ``choices``.

        ``head``: the action without instances.  A choice is the parameters
        as people write them, and what returns the step.
        """
        name = head.name
        if name in self._actions or name in self._absent:
            raise ModelError(f"action {name} is declared twice")
        if head.fair and head.fault:
            raise ModelError(
                f"action {name} is fair and a fault: what fails owes nothing"
            )
        if not choices:
            raise ModelError(f"action {name} has no instance")
        labels = [arguments for arguments, _ in choices]
        if len(set(labels)) != len(labels):
            raise ModelError(f"action {name}: 'over' repeats a value")
        instances: list[Instance] = []
        try:
            if not self.is_there(head.needs, head.spends):
                self._absent.add(name)
                return
            for arguments, step in choices:
                spent = self.spending(step(), head.spends)
                made = self._instance(name, head.actor, arguments, spent)
                instances += cases(made)
        except ModelError as error:
            raise error.within(f"action {name}") from None
        if not instances:
            raise ModelError(f"action {name} has no instance")
        self._actions[name] = evolve(head, instances=tuple(instances))

    def _instance(
        self,
        name: str,
        actor: str,
        arguments: tuple[tuple[str, str], ...],
        step: Step,
    ) -> Instance:
        if not isinstance(step, Step):
            raise ModelError(f"returns {described(step)}, not a step")
        guard = self._conjuncts(step.when)
        for conjunct in guard:
            ghosts = self._ghosts(ex.fields_read([conjunct.expression]))
            if ghosts:
                raise ModelError(
                    f"guard '{conjunct.text}' reads ghost field {ghosts[0]}"
                )
        effect: dict[str, ex.Expression] = {}
        said: list[tuple[str, str]] = []
        for update in chain.from_iterable(
            u if isinstance(u, tuple) else (u,) for u in step.then
        ):
            if not isinstance(update, Update):
                raise ModelError(f"{described(update)} in 'then' is no update")
            self._check_update(update)
            if update.field in effect:
                raise ModelError(f"field {update.field} is set twice")
            effect[update.field] = update.expression
            if update.expression is not self._fields[update.field].expression:
                said.append((str(update), update.part_of))
        changed = tuple(
            (f, e)
            for f, e in effect.items()
            if e is not self._fields[f].expression
        )
        return Instance(
            name, actor, arguments, guard, changed, (), tuple(said)
        )

    def _check_update(self, update: Update) -> None:
        declared = self._fields.get(update.field)
        if declared is None or declared.type != update.type:
            raise ModelError(f"field {update.field} is not declared")
        read = ex.fields_read([update.expression])
        self._check_declared(read)
        ghosts = self._ghosts(read)
        if ghosts and not declared.ghost:
            raise ModelError(
                f"field {update.field} is real but its new value reads ghost "
                f"field {ghosts[0]}"
            )

    # -- the result ------------------------------------------------------

    def machine(self) -> Machine:
        """The finished machine.  Raises ModelError if it makes no sense."""
        if not self._fields:
            raise ModelError(f"{self.name} has no fields")
        self._add_channel_properties()
        there = partial(known, actions=self._actions, absent=self._absent)
        self._properties = {
            name: evolve(prop, by=there(f"property {name}", prop.by))
            for name, prop in self._properties.items()
        }
        costs = [
            evolve(c, actions=frozenset(there(f"cost {c.name}", [*c.actions])))
            for c in self._costs
        ]
        if not self._is_before_size:
            self._ask_states_of_steps()
        self._check_constant_properties()
        return Machine(
            self.name,
            tuple(self._fields.values()),
            tuple(self._variables),
            initials(self._fields, self._starts, self._alternatives),
            tuple(self._actions.values()),
            tuple(self._properties.values()),
            tuple(costs),
            self._may_end,
            dict(self._notes),
            dict(self._unpromised),
            tuple(self._invariants),
            dict(self._undecided),
            tuple(self._channels),
            tuple(self._budgets),
            tuple(self._ranks.values()),
        )

    def _add_channel_properties(self) -> None:
        """Where slots stand for a channel of any capacity: they suffice."""
        for channel in self._channels:
            if isinstance(channel, ProjectedChannel) and channel.any_capacity:
                self.always(
                    slots_suffice(channel.name),
                    "",
                    "What is kept of the messages in flight fits the slots, "
                    "whatever the capacity of the channel is.",
                    then=[channel.fits()],
                )

    @property
    def _is_before_size(self) -> bool:
        """Whether a disk of some size is still to be put in."""
        return any(f.type.width in SORTS for f in self._fields.values())

    def _ask_states_of_steps(self) -> None:
        instances = [i for a in self._actions.values() for i in a.instances]
        fields = {f.name: f.type.width for f in self._fields.values()}
        for name, prop in self._properties.items():
            if prop.over_step:
                asked = in_states(prop, instances, fields)
                self._properties[name] = asked

    def _check_constant_properties(self) -> None:
        for prop in filter(says_nothing, list(self._properties.values())):
            if not prop.trivial:
                raise ModelError(
                    f"property {prop.name} could never fail: it says nothing "
                    "at this size; if it does at another one, give the "
                    "reason in 'trivial='"
                )
            del self._properties[prop.name]
