# SPDX-License-Identifier: GPL-2.0-or-later
"""Many variants of one machine, explored by one search.

Variants of a design differ in the text of a few actions.  Here they become
one machine: a state carries the number of its variant, and for each action
that differs which of its texts the variant has.  No step leads out of a
variant, so what is found among the states of one is what a search of it alone
would find, number by number.  The code is compiled once, which is most of the
time that the search of a small machine takes.  Variants that turn out to be
the same machine are explored once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from attrs import evolve, field, frozen

from checker.engines.explicit import explore
from checker.engines.exploration import Limits, Progress, Report, silent
from checker.engines.member import Member, Shares, alone
from model.language import expression as ex
from model.language.machine import Action, Conjunct, Field, Machine, State
from model.language.types import CounterType

#: so many states are explored together: their graph takes some 100 MB
STATES_AT_ONCE = 1 << 18
#: so many variants are explored together before their size is known
FIRST_AT_ONCE = 8
States = tuple[State, ...]


def explore_family(
    machines: Sequence[Machine],
    limits: Limits | None = None,
    report: Report = silent,
) -> list[Member]:
    """One member for each of ``machines``, in their order.

    They may be any machines at all; only those with the same fields save
    time.  The limits are those of each variant alone.  Ctrl-C is raised.
    """
    found: dict[int, Member] = {}
    alike: dict[object, list[int]] = {}
    for number, machine in enumerate(machines):
        fields = tuple(
            (f.name, str(f.type), f.type.width) for f in machine.fields
        )
        alike.setdefault(fields, []).append(number)
    for numbers in alike.values():
        family = _Family([machines[n] for n in numbers])
        for place, member in family.members(limits or Limits(), report):
            found[numbers[place]] = member
    return [found[number] for number in range(len(machines))]


@frozen(eq=False)
class _Texts:
    """The different texts of each action, numbered from 1."""

    numbers: dict[str, dict[object, int]] = field(factory=dict)
    actions: dict[tuple[str, int], Action] = field(factory=dict)

    def of(self, machine: Machine) -> dict[str, int]:
        """For each action of ``machine``, the number of its text."""
        return {a.name: self._number(a) for a in machine.actions}

    def _number(self, action: Action) -> int:
        steps = [(i.label, i.enabled, i.effect) for i in action.instances]
        text = action.fair, tuple(steps)
        known = self.numbers.setdefault(action.name, {})
        number = known.setdefault(text, len(known) + 1)
        self.actions.setdefault((action.name, number), action)
        return number


class _Family:
    """Variants with the same fields, as one machine."""

    def __init__(self, machines: Sequence[Machine]) -> None:
        self.machines = machines
        texts = _Texts()
        found = [texts.of(machine) for machine in machines]
        choosers = {
            name: Field(f"text of {name}", CounterType(len(numbers)), 0)
            for name, numbers in texts.numbers.items()
            if any(of.get(name) != 1 for of in found)
        }
        #: what makes a variant, with the places of the machines that are it;
        #: text 0: the variant has no such action
        variants: dict[tuple[tuple[int, ...], States], list[int]] = {}
        for place, (of, machine) in enumerate(
            zip(found, machines, strict=True)
        ):
            chosen = tuple(of.get(name, 0) for name in choosers)
            key = chosen, machine.initials
            variants.setdefault(key, []).append(place)
        self._begins = list(variants)
        self._places = list(variants.values())
        most = max(1, len(variants) - 1)
        self._variant = Field("variant", CounterType(most), 0)
        self._fields = (*choosers.values(), self._variant)
        self._actions: list[Action] = []
        #: for each instance, what its action is called in the variants
        self._called: list[str] = []
        for (name, number), action in texts.actions.items():
            self._called += [name] * len(action.instances)
            chooser = choosers.get(name)
            self._actions.append(
                action if chooser is None else _where(chooser, number, action)
            )

    def joined(self, numbers: Sequence[int]) -> Machine:
        """The machine that begins as any of these variants."""
        first = self.machines[0]
        initials: list[State] = [
            (*state, *chosen, number)
            for number in numbers
            for chosen, states in [self._begins[number]]
            for state in states
        ]
        return evolve(
            first,
            name="family",
            fields=(*first.fields, *self._fields),
            initials=tuple(initials),
            actions=tuple(self._actions),
            properties=(),
        )

    def members(
        self, limits: Limits, report: Report
    ) -> Iterator[tuple[int, Member]]:
        """The members with their places, some at a time."""
        left = list(range(len(self._begins)))
        at_once, states = FIRST_AT_ONCE, 0

        def report_all(progress: Progress) -> None:
            report(evolve(progress, states=states + progress.states))

        while left:
            numbers, left = left[:at_once], left[at_once:]
            for place, member in self._some(numbers, limits, report_all):
                states += member.coverage.states
                yield place, member
            done = len(self._begins) - len(left)
            at_once = max(1, STATES_AT_ONCE * done // max(1, states))

    def _some(
        self, numbers: Sequence[int], limits: Limits, report: Report
    ) -> Iterator[tuple[int, Member]]:
        """The members of these variants, from one search if it may be."""
        most = limits.max_states
        together = evolve(limits, max_states=most * len(numbers))
        search = explore(self.joined(numbers), together, report)
        if search.coverage.stopped == "interrupted":
            raise KeyboardInterrupt
        shares = None
        if not search.coverage.stopped:
            shares = Shares(search, self._variant, self._called)
        for number in numbers:
            for place in self._places[number]:
                machine = self.machines[place]
                if shares is None or 0 < most < shares.states(number):
                    # it does not fit the limits, or another one did not
                    yield place, alone(machine, limits, report)
                else:
                    yield place, shares.member(number, machine, limits)


def _where(chooser: Field, number: int, action: Action) -> Action:
    """The action, where the variant has the text with this number of it."""
    name = f"{action.name} {number}"
    has = ex.constant(number, chooser.type.width)
    guard = Conjunct(name, ex.equal(chooser.expression, has))
    instances = tuple(
        evolve(i, action=name, guard=(guard, *i.guard))
        for i in action.instances
    )
    return evolve(action, name=name, instances=instances)
