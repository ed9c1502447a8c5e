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
from itertools import chain, product
from typing import Any, TypeVar

from attrs import define, frozen
from attrs import field as attribute

from model.language import expression as ex
from model.language.cases import cases
from model.language.declarations import Declarations
from model.language.domain import Chunk, Granule
from model.language.errors import ModelError
from model.language.machine import (
    Action,
    Conjunct,
    Cost,
    Instance,
    Kind,
    Machine,
    Property,
)
from model.language.per_granule import (
    NEEDS_RUNS,
    at_one_granule,
    reason_against,
)
from model.language.projected_channel import (
    ProjectedChannel,
    slots_suffice,
)
from model.language.tally import Tally
from model.language.unknown import is_unknown
from model.language.values import Flag, Update

Member = TypeVar("Member", bound=enum.Enum)
Parameter = Chunk | Granule | enum.Enum | int
Needs = Sequence[str]
Step_ = TypeVar("Step_", bound=Callable[..., "Step"])


@frozen(eq=False)
class Step:
    """What an action does: a guard and an effect."""

    when: Sequence[Flag]
    then: Sequence[Update | tuple[Update, ...]]


@define(eq=False)
class MachineBuilder(Declarations):
    """Collects a model text; see the module's docstring.

    ``one_granule``: the disks follow one granule (``Projected``), so what
    cannot be asked of it alone is left undecided.
    """

    one_granule: bool = False
    _possible: set[str] = attribute(factory=set, init=False)
    _budgets: dict[str, Tally] = attribute(factory=dict, init=False)
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

    # -- budgets ---------------------------------------------------------

    def budget(self, name: str, amount: int | str) -> None:
        """Declare how often actions may happen that spend ``name``.

        ``amount``: 0 is never; a number counts down in the field
        ``NAME_left``; a word ('unlimited') is as often as they like.
        """
        if amount == 0:
            return
        self._possible.add(name)
        limit = amount if isinstance(amount, int) else None
        self._budgets[name] = self.tally(f"{name}_left", limit, full=True)

    def _is_there(self, needs: Needs) -> bool:
        """Whether of each alternative one budget at least is not 0."""
        return all(
            any(name in self._possible for name in one.split("|"))
            for one in needs
        )

    # -- actions ---------------------------------------------------------

    def action(
        self,
        actor: str,
        over: Iterable[Parameter] | None = None,
        fair: bool = False,
        fault: bool = False,
        spends: str = "",
        needs: Needs = (),
        silent: str = "",
    ) -> Callable[[Step_], Step_]:
        """Decorator: the function below is an action of ``actor``.

        ``spends``: the budget of which each step takes one.  ``needs``:
        budgets without which the action is not there at all, each a name or
        several with '|' between them.  ``silent``: why it may never fire in
        some configurations; without a reason that is an error.
        """

        def declare(function: Step_) -> Step_:
            if not self._is_there((*needs, *([spends] if spends else ()))):
                return function
            name = function.__name__
            names = list(inspect.signature(function).parameters)
            values = None if over is None else list(over)
            if (values is not None) != (len(names) == 1):
                raise ModelError(
                    f"action {name}: takes {len(names)} parameters, but "
                    f"'over' is {'not ' if over is None else ''}given"
                )
            labels = [_label(value) for value in values or ()]
            if len(set(labels)) != len(labels):
                raise ModelError(f"action {name}: 'over' repeats a value")
            choices: list[tuple[Any, ...]] = [()]
            if values is not None:
                choices = [(value,) for value in values]
            instances: list[Instance] = []
            for chosen in choices:
                arguments = tuple(
                    (names[0], _label(value)) for value in chosen
                )
                try:
                    step = self._spending(function(*chosen), spends)
                    made = self._instance(name, actor, arguments, step)
                except ModelError as error:
                    raise error.within(f"action {name}") from None
                instances += cases(made)
            doc = inspect.getdoc(function) or ""
            self._add_action(
                Action(name, actor, fair, fault, doc, tuple(instances), silent)
            )
            return function

        return declare

    def _spending(self, step: Step, spends: str) -> Step:
        """The step, which takes one of a budget that counts down."""
        left = self._budgets.get(spends)
        if left is None or left.counter is None or not isinstance(step, Step):
            return step
        return Step(
            when=[*step.when, left.any_left()],
            then=[*step.then, *left.one_less()],
        )

    def _add_action(self, action: Action) -> None:
        if action.name in self._actions:
            raise ModelError(f"action {action.name} is declared twice")
        if not action.instances:
            raise ModelError(f"action {action.name} has no instance")
        self._actions[action.name] = action

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
        for update in chain.from_iterable(
            u if isinstance(u, tuple) else (u,) for u in step.then
        ):
            if not isinstance(update, Update):
                raise ModelError(f"{update!r} in 'then' is no update")
            self._check_update(update)
            if update.field in effect:
                raise ModelError(f"field {update.field} is set twice")
            effect[update.field] = update.expression
        changed = tuple(
            (f, e)
            for f, e in effect.items()
            if e is not self._fields[f].expression
        )
        return Instance(name, actor, arguments, guard, changed)

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

    def _ghosts(self, names: Iterable[str]) -> list[str]:
        return sorted(
            n for n in names if not is_unknown(n) and self._fields[n].ghost
        )

    def _check_declared(self, names: Iterable[str]) -> None:
        for name in sorted(names):
            if name not in self._fields and not is_unknown(name):
                raise ModelError(f"field {name} is not declared")

    def _conjuncts(self, flags: Sequence[Flag]) -> tuple[Conjunct, ...]:
        made = []
        for one in flags:
            if not isinstance(one, Flag):
                raise ModelError(f"{one!r} is no flag")
            self._check_declared(ex.fields_read([one.expression]))
            made.append(Conjunct(one.text, one.expression))
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
    ) -> None:
        """Must hold in every state: if all of ``when``, all of ``then``.

        ``needs``: budgets without which it is not asked, as of an action.
        ``assumes``: what it takes for granted, as a clause.
        """
        if self._is_there(needs):
            self._add_property(
                "always", name, guarantee, doc, when, then, assumes=assumes
            )

    def reachable(
        self,
        name: str,
        doc: str,
        then: Sequence[Flag] = (),
        by: Sequence[str] = (),
        needs: Needs = (),
    ) -> None:
        """Must be met once: a state with all of ``then``, or a step ``by``."""
        if not self._is_there(needs):
            return
        if bool(then) == bool(by):
            raise ModelError(f"property {name}: give either 'then' or 'by'")
        self._add_property("reachable", name, "", doc, (), then, tuple(by))

    def eventually(
        self,
        name: str,
        guarantee: str,
        doc: str,
        then: Sequence[Flag],
        when: Sequence[Flag] = (),
        needs: Needs = (),
        assumes: str = "",
    ) -> None:
        """Under weak fairness: after ``when``, sooner or later ``then``."""
        if self._is_there(needs):
            self._add_property(
                "eventually", name, guarantee, doc, when, then, assumes=assumes
            )

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

    def _add_property(
        self,
        kind: Kind,
        name: str,
        guarantee: str,
        doc: str,
        when: Sequence[Flag],
        then: Sequence[Flag],
        by: tuple[str, ...] = (),
        assumes: str = "",
    ) -> None:
        if name in self._properties or name in self._undecided:
            raise ModelError(f"property {name} is declared twice")
        try:
            premise, conclusion = self._conjuncts(when), self._conjuncts(then)
        except ModelError as error:
            raise error.within(f"property {name}") from None
        if self.one_granule:
            reason = NEEDS_RUNS
            if kind == "always":
                reason = reason_against(
                    [c.expression for c in premise],
                    [c.expression for c in conclusion],
                )
            if reason:
                self._undecided[name] = reason
                return
            premise, conclusion = _followed(premise), _followed(conclusion)
        self._properties[name] = Property(
            name, kind, guarantee, doc, premise, conclusion, by, assumes
        )

    # -- the result ------------------------------------------------------

    def machine(self) -> Machine:
        """The finished machine.  Raises ModelError if it makes no sense."""
        if not self._fields:
            raise ModelError(f"{self.name} has no fields")
        self._add_channel_properties()
        for prop in self._properties.values():
            for name in prop.by:
                if name not in self._actions:
                    raise ModelError(
                        f"property {prop.name}: no action '{name}'"
                    )
        for cost in self._costs:
            for name in sorted(cost.actions - set(self._actions)):
                raise ModelError(f"cost {cost.name}: no action '{name}'")
        self._check_constant_properties()
        return Machine(
            self.name,
            tuple(self._fields.values()),
            tuple(self._variables),
            self._initials(),
            tuple(self._actions.values()),
            tuple(self._properties.values()),
            tuple(self._costs),
            self._may_end,
            dict(self._notes),
            dict(self._unpromised),
            tuple(self._invariants),
            dict(self._undecided),
            tuple(self._channels),
        )

    def _initials(self) -> tuple[tuple[int, ...], ...]:
        """Each start; a field not set there takes each of its values."""
        found: dict[tuple[int, ...], None] = {}
        for start in self._starts or [{}]:
            codes = [
                (start[n],)
                if n in start
                else self._alternatives.get(n, (f.initial,))
                for n, f in self._fields.items()
            ]
            found.update(dict.fromkeys(product(*codes)))
        return tuple(found)

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
        for prop in self._properties.values():
            empty = {
                "always": prop.violated is ex.FALSE,
                "reachable": bool(prop.then) and prop.conclusion is ex.TRUE,
                "eventually": prop.conclusion is ex.TRUE,
            }
            if empty[prop.kind]:
                raise ModelError(
                    f"property {prop.name} could never fail: it says nothing"
                )


def _followed(conjuncts: tuple[Conjunct, ...]) -> tuple[Conjunct, ...]:
    asked = at_one_granule([c.expression for c in conjuncts])
    return tuple(
        Conjunct(old.text, expression)
        for old, expression in zip(conjuncts, asked, strict=True)
    )


def _label(value: Parameter) -> str:
    return str(value.value) if isinstance(value, enum.Enum) else str(value)
