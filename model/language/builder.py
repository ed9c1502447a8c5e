# SPDX-License-Identifier: GPL-2.0-or-later
"""How a model text becomes a machine.

Declare fields, then actions, then properties; ``machine()`` checks the whole
and freezes it.  An action is written as a function that returns its ``Step``:

    @build.action("destination", fair=True)
    def dirty_bitmap_load_complete() -> Step:
        '''The bitmap is whole.  QEMU: dirty_bitmap_load_complete().'''
        return Step(
            when=[stream.head_is(Message.COMPLETE)],
            then=[stream.take(), dst.bitmap.becomes(BitmapState.COMPLETE)],
        )

The function's name is the action's name.  With ``over``, the function takes
one parameter and the action has one instance per value.
"""

from __future__ import annotations

import enum
import inspect
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import chain
from typing import TypeVar

from attrs import define, evolve
from attrs import field as attribute

from model.language import expression as ex
from model.language.budgets import Budgets, Needs
from model.language.cases import cases
from model.language.errors import ModelError
from model.language.machine import (
    Action,
    Conjunct,
    Cost,
    Instance,
    Machine,
    Property,
)
from model.language.made import (
    Parameter,
    followed,
    initials,
    known,
    label,
    parameters,
    says_nothing,
)
from model.language.per_granule import (
    NEEDS_RUNS,
    reason_against,
)
from model.language.projected_channel import (
    ProjectedChannel,
    slots_suffice,
)
from model.language.step import Step
from model.language.tokens import Every
from model.language.values import Flag, Update

Member = TypeVar("Member", bound=enum.Enum)
Step_ = TypeVar("Step_", bound=Callable[..., Step])
Choice = tuple[tuple[tuple[str, str], ...], Callable[[], Step]]


@define(eq=False)
class MachineBuilder(Budgets):
    """Collects a model text; see the module's docstring.

    ``one_granule``: the disks follow one granule (``Projected``), so what
    cannot be asked of it alone is left undecided.
    """

    one_granule: bool = False
    _absent: set[str] = attribute(factory=set, init=False)
    _undecided: dict[str, str] = attribute(factory=dict, init=False)
    _actions: dict[str, Action] = attribute(factory=dict, init=False)
    _properties: dict[str, Property] = attribute(factory=dict, init=False)
    _costs: list[Cost] = attribute(factory=list, init=False)
    _starts: list[dict[str, int]] = attribute(factory=list, init=False)
    _notes: dict[str, ex.Expression] = attribute(factory=dict, init=False)
    _unpromised: dict[str, str] = attribute(factory=dict, init=False)
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
        over: Iterable[Parameter] | Every | None = None,
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
            if (over is not None) != (len(names) == 1):
                raise ModelError(
                    f"action {name}: takes {len(names)} parameters, but "
                    f"'over' is {'not ' if over is None else ''}given"
                )
            choices: list[Choice] = [((), function)]
            if over is not None:
                choices = [
                    (((names[0], label(v)),), partial(function, v))
                    for v in parameters(over, name)
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
            raise ModelError(f"returns {step!r}, not a Step")
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
                raise ModelError(f"{update!r} in 'then' is no update")
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

    def _conjuncts(self, flags: Sequence[Flag]) -> tuple[Conjunct, ...]:
        made = []
        for one in flags:
            if not isinstance(one, Flag):
                raise ModelError(f"{one!r} is no flag")
            self._check_declared(ex.fields_read([one.expression]))
            made.append(Conjunct(one.text, one.expression, one.means))
        return tuple(made)

    # -- properties ------------------------------------------------------

    def always(
        self,
        name: str,
        guarantee: str,
        doc: str,
        then: Sequence[Flag],
        when: Sequence[Flag] = (),
        needs: Needs = (),
        assumes: str = "",
        trivial: str = "",
        consequence: str = "",
    ) -> None:
        """Must hold in every state: if all of ``when``, all of ``then``.

        ``needs``: budgets without which it is not asked, as of an action.
        ``assumes``: what it takes for granted, as a clause.  ``trivial``: why
        it may say nothing at some sizes, where it is not asked; without a
        reason that is an error.  ``consequence``: names what a violation does.
        """
        head = Property(
            name,
            "always",
            guarantee,
            doc,
            assumes=assumes,
            needs=tuple(needs),
            trivial=trivial,
            consequence=consequence,
        )
        self.add_property(head, when, then)

    def reachable(
        self,
        name: str,
        doc: str,
        then: Sequence[Flag] = (),
        by: Sequence[str] = (),
        needs: Needs = (),
    ) -> None:
        """Must be met once: a state with all of ``then``, or a step ``by``."""
        if bool(then) == bool(by):
            raise ModelError(f"property {name}: give either 'then' or 'by'")
        head = Property(
            name, "reachable", "", doc, (), (), tuple(by), "", tuple(needs)
        )
        self.add_property(head, (), then)

    def eventually(
        self,
        name: str,
        guarantee: str,
        doc: str,
        then: Sequence[Flag],
        when: Sequence[Flag] = (),
        needs: Needs = (),
        assumes: str = "",
        trivial: str = "",
        consequence: str = "",
    ) -> None:
        """Under weak fairness: after ``when``, sooner or later ``then``.

        The rest is as of ``always``.
        """
        head = Property(
            name,
            "eventually",
            guarantee,
            doc,
            assumes=assumes,
            needs=tuple(needs),
            trivial=trivial,
            consequence=consequence,
        )
        self.add_property(head, when, then)

    def not_promised(self, guarantee: str, reason: str) -> None:
        """State why this design does not promise a guarantee."""
        self._unpromised[guarantee] = reason

    def cost(self, name: str, by: Iterable[str], when: Flag) -> None:
        """Count steps of the actions ``by`` that are taken ``when``."""
        (taken,) = self._conjuncts([when])
        self._costs.append(Cost(name, frozenset(by), taken.expression))

    def note(self, name: str, when: Flag) -> None:
        """Give a predicate a name for reports."""
        (noted,) = self._conjuncts([when])
        self._notes[name] = noted.expression

    def add_property(
        self, head: Property, when: Sequence[Flag], then: Sequence[Flag]
    ) -> None:
        """Add ``head``, a property without a formula, with its formula."""
        name = head.name
        if name in self._properties or name in self._undecided:
            raise ModelError(f"property {name} is declared twice")
        try:
            if not self.is_there(head.needs):
                return
            premise, conclusion = self._conjuncts(when), self._conjuncts(then)
        except ModelError as error:
            raise error.within(f"property {name}") from None
        if self.one_granule:
            reason = NEEDS_RUNS
            if head.kind == "always":
                reason = reason_against(
                    [c.expression for c in premise],
                    [c.expression for c in conclusion],
                )
            if reason:
                self._undecided[name] = reason
                return
            premise, conclusion = followed(premise), followed(conclusion)
        self._properties[name] = evolve(head, when=premise, then=conclusion)

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

    def _check_constant_properties(self) -> None:
        for prop in filter(says_nothing, list(self._properties.values())):
            if not prop.trivial:
                raise ModelError(
                    f"property {prop.name} could never fail: it says nothing "
                    "at this size; if it does at another one, give the "
                    "reason in 'trivial='"
                )
            del self._properties[prop.name]
