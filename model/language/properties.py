# SPDX-License-Identifier: GPL-2.0-or-later
"""How a model text asks its properties, and what it counts and notes.

A property whose ``only`` is false is not asked in this variant.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypedDict, Unpack

from attrs import define, evolve
from attrs import field as attribute

from model.language import expression as ex
from model.language.budgets import Budgets, Needs
from model.language.errors import ModelError, described
from model.language.machine import Conjunct, Cost, Property, Rank
from model.language.made import followed
from model.language.over_step import before, is_after
from model.language.per_granule import NEEDS_RUNS, reason_against
from model.language.size import Size
from model.language.step import plain
from model.language.values import Flag


class Said(TypedDict, total=False):
    """What may be said of a property beside its formula.

    ``needs``: budgets without which it is not asked, as of an action.
    ``assumes``: what it takes for granted, as a clause.  ``trivial``: why it
    may say nothing at some sizes, where it is not asked; without a reason that
    is an error.  ``consequence``: names what a violation does.
    """

    needs: Needs
    assumes: str
    trivial: str
    consequence: str


def _plainly(said: Said) -> dict[str, Any]:
    """Return ``said`` as a property keeps it."""
    return {**said, "needs": tuple(said.get("needs", ()))}


@define(eq=False)
class Properties(Budgets):
    """Collects what is asked of a machine.

    ``one_granule``: the disks follow one granule (``Projected``), so what
    cannot be asked of it alone is left undecided.
    """

    one_granule: bool = False
    _undecided: dict[str, str] = attribute(factory=dict, init=False)
    _properties: dict[str, Property] = attribute(factory=dict, init=False)
    _costs: list[Cost] = attribute(factory=list, init=False)
    _notes: dict[str, ex.Expression] = attribute(factory=dict, init=False)
    _unpromised: dict[str, str] = attribute(factory=dict, init=False)
    _ranks: dict[str, Rank] = attribute(factory=dict, init=False)

    def _conjuncts(
        self, flags: Sequence[Flag], over_step: bool = False
    ) -> tuple[Conjunct, ...]:
        made = []
        for one in flags:
            if not isinstance(one, Flag):
                raise ModelError(f"{described(one)} is no flag")
            read = ex.fields_read([one.expression])
            later = sorted(filter(is_after, read))
            if later and not over_step:
                raise ModelError(
                    f"'{one.text}' asks {later[0]}, the value after a step: "
                    "only a property over a step may"
                )
            self._check_declared(map(before, read))
            made.append(Conjunct(one.text, one.expression, one.means))
        return tuple(made)

    def always(
        self,
        name: str,
        guarantee: str,
        doc: str,
        then: Sequence[Flag],
        when: Sequence[Flag] = (),
        only: bool = True,
        **said: Unpack[Said],
    ) -> None:
        """Must hold in every state: if all of ``when``, all of ``then``."""
        head = Property(name, "always", guarantee, doc, **_plainly(said))
        self._ask(head, when, then, only)

    def reachable(
        self,
        name: str,
        doc: str,
        then: Sequence[Flag] = (),
        by: Sequence[str] = (),
        only: bool = True,
        **said: Unpack[Said],
    ) -> None:
        """Must be met once: a state with all of ``then``, or a step ``by``."""
        if bool(then) == bool(by):
            raise ModelError(f"property {name}: give either 'then' or 'by'")
        head = Property(
            name, "reachable", "", doc, by=tuple(by), **_plainly(said)
        )
        self._ask(head, (), then, only)

    def eventually(
        self,
        name: str,
        guarantee: str,
        doc: str,
        then: Sequence[Flag],
        when: Sequence[Flag] = (),
        only: bool = True,
        **said: Unpack[Said],
    ) -> None:
        """Under weak fairness: after ``when``, sooner or later ``then``."""
        head = Property(name, "eventually", guarantee, doc, **_plainly(said))
        self._ask(head, when, then, only)

    def every_step(
        self,
        name: str,
        guarantee: str,
        doc: str,
        then: Sequence[Flag],
        when: Sequence[Flag] = (),
        only: bool = True,
        **said: Unpack[Said],
    ) -> None:
        """Must hold of every step: if all of ``when``, all of ``then``.

        Both may speak of ``after(field)``.
        """
        head = Property(
            name, "always", guarantee, doc, over_step=True, **_plainly(said)
        )
        self._ask(head, when, then, only)

    def _ask(
        self,
        head: Property,
        when: Sequence[Flag],
        then: Sequence[Flag],
        only: bool,
    ) -> None:
        if only:
            self.add_property(head, when, then)

    def not_promised(self, guarantee: str, reason: str) -> None:
        """State why this design does not promise a guarantee."""
        self._unpromised[guarantee] = reason

    def cost(self, name: str, by: Iterable[str], when: Flag) -> None:
        """Count steps of the actions ``by`` that are taken ``when``."""
        (taken,) = self._conjuncts([when])
        self._costs.append(Cost(name, frozenset(by), taken.expression))

    def rank(
        self,
        name: str,
        size: Size,
        at_least: Mapping[str, int] | None = None,
    ) -> None:
        """Name a number by which a proof may show that runs end.

        ``at_least``: the limits for which it is meant, with the least value
        of each.
        """
        if name in self._ranks:
            raise ModelError(f"rank {name} is declared twice")
        meant = tuple((at_least or {}).items())
        self._ranks[name] = Rank(name, size.parts, meant)

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
            premise = self._conjuncts(
                [f for f in when if not plain(f)], head.over_step
            )
            conclusion = self._conjuncts(then, head.over_step)
        except ModelError as error:
            raise error.within(f"property {name}") from None
        if self.one_granule:
            reason = "it is about a step" if head.over_step else NEEDS_RUNS
            if head.kind == "always" and not head.over_step:
                reason = reason_against(
                    [c.expression for c in premise],
                    [c.expression for c in conclusion],
                )
            if reason:
                self._undecided[name] = reason
                return
            premise, conclusion = followed(premise), followed(conclusion)
        self._properties[name] = evolve(head, when=premise, then=conclusion)
