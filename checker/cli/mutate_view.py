# SPDX-License-Identifier: GPL-2.0-or-later
"""``dbmcheck mutate``: which small changes of a design pass unnoticed."""

from __future__ import annotations

from typing import Any

from checker.cli import page
from checker.cli.progress import steps_shown
from checker.mutation.bench import Bench
from checker.mutation.change import Kind
from checker.mutation.score import Score, score
from checker.mutation.table import FILE, shipped_table
from checker.mutation.trial import Fate, Outcome, Seen
from checker.text import counted


def run(design: str, only: str, jobs: int, as_json: bool) -> int:
    """Try the mutants, print; returns the exit code."""
    bench = Bench(design, only)
    with steps_shown() as write:

        def report(done: int, of: int, surviving: int) -> None:
            write(f"{done:,} of {of:,} mutants, {surviving:,} survive")

        result = score(bench, shipped_table(), jobs, report)
    if as_json:
        page.as_json(to_json(result))
    else:
        _print(result)
    return result.exit_code


def to_json(result: Score) -> dict[str, Any]:
    """The score as plain data."""
    return {
        "design": result.design,
        "configurations": list(result.configurations),
        "variants": list(result.variants),
        "mutants": result.mutants,
        "tried": len(result.outcomes),
        "alike": result.alike,
        "killed": len(result.with_fate(Fate.KILLED)),
        "equivalent": len(result.equivalent),
        "open": len(result.open),
        "not_decided": len(result.with_fate(Fate.UNDECIDED)),
        "score": result.score,
        "interrupted": result.interrupted,
        "kinds": {
            kind.value: {
                fate.value: _count(result, kind, fate) for fate in Fate
            }
            for kind in Kind
        },
        "killers": dict(result.killers.most_common()),
        "idle": list(result.idle),
        "survivors": [
            {
                **_outcome_json(o),
                "why": result.table.get(o.name),
                "wanted": result.open_table.get(o.name),
            }
            for o in result.with_fate(Fate.SURVIVED)
        ],
        "undecided": [
            _outcome_json(o) for o in result.with_fate(Fate.UNDECIDED)
        ],
        "unexplained": [o.name for o in result.unexplained],
        "stale": list(result.stale),
        "exit_code": int(result.exit_code),
    }


def _outcome_json(outcome: Outcome) -> dict[str, Any]:
    return {
        "name": outcome.name,
        "action": outcome.action,
        "kind": outcome.kind.value,
        "same_everywhere": outcome.same_everywhere,
        "seen": [
            {
                "configuration": one.configuration,
                "states": one.before.states,
                "transitions": one.before.transitions,
                "changed": None
                if one.after is None
                else {
                    "states": one.after.states,
                    "transitions": one.after.transitions,
                    "stopped": one.stopped or None,
                },
            }
            for one in outcome.seen
        ],
    }


def _count(result: Score, kind: Kind, fate: Fate) -> int:
    return sum(o.kind is kind for o in result.with_fate(fate))


def _print(result: Score) -> None:
    actions = (
        f"action {result.actions[0]}"
        if len(result.actions) == 1
        else f"{len(result.actions)} actions"
    )
    page.line(
        f"{result.design}: {counted(result.mutants, 'mutant')} of {actions}"
    )
    page.line()
    page.fact("run on", ", ".join(result.configurations))
    if result.variants:
        page.fact("ghosts", f"also on {', '.join(result.variants)}")
    page.fact(
        "alike",
        f"{result.alike:,} more are the same as another, or as the design",
    )
    if result.interrupted:
        page.fact(
            "INCONCLUSIVE",
            f"interrupted after {counted(len(result.outcomes), 'mutant')}",
        )
    page.line()
    page.table(
        ["change", *(fate.value for fate in Fate)],
        [
            [kind.value, *(str(_count(result, kind, fate)) for fate in Fate)]
            for kind in Kind
        ]
        + [["all", *(str(len(result.with_fate(fate))) for fate in Fate)]],
        right=(1, 2, 3),
    )
    survivors = result.with_fate(Fate.SURVIVED)
    alike = sum(o.same_everywhere for o in survivors)
    page.line()
    page.line(
        f"Of {len(survivors):,} that survive, {alike:,} do the same in every "
        "reachable state."
    )
    _print_killers(result)
    _print_explained("Equivalent", result.equivalent, result.table)
    _print_explained(
        "Open: a property should notice them", result.open, result.open_table
    )
    _print_each(
        "Survivors that no table explains: a property is missing",
        result.unexplained,
    )
    _print_each(
        "Not decided: too many states", result.with_fate(Fate.UNDECIDED)
    )
    if result.stale:
        page.line()
        page.line(f"Listed in {FILE}, but they do not survive:")
    for name in result.stale:
        page.paragraph(name, indent="      ", first="  ")
    page.line()
    page.line(
        f"score {result.score:.1%}: {len(result.with_fate(Fate.KILLED)):,} "
        f"killed of {result.mutants:,} - {len(result.equivalent):,} "
        f"equivalent = {result.noticeable:,}"
    )


def _print_killers(result: Score) -> None:
    page.line()
    page.line("Killed by, on the first configuration that shows a difference:")
    page.line()
    page.table(
        ["mutants", "answer that differs"],
        [[str(n), name] for name, n in result.killers.most_common()],
        right=(0,),
    )
    if result.idle and len(result.actions) > 1:
        page.line()
        page.paragraph(
            f"Of no mutant the first to notice: {', '.join(result.idle)}."
        )


def _print_explained(
    title: str, outcomes: tuple[Outcome, ...], table: dict[str, str]
) -> None:
    if not outcomes:
        return
    page.line()
    page.line(f"{title}:")
    for why in dict.fromkeys(table.values()):
        mine = [o for o in outcomes if table[o.name] == why]
        if mine:
            page.paragraph(why, indent="  ")
        for outcome in mine:
            _print_outcome(outcome)


def _print_each(title: str, outcomes: tuple[Outcome, ...]) -> None:
    if outcomes:
        page.line()
        page.line(f"{title}:")
    for outcome in outcomes:
        _print_outcome(outcome)


def _print_outcome(outcome: Outcome) -> None:
    page.paragraph(outcome.name, indent="      ", first="    ")
    page.paragraph(_effect(outcome), indent="          ")


def _effect(outcome: Outcome) -> str:
    """How the graph changes, on the first configuration where it does."""
    for one in outcome.seen:
        if one.after is not None:
            return f"{one.configuration}: {_growth(one)}"
    return "the same in every reachable state"


def _growth(one: Seen) -> str:
    after = one.after
    assert after is not None
    if one.stopped:
        return f"{one.before.states:,} states, {one.stopped}"
    if after == one.before:
        return f"{after.states:,} states and {after.transitions:,} steps still"
    return (
        f"{one.before.states:,} states become {after.states:,}, "
        f"{one.before.transitions:,} steps {after.transitions:,}"
    )
