# SPDX-License-Identifier: GPL-2.0-or-later
"""Is a mutant noticed?

A mutant is run on one configuration after the other, the smallest first,
until a finding differs from those of the machine as it is.  A mutant that
does the same in every state that the machine can reach need not be run: it
has the same graph, so the same findings.  What needs the whole graph is only
asked of a mutant that no single state tells.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence

from attrs import evolve, field, frozen

from checker.engines.exploration import (
    INTERRUPTED,
    Coverage,
    Limits,
    silent,
)
from checker.engines.graphs import costs
from checker.engines.graphs.graph import GraphTooLargeError, graph_of
from checker.engines.graphs.liveness import find_lasso
from checker.engines.native.columns import column
from checker.engines.native.compile import nothing_kept
from checker.engines.native.explicit import explore
from checker.engines.native.found import ExplicitSearch
from checker.engines.verdict import FIRES, Finding, Verdict, judge
from checker.mutation.catalogue import Planned, with_action
from checker.mutation.change import Kind
from checker.mutation.stages import Demand, met
from checker.text import plural
from model.language import expression as ex
from model.language.expression import Expression
from model.language.machine import Action, Machine

#: a mutant with more times the states of its machine is given up
GROWTH = 20
NEVER_FIRES = "an action never fires"
NO_LONGER_FIRES = "an action no longer fires in some stage"


class Fate(enum.Enum):
    """What became of a mutant."""

    KILLED = "killed"
    SURVIVED = "survived"
    UNDECIDED = "not decided"


@frozen
class Size:
    """States and transitions that a search found."""

    states: int
    transitions: int


@frozen(kw_only=True)
class Seen:
    """A mutant on one configuration.

    ``after``: None if it does the same in every reachable state.
    ``stopped``: why it was given up, if it was.
    """

    configuration: str
    before: Size
    after: Size | None
    stopped: str = ""


@frozen(kw_only=True)
class Outcome:
    """A mutant, what became of it and by whom.

    ``killers``: the properties whose answer differs, on the first
    configuration on which one does; ``seen`` ends with that one.
    """

    kind: Kind
    name: str
    action: str
    fate: Fate
    killers: tuple[str, ...]
    seen: tuple[Seen, ...]

    @property
    def same_everywhere(self) -> bool:
        """Whether no reachable state tells it from the machine."""
        return all(one.after is None for one in self.seen)


@frozen(eq=False)
class Baseline:
    """A machine as it is, explored and judged.

    ``met``: the demands that it meets.  ``costs``: the most that a run costs,
    where nothing fails and there is a most: what more failures cost is no
    mistake.
    """

    name: str
    machine: Machine
    search: ExplicitSearch
    answers: dict[str, tuple[Verdict, str]]
    met: tuple[Demand, ...]
    costs: dict[str, int] = field(factory=dict)

    @property
    def size(self) -> Size:
        """What was found."""
        return _size(self.search.coverage)


def baseline(
    name: str, machine: Machine, asked: Sequence[Demand] = ()
) -> Baseline:
    """The configuration ``name`` without any change.

    ``asked``: what is demanded of the design; what this configuration meets
    is demanded of each mutant.  Raises KeyboardInterrupt if the search was
    interrupted.
    """
    search, findings = _explored(machine, Limits())
    answers = _answers([_decided(search, f, Limits()) for f in findings])
    paid: dict[str, int] = {}
    if not any(action.fault for action in machine.actions):
        paid = {
            name: most
            for name, most in _costs(search, Limits()).items()
            if most is not costs.UNLIMITED
        }
    return Baseline(name, machine, search, answers, met(search, asked), paid)


def _costs(search: ExplicitSearch, limits: Limits) -> dict[str, int | None]:
    """The most that a run may cost, by the names of the costs.

    Nothing is said where the graph is too large.
    """
    try:
        graph = graph_of(search, limits)
    except GraphTooLargeError:
        return {}
    machine = search.machine
    return {c.name: costs.most(machine, graph, c) for c in machine.costs}


def tried(mutant: Planned, baseline_of: Callable[[int], Baseline]) -> Outcome:
    """What becomes of ``mutant``; ``baseline_of`` the number of a machine.

    Raises KeyboardInterrupt if a search was interrupted.
    """
    seen: list[Seen] = []
    killers: tuple[str, ...] = ()
    for number, changed in enumerate(mutant.actions):
        if changed is None:
            continue
        one, killers = _on(changed, baseline_of(number))
        seen.append(one)
        if killers:
            break
    fate = Fate.SURVIVED
    if killers:
        fate = Fate.KILLED
    elif any(one.stopped for one in seen):
        fate = Fate.UNDECIDED
    return Outcome(
        kind=mutant.kind,
        name=mutant.name,
        action=mutant.action,
        fate=fate,
        killers=killers,
        seen=tuple(seen),
    )


def _on(changed: Action, base: Baseline) -> tuple[Seen, tuple[str, ...]]:
    original = base.machine.action(changed.name)
    apart = difference(original, changed, base.machine)
    search = base.search
    if not column(search.layout, search.rows(), apart).any():
        return Seen(configuration=base.name, before=base.size, after=None), ()
    most = Limits(max_states=GROWTH * base.size.states)
    with nothing_kept():
        found, findings = _explored(with_action(base.machine, changed), most)
        finished = not found.coverage.stopped
        killers = _killers(base, findings, finished)
        # what only a history tells is asked of the actions that it names
        asked = [
            d for d in base.met if not d.after or changed.name in d.actions
        ]
        if finished and len(met(found, asked)) < len(asked):
            killers = (*killers, NO_LONGER_FIRES)
        if finished and not killers:
            findings = [_decided(found, f, most) for f in findings]
            killers = _killers(base, findings, finished)
        if finished and not killers and base.costs:
            found_costs = _costs(found, most)
            killers = tuple(
                name
                for name, paid in base.costs.items()
                if found_costs.get(name, paid) != paid
            )
    undecided = found.coverage.stopped or next(
        (f.reason for f in findings if f.verdict is Verdict.INCONCLUSIVE), ""
    )
    seen = Seen(
        configuration=base.name,
        before=base.size,
        after=_size(found.coverage),
        stopped="" if killers else undecided,
    )
    return seen, killers


def difference(one: Action, other: Action, machine: Machine) -> Expression:
    """The states in which two forms of one action do not do the same."""
    apart = ex.FALSE
    for a, b in zip(one.instances, other.instances, strict=True):
        enabled = a.enabled, b.enabled
        effects = dict(a.effect), dict(b.effect)
        changed = {**effects[0], **effects[1]}
        unlike = ex.any_of(
            ex.complement(ex.equal(*(e.get(name, now) for e in effects)))
            for name, now in (
                (f.name, f.expression)
                for f in machine.fields
                if f.name in changed
            )
        )
        apart = ex.disjunction(
            apart,
            ex.disjunction(
                ex.complement(ex.equal(*enabled)),
                ex.conjunction(enabled[0], unlike),
            ),
        )
    return apart


def _explored(
    machine: Machine, limits: Limits
) -> tuple[ExplicitSearch, list[Finding]]:
    """All that the states decide, without traces."""
    search = explore(machine, limits, silent)
    if search.coverage.stopped == INTERRUPTED:
        raise KeyboardInterrupt
    return search, judge(machine, search.coverage)


def _decided(
    search: ExplicitSearch, finding: Finding, limits: Limits
) -> Finding:
    """The finding, decided on the graph if only that can."""
    if finding.verdict is not Verdict.INCONCLUSIVE:
        return finding
    try:
        graph = graph_of(search, limits)
    except GraphTooLargeError as error:
        return evolve(finding, reason=str(error))
    machine = search.machine
    lasso = find_lasso(machine, graph, machine.property(finding.name))
    if lasso is None:
        return evolve(finding, verdict=Verdict.HOLDS, reason="")
    return evolve(finding, verdict=Verdict.VIOLATED, reason="")


def _killers(
    base: Baseline, findings: list[Finding], finished: bool
) -> tuple[str, ...]:
    """Whose answer is decided and is another than without the change."""
    answers = _answers(findings)
    unlike = [
        name
        for name, answer in answers.items()
        if answer[0] is not Verdict.INCONCLUSIVE
        and answer != base.answers.get(name)
    ]
    if finished:
        # deadlocks and the like are only there if they are violated
        unlike += [
            name
            for name, (verdict, _) in base.answers.items()
            if verdict is Verdict.VIOLATED and name not in answers
        ]
    return tuple(dict.fromkeys(map(_killer, unlike)))


def _killer(name: str) -> str:
    return NEVER_FIRES if name.endswith(f" {FIRES}") else name


def _answers(findings: list[Finding]) -> dict[str, tuple[Verdict, str]]:
    """The answers; a premise that is never met is an answer of its own.

    Of a promise that is broken the answer says after how many steps: who
    sees a mistake later sees less.
    """
    found = {}
    for finding in findings:
        vacuous = (
            finding.verdict is Verdict.VIOLATED
            and finding.kind in ("always", "eventually")
            and finding.steps is None
            and bool(finding.reason)
        )
        name = f"{finding.name}, vacuous" if vacuous else finding.name
        later = vacuous or finding.kind != "always" or finding.steps is None
        told = "" if later else f"after {plural(finding.steps or 0, 'step')}"
        found[name] = (finding.verdict, finding.reason or told)
    return found


def _size(coverage: Coverage) -> Size:
    return Size(coverage.states, coverage.transitions)
