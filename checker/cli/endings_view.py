# SPDX-License-Identifier: GPL-2.0-or-later
"""That every run ends, on the page: obligations, and one row for each form."""

from __future__ import annotations

from typing import Any

from checker.cli import page
from checker.cli.check_json import trace_json
from checker.cli.obligations import obligation_json, print_obligations
from checker.proof.judgement import Provability
from checker.proof.termination.answers import CLAIM, Ending, Termination
from checker.proof.termination.success import SUCCEEDS
from checker.text import counted
from model.designs import build


def print_endings(found: Termination) -> None:
    """Print what was shown of runs."""
    if found.unread:
        page.paragraph(
            f"Of whole runs nothing is shown for every disk: {found.unread}."
        )
        return
    page.paragraph(
        "Whole runs, by the count: of each set it is known whether it is "
        "empty, of a cursor whether it is at the end."
    )
    page.line()
    for one in found.forms:
        page.fact(
            "explored",
            f"{counted(one.explored, 'state')}, "
            f"{counted(one.transitions, 'transition')}; {one.form.says}",
        )
    page.line()
    print_obligations(found.obligations)
    page.line()
    page.table(
        ["property", "for", "verdict", ""],
        [
            [e.name, e.row or "-", e.answer.value, _remark(e)]
            for e in found.endings
        ],
    )
    page.line()
    proved = all(
        e.answer is Provability.PROVED
        for e in found.endings
        if e.name != SUCCEEDS
    )
    page.paragraph(CLAIM if proved else f"Where it is PROVED: {CLAIM}")
    print_bounds(found)
    said = {e.form: e.says for e in found.endings if e.form}
    for name, says in said.items():
        page.paragraph(f"{name}: {says}.")


def print_bounds(found: Termination) -> None:
    """Print what a run costs at most; a form without end speaks of all."""
    rows: dict[tuple[str, str], list[str]] = {}
    for form in found.forms:
        for one in form.bounds:
            where = form.form.name or "always"
            rows.setdefault((one.cost, str(one)), []).append(where)
    if not rows:
        return
    page.line()
    page.paragraph(
        "What a run costs at most, if nothing fails and no one edits the "
        "bitmap. M: chunks; W: writes; D: the downtime limit, in chunks; F: "
        "writes in flight."
    )
    page.line()
    page.table(
        ["cost", "at most", "where"],
        [
            [cost, most, "always" if "always" in forms else ", ".join(forms)]
            for (cost, most), forms in rows.items()
        ],
    )
    page.line()


def _remark(ending: Ending) -> str:
    if ending.reason:
        return ending.reason
    if ending.trace is not None:
        cycle = len(ending.trace.moves) - (ending.trace.loop or 0)
        return f"a cycle of {counted(cycle, 'step')}"
    return f"by {', '.join(ending.ranks)}" if ending.ranks else ""


def endings_json(found: Termination) -> dict[str, Any]:
    """What was shown of runs, as plain data."""
    return {
        "claim": CLAIM,
        "unread": found.unread or None,
        "obligations": [obligation_json(o) for o in found.obligations],
        "bounds": [
            {
                "cost": bound.cost,
                "form": form.form.name,
                "most": str(bound),
                "rank": bound.rank,
            }
            for form in found.forms
            for bound in form.bounds
        ],
        "rows": [_ending_json(e) for e in found.endings],
        "seconds": found.seconds,
    }


def _ending_json(ending: Ending) -> dict[str, Any]:
    trace = ending.trace
    return {
        "property": ending.name,
        "guarantee": ending.guarantee,
        "form": ending.form,
        "says": ending.says,
        "verdict": ending.answer.value,
        "reason": ending.reason,
        "states": ending.states,
        "steps": ending.steps,
        "ranks": list(ending.ranks),
        "trace": trace_json(build(trace.options), trace) if trace else None,
    }
