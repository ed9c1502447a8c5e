# SPDX-License-Identifier: GPL-2.0-or-later
"""The work on one design, cut into tasks that know nothing of each other.

A task takes and gives plain data, so that it may be done by another process.
It may be cut short: then it says so, and what it has found out is kept.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping

from attrs import evolve, field, frozen

from checker.answer.as_built import (
    AsBuilt,
    as_posted,
    explore_as_built,
)
from checker.answer.costs import Costs
from checker.answer.explorations import (
    Explorer,
    explored,
)
from checker.answer.result import (
    COSTS,
    MAIN,
    DesignResult,
    Proved,
    Ran,
)
from checker.answer.standing import (
    BOUNDED,
    ENDS,
    FEW,
    FITS,
    THROTTLED,
    Explored,
)
from checker.checking import check
from checker.engines.exploration import INTERRUPTED, Limits, Report
from checker.input.configuration import Configuration, load
from checker.input.errors import UndecidedError
from checker.input.memory import OUT_OF_MEMORY, is_out_of_memory
from checker.proof.judgement import Provability
from checker.proof.prove import (
    Proof,
    prove,
)
from checker.proof.termination.answers import Termination
from checker.proof.termination.rows import rows
from checker.proof.termination.terminates import termination
from model.options import Options

PROOF, RUNS, AS_BUILT = "proof", "whole runs", "as built"
#: what has to be done, with seconds that it takes, and that a million states
#: of the main configuration add: the heaviest is begun first
PARTS = {
    MAIN: (0.0, 0.3),
    PROOF: (8.0, 0.0),
    RUNS: (4.0, 0.0),
    COSTS: (0.5, 0.9),
    THROTTLED: (0.0, 0.3),
    AS_BUILT: (0.4, 0.3),
    BOUNDED: (0.1, 0.1),
    FEW: (0.1, 0.1),
    ENDS: (0.2, 0.1),
    FITS: (0.2, 0.1),
}
Step = Callable[[str], None]


@frozen
class Task:
    """One part of the work on one design."""

    design: str
    part: str

    @property
    def title(self) -> str:
        """What is being done."""
        return f"{self.design}, {self.part}"

    @property
    def weight(self) -> float:
        """About how many seconds it takes."""
        states = load(self.design).expect.states or 0
        least, more = PARTS[self.part]
        return least + more * states / 1e6


@frozen(kw_only=True)
class Outcome:
    """What a task has found out; see ``DesignResult``.

    ``missing``: why the task was not done, or not all of it.
    """

    task: Task
    explored: tuple[Explored, ...] = ()
    not_promised: dict[str, str] = field(factory=dict)
    derived: str = ""
    costs: Costs | None = None
    lost_if_refused: bool | None = None
    proof: Proved | None = None
    runs: Mapping[str, Ran] = field(factory=dict)
    proved_costs: Mapping[str, tuple[str, ...]] = field(factory=dict)
    as_built: AsBuilt | None = None
    missing: str = ""
    seconds: float = 0.0


def tasks_of(designs: Iterable[str]) -> list[Task]:
    """All tasks, the heaviest first."""
    every = [
        Task(design, part)
        for design in designs
        for part in PARTS
        if part != AS_BUILT or as_posted(design) is not None
    ]
    return sorted(every, key=lambda task: -task.weight)


def perform(
    task: Task, limits: Limits, report: Callable[[str], Report], step: Step
) -> Outcome:
    """Do a task; ``report`` and ``step`` are told how far it is."""
    started = time.perf_counter()
    step(task.title)
    try:
        found = _do(task, limits, report, step)
    except KeyboardInterrupt:
        found = Outcome(task=task, missing=INTERRUPTED)
    except UndecidedError as error:
        found = Outcome(task=task, missing=str(error))
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        found = Outcome(task=task, missing=OUT_OF_MEMORY)
    return evolve(found, seconds=time.perf_counter() - started)


def _do(
    task: Task, limits: Limits, report: Callable[[str], Report], step: Step
) -> Outcome:
    configuration = load(task.design)
    main = configuration.options
    explorer = Explorer(main, limits, report)
    if task.part == MAIN:
        return _main(task, configuration, limits, report(task.title))
    if task.part == PROOF:
        return _proof(task, main, limits, step)
    if task.part == RUNS:
        return _runs(
            task,
            termination(
                main,
                limits,
                lambda text: step(f"{task.title}: {text}"),
                keep=True,
            ),
        )
    if task.part == AS_BUILT:
        built = explore_as_built(main, limits, report)
        return Outcome(task=task, as_built=built)
    if task.part == COSTS:
        costs, known = explorer.costs()
        return Outcome(
            task=task,
            costs=costs,
            explored=tuple(known),
            lost_if_refused=explorer.lost_if_refused(),
        )
    if task.part == ENDS:
        return Outcome(task=task, explored=tuple(explorer.never_stops()))
    ends = explorer.ends(task.part)
    if isinstance(ends, str):
        return Outcome(task=task, derived=ends)
    return Outcome(task=task, explored=(ends,))


def _main(
    task: Task, configuration: Configuration, limits: Limits, report: Report
) -> Outcome:
    answer = check.check(
        configuration, limits=limits, report=report, traces=False
    )
    return Outcome(
        task=task,
        explored=(explored(MAIN, answer),),
        missing=INTERRUPTED if answer.interrupted else "",
        not_promised=dict(answer.machine.not_promised),
    )


def _proof(task: Task, main: Options, limits: Limits, step: Step) -> Outcome:
    proof = prove(
        main, limits, lambda text: step(f"{task.title}: {text}"), keep=True
    )
    return Outcome(task=task, proof=proved(proof))


def _runs(task: Task, shown: Termination) -> Outcome:
    """What a comparison keeps of what was shown of whole runs."""
    costs: dict[str, list[str]] = {}
    for form in shown.forms:
        for bound in form.bounds:
            known = costs.setdefault(bound.cost, [])
            if str(bound) not in known:
                known.append(str(bound))
    return Outcome(
        task=task,
        runs={
            name: Ran(answer=row.answer, reason=row.reason)
            for name, row in rows(shown).items()
        },
        proved_costs={cost: tuple(most) for cost, most in costs.items()},
    )


def proved(proof: Proof) -> Proved:
    """What a comparison keeps of a proof."""
    return Proved(
        verdict=proof.verdict,
        guarantees=proof.proved_guarantees,
        in_part=proof.proved_in_part,
        open=proof.open,
        violated={
            j.name: j.guarantee
            for j in proof.judgements
            if j.answer is Provability.VIOLATED
        },
        code=proof.exit_code,
        states=proof.coverage.states,
        kept=proof.kept,
        seconds=proof.seconds,
    )


def assembled(design: str, outcomes: Iterable[Outcome]) -> DesignResult:
    """The column of ``design``, from what its tasks have found out."""
    order = list(PARTS)
    mine = sorted(
        (o for o in outcomes if o.task.design == design),
        key=lambda o: order.index(o.task.part),
    )
    by_part = {o.task.part: o for o in mine}
    main, costs = by_part[MAIN], by_part[COSTS]
    built = by_part.get(AS_BUILT)
    return DesignResult(
        design=design,
        options=load(design).options,
        explored=tuple(e for o in mine for e in o.explored),
        not_promised=main.not_promised,
        derived={o.task.part: o.derived for o in mine if o.derived},
        costs=costs.costs,
        lost_if_refused=costs.lost_if_refused,
        proof=by_part[PROOF].proof,
        runs=by_part[RUNS].runs,
        proved_costs=by_part[RUNS].proved_costs,
        as_built=built.as_built if built else None,
        missing={o.task.part: o.missing for o in mine if o.missing},
        seconds=sum(o.seconds for o in mine),
    )
