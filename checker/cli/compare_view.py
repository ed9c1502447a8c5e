# SPDX-License-Identifier: GPL-2.0-or-later
"""``dbmcheck compare``: the table, the costs, the answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from checker.cli import page
from checker.cli.describe import failures, size
from checker.cli.progress import shown
from checker.compare import (
    NOT_PROMISED,
    Comparison,
    DesignResult,
    compare,
)
from checker.conclusion import sentences
from checker.engines.exploration import Limits
from checker.real_disks import (
    CHUNK_WIRE_BYTES,
    EXAMPLE,
    RATES_GBIT,
    chunk_rate,
    downtime_chunks,
    full_backup_seconds,
    send_seconds,
    show_seconds,
    stop_copy_converges,
)
from checker.verdict import ExitCode, Verdict
from model.guarantees import GUARANTEES

UNPROMISED = "NO PROMISE"
_ROWS = (
    "S1",
    "S2",
    "S3",
    "S5",
    "S6",
    "P1",
    "L1 bounded",
    "L1 throttled",
    "L1 D >= M",
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
    if any(r.coverage.stopped for r in results):
        return ExitCode.INCONCLUSIVE
    if any(
        Verdict.INCONCLUSIVE.value in r.guarantees.values() for r in results
    ):
        return ExitCode.INCONCLUSIVE
    if any(r.unmet for r in results):
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
    costs, coverage = result.costs, result.coverage
    return {
        "guarantees": result.guarantees,
        "not_promised": result.not_promised,
        "states": coverage.states,
        "transitions": coverage.transitions,
        "levels": coverage.levels,
        "seconds": result.seconds,
        "states_per_second": coverage.states_per_second,
        "unmet": [f.name for f in result.unmet],
        "proved_for_every_size": sorted(result.proved),
        "proof": {
            "verdict": result.proof.verdict.value,
            "abstract_states": result.proof.coverage.states,
            "seconds": result.proof.seconds,
        },
        "costs": {
            "chunks_sent": str(costs.total) if costs.total else None,
            "chunks_sent_guest_never_stops": costs.total_never_stops,
            "chunks_sent_while_stopped": str(costs.stopped)
            if costs.stopped
            else None,
            "states_at_risk": costs.at_risk[0],
            "states_under_way": costs.at_risk[1],
            "share_at_risk": costs.share_at_risk,
            "converges": result.converges,
            "explored": {
                "chunks_sent": _points(costs.total_points),
                "chunks_sent_while_stopped": _points(costs.stopped_points),
            },
        },
    }


def _points(points: dict[tuple[int, int], int | None]) -> list[list[Any]]:
    return [[*key, value] for key, value in points.items()]


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
        "To see what holds the designs up: dbmcheck ablate DESIGN; why one "
        "may say 'proved': dbmcheck prove DESIGN."
    )


def _print_guarantees(results: Sequence[DesignResult]) -> None:
    options = results[0].options
    page.paragraph(
        f"Guarantees: {size(options)}; failures: {failures(options)}. L1: "
        f"{size(results[0].ends['L1'])}."
    )
    page.line()
    names = [r.design for r in results]
    rows = [
        [
            key,
            *(_shown(r.guarantees.get(key, "-")) for r in results),
            scope(key, results),
            _gloss(key),
        ]
        for key in _ROWS
    ]
    page.table(["", *names, "scope", ""], rows)
    page.paragraph(
        "proved: for every number of chunks, of granules and of messages in "
        "flight, with failures without end; bounds: checked to the bounds "
        "above.",
        indent="  ",
    )
    page.line()
    page.table(
        ["", *names],
        [
            [
                "states",
                *(page.number(r.coverage.states) for r in results),
            ],
            [
                "transitions",
                *(page.number(r.coverage.transitions) for r in results),
            ],
            ["levels", *(str(r.coverage.levels) for r in results)],
            [
                "states, every size",
                *(page.number(r.proof.coverage.states) for r in results),
            ],
            ["seconds, all in", *(f"{r.seconds:.1f}" for r in results)],
        ],
        right=tuple(range(1, len(names) + 1)),
    )
    for result in results:
        for key, reason in result.not_promised.items():
            page.line()
            page.paragraph(f"{key} not promised by {result.design}: {reason}.")
        for finding in result.unmet:
            page.line()
            page.paragraph(
                f"{result.design}: {finding.name}: {finding.reason}"
            )


def _shown(verdict: str) -> str:
    return UNPROMISED if verdict == NOT_PROMISED else verdict


def scope(key: str, results: Sequence[DesignResult]) -> str:
    """How far the verdicts on a guarantee go: proved, or the bounds."""
    asked = [r for r in results if r.guarantees.get(key) != NOT_PROMISED]
    proved = [key in r.proved for r in asked]
    if not any(proved):
        return "bounds"
    return "proved" if all(proved) else "in part"


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
        "L1 D >= M": "all fits downtime",
    }
    return glosses.get(key, GUARANTEES.get(key, ""))


def _print_costs(results: Sequence[DesignResult]) -> None:
    page.line()
    page.paragraph(
        "Costs at most, without failures: M chunks, W guest writes, D "
        "chunks that may be pending when the VM stops. Each formula is "
        "exact on four or five explored instances (M to 3, D to 2, W to 2); "
        "chunks sent with D = 0 (2 W: a write, and the backup that clears it)."
    )
    page.line()
    rows = [
        ["chunks sent", *(str(r.costs.total or "no plane") for r in results)],
        [
            "  guest never stops, M = 2",
            *(_unlimited(r.costs.total_never_stops) for r in results),
        ],
        [
            "chunks sent while stopped",
            *(str(r.costs.stopped or "no plane") for r in results),
        ],
        [
            "states at risk",
            *(f"{r.costs.share_at_risk:.0%}" for r in results),
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
        "downtime = chunks while stopped x 1045 B / rate",
        "D        = 300 ms x rate / 1045 B, QEMU's default downtime-limit",
        "at risk  = M x 1045 B / rate: postcopy, from RUN to COMPLETE",
        "full backup, the price of a loss = 16 TiB / rate",
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
                else show_seconds(
                    send_seconds(
                        plane.at(disk.chunks, downtime_chunks(gbit)), gbit
                    )
                )
            )
        cells.append(show_seconds(send_seconds(disk.chunks, gbit)))
        cells.append(show_seconds(full_backup_seconds(disk, gbit)))
        rows.append(cells)
    page.table(
        [
            "downtime",
            *(r.design for r in results),
            "at risk",
            "full backup",
        ],
        rows,
        right=tuple(range(1, len(results) + 3)),
    )
    rates = ", ".join(f"{chunk_rate(g):,.0f}" for g in RATES_GBIT)
    page.paragraph(
        "Where D < M, live ends if the guest dirties fewer chunks a second "
        f"than the link carries, rate / {CHUNK_WIRE_BYTES} B: {rates} (as a "
        "rate; the model counts writes and backups, one by one).",
        indent="  ",
    )
    never = [g for g in RATES_GBIT if not stop_copy_converges(disk, g)]
    if never:
        page.paragraph(
            "QEMU as built never stops the VM for stop-copy at "
            f"{_listed(never)} Gbit/s with the default downtime limit: its "
            "estimate counts bits as bytes and does not shrink. The model's "
            "stop-copy has a right estimate.",
            indent="  ",
        )
