# SPDX-License-Identifier: GPL-2.0-or-later
"""``dbmcheck compare``: the table, the costs, the answer."""

from __future__ import annotations

from collections.abc import Sequence

from checker.cli import page
from checker.cli.compare_json import to_json
from checker.cli.describe import failures, size
from checker.cli.progress import words_shown
from checker.comparison.compare import compare
from checker.comparison.conclusion import (
    assumptions,
    enumeration,
    sentences,
)
from checker.comparison.costs import NEVER
from checker.comparison.explorations import ASKED, NEVER_STOPS
from checker.comparison.real_disks import (
    CHUNK_WIRE_BYTES,
    EXAMPLE,
    RATES_GBIT,
    WRITES_IN_FLIGHT,
    as_built_stops,
    chunk_rate,
    full_backup_seconds,
    send_seconds,
    show_seconds,
    stopped_seconds,
)
from checker.comparison.result import ROWS, Comparison, DesignResult
from checker.comparison.standing import (
    BOUNDED,
    ENDS,
    FITS,
    THROTTLED,
    Standing,
)
from checker.engines.exploration import Limits
from checker.verdict import ExitCode, gravest_code

#: how a standing is written where there is little room
SHORT = {
    Standing.NOT_PROMISED: "-",
    Standing.NOT_ASKED: "?",
    Standing.INCONCLUSIVE: "OPEN",
}
EACH_TIME, IF_LOST, NO_SINGLE = "each time", "if lost", "none"
GLOSSES = {
    "S1": "S1 no missing bit",
    "S2": "S2 a loss shows",
    "S3": "S3 VM unharmed",
    "S5": "S5 no needless loss",
    "S6": "S6 one side runs",
    "P1": "P1 exact",
    BOUNDED: "L1 guest stops",
    THROTTLED: "L1 guest held back",
    FITS: "L1 all fits, D >= M",
    ENDS: "L1 guest never stops",
}


def run(limits: Limits, as_json: bool) -> int:
    """Compare, print; returns the exit code."""
    with words_shown() as tell:
        comparison = compare(limits, tell)
    if as_json:
        page.as_json(to_json(comparison))
    else:
        _print(comparison)
    return exit_code(comparison)


def exit_code(comparison: Comparison) -> int:
    """The gravest of all findings; 0 if there is an answer.

    That a design need not end for some guests is an answer, and so is what
    breaks in the code that exists.
    """
    codes: list[ExitCode] = []
    for result in comparison.results:
        codes += [told.finding.exit_code for told in result.told]
        if result.proof is not None and result.proof.wrong:
            codes.append(result.proof.code)
        if result.not_asked:
            codes.append(ExitCode.UNREACHED)
        if result.missing or (result.as_built and result.as_built.undecided):
            codes.append(ExitCode.INCONCLUSIVE)
    return gravest_code(codes)


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
    _print_assumptions(comparison)
    page.paragraph(
        "To see what holds the designs up: dbmcheck ablate DESIGN; why one "
        "may say 'proved': dbmcheck prove DESIGN."
    )


# -- guarantees --------------------------------------------------------------


def _print_guarantees(results: Sequence[DesignResult]) -> None:
    for text in _bounds(results):
        page.paragraph(text)
    page.line()
    names = [r.design for r in results]
    page.table(
        ["", *names, "scope"],
        [
            [
                GLOSSES.get(key, key),
                *(shown(result.standings[key]) for result in results),
                scope(key, results),
            ]
            for key in ROWS
        ],
    )
    _print_legend(results)
    page.line()
    page.table(
        ["", *names],
        [
            ["states", *(_counted(r, "states") for r in results)],
            ["transitions", *(_counted(r, "transitions") for r in results)],
            ["levels", *(_counted(r, "levels") for r in results)],
            [
                "states, every size",
                *(
                    page.number(r.proof.states) if r.proof else "?"
                    for r in results
                ),
            ],
            ["seconds, all in", *(f"{r.seconds:.1f}" for r in results)],
        ],
        right=tuple(range(1, len(names) + 1)),
    )
    unproved = [
        f"{r.design} ({r.proof.open or 'see dbmcheck prove'})"
        for r in results
        if r.proof and not r.proof.guarantees
    ]
    if unproved:
        page.line()
        page.paragraph(f"Not proved for every size: {enumeration(unproved)}.")
    for result in results:
        for key, reason in result.not_promised.items():
            what = "not all of" if _asked(result, key) else "nothing of"
            page.line()
            page.paragraph(f"{result.design} promises {what} {key}: {reason}.")


def _asked(result: DesignResult, key: str) -> bool:
    return result.standings.get(key) is not Standing.NOT_PROMISED


