# SPDX-License-Identifier: GPL-2.0-or-later
"""How often something may happen, and what is there only if it may.

A budget is data beside the actions that spend it: what a smaller budget takes
away is read from the declaration, and no text has to be run again.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import define
from attrs import field as attribute

from model.language.declarations import Declarations
from model.language.errors import ModelError
from model.language.step import Step
from model.language.tally import SchematicTally, Tally
from model.language.tokens import Limit

Needs = Sequence[str]


@define(eq=False)
class Budgets(Declarations):
    """The budgets of a machine; None for one that is 0."""

    _budgets: dict[str, Tally | None] = attribute(factory=dict, init=False)

    def budget(self, name: str, amount: int | str | Limit) -> None:
        """Declare how often actions may happen that spend ``name``.

        ``amount``: 0 is never; a number counts down in the field
        ``NAME_left``; a word ('unlimited') is as often as they like.
        """
        if name in self._budgets:
            raise ModelError(f"budget {name} is declared twice")
        self._budgets[name] = None
        if isinstance(amount, str):
            self._budgets[name] = self.tally(counted(name), None)
        elif isinstance(amount, Limit) or amount > 0:
            self._budgets[name] = self.tally(counted(name), amount, full=True)

    def left(self, name: str) -> Tally:
        """What is left of a budget.  ModelError if there is none of it."""
        left = self._budgets.get(name)
        if left is None:
            raise ModelError(f"no budget '{name}' is declared")
        return left

    def is_there(self, needs: Needs, spends: str = "") -> bool:
        """Whether of each alternative one budget at least is not 0."""
        alternatives = [one.split("|") for one in (*needs, spends) if one]
        for name in (name for names in alternatives for name in names):
            if name not in self._budgets:
                allowed = ", ".join(self._budgets) or "none"
                raise ModelError(f"no budget '{name}', declared: {allowed}")
        return all(
            any(self._budgets[name] is not None for name in names)
            for names in alternatives
        )

    def spending(self, step: Step, spends: str) -> Step:
        """The step, which takes one of a budget that counts down.

        Before there is a size it stays as it is: what it spends is data.
        """
        left = self._budgets.get(spends)
        if left is None or not isinstance(step, Step):
            return step
        if isinstance(left, SchematicTally) or left.counter is None:
            return step
        return Step(
            when=[*step.when, left.any_left()],
            then=[*step.then, *left.one_less()],
        )


def counted(budget: str) -> str:
    """The field that counts a budget down."""
    return f"{budget}_left"
