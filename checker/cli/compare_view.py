# SPDX-License-Identifier: GPL-2.0-or-later
"""``dbmcheck compare``: the table, the costs, the answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from checker.cli import page
from checker.cli.describe import failures, size
from checker.cli.progress import shown
from checker.compare import (
    COST_CHUNKS,
    COST_WRITES,
    Comparison,
    DesignResult,
    compare,
    unmet,
)
from checker.conclusion import sentences
from checker.engines.exploration import Limits
from checker.real_disks import (
    CHUNK_WIRE_BYTES,
    EXAMPLE,
    RATES_GBIT,
    chunk_rate,
    full_backup_seconds,
    send_seconds,
    show_seconds,
    stop_copy_converges,
)
from checker.verdict import ExitCode, Verdict
from model.properties import GUARANTEES

_ROWS = (
    "S1",
    "S2",
    "S3",
    "S5",
    "S6",
    "P1",
    "L1 bounded",
    "L1 throttled",
    "L1",
)


def run(limits: Limits, as_json: bool) -> int:
    """Compare, print; returns the exit code."""
    with shown() as report_for:
        comparison = compare(limits, report_for)
    if as_json:
        page.as_json(to_json(comparison))
    else:
        _print(comparison)
    return exit_code(comparison)


def exit_code(comparison: Comparison) -> int:
    """0 if there is an answer; the answer may be that a design is bad."""
    results = comparison.results
    if any(r.answer.coverage.stopped for r in results):
        return ExitCode.INCONCLUSIVE
    if any(
        Verdict.INCONCLUSIVE.value in r.guarantees.values() for r in results
    ):
        return ExitCode.INCONCLUSIVE
    if any(unmet(r) for r in results):
        return ExitCode.UNREACHED
    return ExitCode.AS_EXPECTED


def to_json(comparison: Comparison) -> dict[str, Any]:
    """The comparison as plain data."""
    return {
        "seconds": comparison.seconds,
        "designs": {r.design: _design_json(r) for r in comparison.results},
        "answer": sentences(comparison),
    }


def _design_json(result: DesignResult) -> dict[str, Any]:
    costs, coverage = result.costs, result.answer.coverage
    return {
        "guarantees": result.guarantees,
        "not_promised": result.not_promised,
        "states": coverage.states,
        "transitions": coverage.transitions,
        "levels": coverage.levels,
        "seconds": result.seconds,
        "states_per_second": coverage.states_per_second,
        "unmet": [f.name for f in unmet(result)],
        "costs": {
            "chunks_sent": str(costs.total) if costs.total else None,
            "chunks_sent_while_stopped": str(costs.stopped)
            if costs.stopped
            else None,
            "chunks_sent_unbounded_guest": costs.unbounded_total,
            "chunks_sent_while_stopped_unbounded_guest": (
                costs.unbounded_stopped
            ),
            "states_at_risk": costs.at_risk[0],
            "states_under_way": costs.at_risk[1],
            "share_at_risk": costs.share_at_risk,
            "converges": result.converges,
            "points": [
                {
                    "chunks": m,
                    "writes": w,
                    "sent": total,
                    "sent_while_stopped": stopped,
                }
                for (m, w), (total, stopped) in costs.points.items()
            ],
        },
    }


def _print(comparison: Comparison) -> None:
    results = comparison.results
    page.line("Which design for migrating dirty bitmaps is tenable?")
    page.line()
    _print_guarantees(results)
    _print_costs(results)
    _print_real_disks(results)
    page.line()
    for text in sentences(comparison):
        page.paragraph(text)
        page.line()
    page.paragraph(
        "Checked to these bounds, not proved for larger disks. To see what "
        "holds the designs up: dbmcheck ablate DESIGN."
    )


def _print_guarantees(results: Sequence[DesignResult]) -> None:
    options = results[0].answer.configuration.options
    page.paragraph(
        f"Guarantees: {size(options)}; failures: {failures(options)}. L1: "
        f"{size(results[0].ends['L1'].configuration.options)}."
    )
    page.line()
    names = [r.design for r in results]
    rows = [
        [key, *(r.guarantees.get(key, "-") for r in results), _gloss(key)]
        for key in _ROWS
    ]
    page.table(["", *names, ""], rows)
    page.line()
    page.table(
        ["", *names],
        [
            [
                "states",
                *(page.number(r.answer.coverage.states) for r in results),
            ],
            [
                "transitions",
                *(page.number(r.answer.coverage.transitions) for r in results),
            ],
            ["levels", *(str(r.answer.coverage.levels) for r in results)],
            ["seconds, all in", *(f"{r.seconds:.1f}" for r in results)],
        ],
        right=tuple(range(1, len(names) + 1)),
    )
    for result in results:
        for key, reason in result.not_promised.items():
            page.line()
            page.paragraph(f"{key} not promised by {result.design}: {reason}.")
        for finding in unmet(result):
            page.line()
            page.paragraph(
                f"{result.design}: {finding.name}: {finding.reason}"
            )


def _gloss(key: str) -> str:
    glosses = {
        "S1": "no missing bit",
        "S2": "a loss shows",
        "S3": "VM unharmed",
        "S5": "no needless loss",
        "S6": "one side runs",
        "P1": "exact",
        "L1": "guest never stops",
        "L1 bounded": "guest stops",
        "L1 throttled": "guest held back",
    }
    return glosses.get(key, GUARANTEES.get(key, ""))


def _print_costs(results: Sequence[DesignResult]) -> None:
    page.line()
    page.paragraph(
        "Costs at most, without failures, as a formula that is exact for "
        f"M = {_listed(COST_CHUNKS)} chunks and W = {_listed(COST_WRITES)} "
        "guest writes; then with a guest that never stops, M = 2:"
    )
    page.line()
    rows = [
        ["chunks sent", *(str(r.costs.total or "no plane") for r in results)],
        [
            "while stopped",
            *(str(r.costs.stopped or "no plane") for r in results),
        ],
        [
            "sent, no stopping",
            *(_unlimited(r.costs.unbounded_total) for r in results),
        ],
        [
            "  while stopped",
            *(_unlimited(r.costs.unbounded_stopped) for r in results),
        ],
        [
            "states at risk",
            *(
                f"{r.costs.share_at_risk:.0%} ({r.costs.at_risk[0]} of "
                f"{r.costs.at_risk[1]})"
                for r in results
            ),
        ],
        ["converges", *("yes" if r.converges else "no" for r in results)],
    ]
    page.table(["", *(r.design for r in results)], rows)
    page.paragraph(
        "At risk: a cut or the source's death now may lose the bitmap.",
        indent="  ",
    )


def _unlimited(most: int | None) -> str:
    return "unlimited" if most is None else str(most)


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(str(n) for n in numbers)


def _print_real_disks(results: Sequence[DesignResult]) -> None:
    disk = EXAMPLE
    page.line()
    page.paragraph(
        f"16 TiB at 64 KiB: {page.number(disk.granules)} bits, "
        f"{disk.bitmap_bytes >> 20} MiB, M = {page.number(disk.chunks)} "
        f"chunks of {CHUNK_WIRE_BYTES} bytes on the wire."
    )
    formulas = [
        "downtime(design) = chunks while stopped x 1045 B / rate, W = 0",
        "at risk (postcopy) = M x 1045 B / rate, from RUN to COMPLETE",
        "full backup = 16 TiB / rate",
        "live converges while chunks dirtied per s < rate / 1045 B",
    ]
    for formula in formulas:
        page.line(f"  {formula}")
    page.line()
    rows = []
    for gbit in RATES_GBIT:
        cells = [f"{gbit} Gbit/s"]
        for result in results:
            plane = result.costs.stopped
            cells.append(
                "-"
                if plane is None
                else show_seconds(send_seconds(plane.at(disk.chunks, 0), gbit))
            )
        cells.append(show_seconds(send_seconds(disk.chunks, gbit)))
        cells.append(show_seconds(full_backup_seconds(disk, gbit)))
        cells.append(f"{chunk_rate(gbit):,.0f}/s")
        rows.append(cells)
    page.table(
        [
            "downtime",
            *(r.design for r in results),
            "at risk",
            "full backup",
            "live <",
        ],
        rows,
        right=tuple(range(1, len(results) + 4)),
    )
    never = [g for g in RATES_GBIT if not stop_copy_converges(disk, g)]
    if never:
        page.paragraph(
            "QEMU as built never stops the VM for stop-copy at "
            f"{_listed(never)} Gbit/s with the default downtime limit: its "
            "estimate counts bits as bytes and does not shrink (not part of "
            "the model).",
            indent="  ",
        )