def _bounds(results: Sequence[DesignResult]) -> list[str]:
    """With what it was explored; what is alike is said once."""
    sizes: dict[str, list[str]] = {}
    for result in results:
        options = result.options
        text = f"{size(options)}; failures: {failures(options)}"
        sizes.setdefault(text, []).append(result.design)
    limits: dict[int, list[str]] = {}
    for result in results:
        limits.setdefault(result.options.bounds.downtime, []).append(
            result.design
        )
    said = [f"{text}{_only(names, results)}." for text, names in sizes.items()]
    said[0] = f"S1 to P1: {said[0]}"
    said.append(
        "D, chunks that may be pending when the VM stops: "
        + ", ".join(
            f"{limit}{_only(names, results)}"
            for limit, names in limits.items()
        )
        + "."
    )
    never = NEVER_STOPS
    said.append(
        f"L1: {never.chunks} chunks of {never.granules} granule, D = "
        f"{never.downtime}, or {ASKED[FITS].downtime} where all fits; "
        f"{ASKED[BOUNDED].writes} writes where the guest stops; no edits; the "
        "same failures, or none where it need not end without any."
    )
    return said


def _only(names: Sequence[str], results: Sequence[DesignResult]) -> str:
    if len(names) == len(results):
        return ""
    return f" ({', '.join(names)})"


def _print_legend(results: Sequence[DesignResult]) -> None:
    there = {s for r in results for s in r.standings.values()}
    scopes = {scope(key, results) for key in ROWS}
    legend = {
        "proved": "for every number of chunks, of granules and of messages "
        "in flight, with failures without end",
        "some": "proved like that for some of the designs",
        "bounds": "explored within the bounds above",
    }
    said = [f"{word}: {text}" for word, text in legend.items()]
    said = [text for text in said if text.partition(":")[0] in scopes]
    words = {
        Standing.IN_PART: "what is promised of it holds, not all is promised",
        Standing.NOT_PROMISED: "not promised",
        Standing.NOT_ASKED: "neither asked nor refused",
        Standing.VACUOUS: "never put to the test",
        Standing.INCONCLUSIVE: "not decided",
    }
    said += [f"{shown(s)}: {text}" for s, text in words.items() if s in there]
    page.paragraph(f"{'; '.join(said)}.", indent="  ")


def shown(standing: Standing) -> str:
    """A standing as the table has it."""
    return SHORT.get(standing, standing.value)


def _counted(result: DesignResult, name: str) -> str:
    if result.main is None:
        return "?"
    return page.number(getattr(result.main.coverage, name))


def scope(key: str, results: Sequence[DesignResult]) -> str:
    """How far the verdicts on a guarantee go: proved, or the bounds."""
    asked = [
        r for r in results if r.standings[key] is not Standing.NOT_PROMISED
    ]
    proved = [key in r.proved for r in asked]
    if not any(proved):
        return "bounds"
    return "proved" if all(proved) else "some"


# -- costs -------------------------------------------------------------------


def _print_costs(results: Sequence[DesignResult]) -> None:
    page.line()
    known = [r.costs for r in results if r.costs is not None]
    names = {name for c in known for name in (*c.sent.names, *c.stopped.names)}
    flight = ", F writes in flight" if "F" in names else ""
    points = [
        len(cost.points) for c in known for cost in (c.sent, c.stopped)
    ] or [0]
    page.paragraph(
        "Costs at most, without failures: M chunks, W guest writes, D chunks "
        f"that may be pending when the VM stops{flight}. Each formula is "
        f"exact on {min(points)} to {max(points)} explored instances (M and D "
        "to 3, W and F to 2). Chunks sent: with D = 0 where that ends; 2 W: a "
        "write, and the backup that clears it."
    )
    page.line()
    rows = [
        ["chunks sent", *(_cell(r, "sent") for r in results)],
        [
            "  writes never end",
            *(_cell(r, "sent_never_stops") for r in results),
        ],
        ["sent while stopped", *(_cell(r, "stopped") for r in results)],
        ["states at risk", *(_at_risk(r) for r in results)],
        ["full backup", *(_full_backup(r) for r in results)],
        ["ends for any guest", *(_ends(r) for r in results)],
    ]
    page.table(["", *(r.design for r in results)], rows)
    words = {cell for row in rows for cell in row[1:]}
    legend = {
        NEVER: "no migration comes to its end",
        EACH_TIME: "every migration costs one",
        IF_LOST: "if a failure loses the bitmap",
        NO_SINGLE: "no single break, death or refusal loses the bitmap",
    }
    said = [f"{word}: {text}" for word, text in legend.items()]
    said = [text for text in said if text.partition(":")[0] in words]
    said.insert(0, f"writes never end: M = {NEVER_STOPS.chunks}")
    said.insert(
        1, "at risk: a break or the source's death now may lose the bitmap"
    )
    page.paragraph(f"{'; '.join(said)}.", indent="  ")


def _cell(result: DesignResult, name: str) -> str:
    if result.costs is None:
        return "?"
    return str(getattr(result.costs, name)).replace("unknown", "?")


def _at_risk(result: DesignResult) -> str:
    if result.costs is None or result.costs.share_at_risk is None:
        return "?"
    if result.costs.always_lost:
        return "-"
    return f"{result.costs.share_at_risk:.0%}"


def _full_backup(result: DesignResult) -> str:
    """When a full backup is needed."""
    costs = result.costs
    if costs is None or costs.always_lost is None or costs.at_risk is None:
        return "?"
    if costs.always_lost:
        return EACH_TIME
    if costs.at_risk[0] or result.lost_if_refused:
        return IF_LOST
    return "?" if result.lost_if_refused is None else NO_SINGLE


def _ends(result: DesignResult) -> str:
    if result.undecided:
        return "?"
    return "yes" if result.converges else "no"


# -- real disks --------------------------------------------------------------


def _print_real_disks(results: Sequence[DesignResult]) -> None:
    disk = EXAMPLE
    page.line()
    page.paragraph(
        f"16 TiB at 64 KiB: {page.number(disk.granules)} bits, "
        f"{disk.bitmap_bytes >> 20} MiB, M = {page.number(disk.chunks)} "
        f"chunks of {CHUNK_WIRE_BYTES} bytes on the wire."
    )
    formulas = [
        f"downtime = chunks while stopped x {CHUNK_WIRE_BYTES} B / rate",
        f"D        = 300 ms x rate / {CHUNK_WIRE_BYTES} B, QEMU's default "
        "downtime-limit",
        f"F        = {WRITES_IN_FLIGHT}, one queue of virtio-blk",
        f"all sent = M x {CHUNK_WIRE_BYTES} B / rate"
        f"{_at_risk_so_long(results)}",
        "full backup, the price of a loss = 16 TiB / rate",
    ]
    for formula in formulas:
        page.line(f"  {formula}")
    page.line()
    rows = []
    for gbit in RATES_GBIT:
        cells = [f"{gbit} Gbit/s"]
        cells += [_downtime(result, gbit) for result in results]
        cells.append(show_seconds(send_seconds(disk.chunks, gbit)))
        cells.append(show_seconds(full_backup_seconds(disk, gbit)))
        rows.append(cells)
    page.table(
        ["downtime", *(r.design for r in results), "all sent", "full backup"],
        rows,
        right=tuple(range(1, len(results) + 3)),
    )
    held_back = [
        r.design
        for r in results
        if THROTTLED in r.ends_where and ENDS not in r.ends_where
    ]
    if held_back:
        rates = ", ".join(f"{chunk_rate(g):,.0f}" for g in RATES_GBIT)
        page.paragraph(
            f"Where D < M, hold the guest of {enumeration(held_back)} back to "
            "fewer chunks a second than the link carries, rate / "
            f"{CHUNK_WIRE_BYTES} B: {rates} (as a rate; the model counts "
            "writes and backups, one by one).",
            indent="  ",
        )
    limited = [r.design for r in results if r.costs and r.costs.stopped.where]
    if limited:
        page.paragraph(
            "QEMU's own estimate is another than D: it counts a granule as a "
            "byte, eight times what is sent, and nothing lowers it while the "
            f"guest runs. {_as_built(limited)}",
            indent="  ",
        )


def _at_risk_so_long(results: Sequence[DesignResult]) -> str:
    """Who is at risk while all is sent."""
    names = [
        r.design
        for r in results
        if r.costs
        and not r.costs.always_lost
        and r.costs.at_risk
        and r.costs.at_risk[0]
    ]
    return f": so long is {enumeration(names)} at risk" if names else ""


def _downtime(result: DesignResult, gbit: float) -> str:
    if result.costs is None:
        return "?"
    seconds = stopped_seconds(result.costs.stopped, EXAMPLE, gbit)
    return "-" if seconds is None else show_seconds(seconds)


def _as_built(limited: Sequence[str]) -> str:
    """What the estimate does to these designs, on the example's disk."""
    never = [g for g in RATES_GBIT if not as_built_stops(EXAMPLE, g)]
    if not never:
        return "It lets this disk's VM be stopped at all of these rates."
    rates = ", ".join(str(g) for g in never)
    return (
        f"So {enumeration(limited)} as built never stops the VM of this disk "
        f"at {rates} Gbit/s with the default downtime-limit."
    )


def _print_assumptions(comparison: Comparison) -> None:
    clauses = assumptions(comparison)
    if not clauses:
        return
    page.line("This assumes that")
    for clause in clauses:
        page.paragraph(f"{clause}", indent="    ", first="  - ")
    page.line()
