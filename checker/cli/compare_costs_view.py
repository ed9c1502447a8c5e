# SPDX-License-Identifier: GPL-2.0-or-later
"""``dbmcheck compare``: what the designs cost, in chunks and on real disks."""

from __future__ import annotations

from collections.abc import Sequence

from checker.answer.costs import IN_FLIGHT, NEVER, Cost
from checker.answer.explorations import NEVER_STOPS
from checker.answer.real_disks import (
    CHUNK_WIRE_BYTES,
    DOWNTIME_LIMIT,
    EXAMPLE,
    NEW_BITS,
    RATES_GBIT,
    WRITES_IN_FLIGHT,
    as_built_stops,
    chunk_rate,
    full_backup_seconds,
    least_limit,
    send_seconds,
    show_seconds,
    stopped_seconds,
)
from checker.answer.result import DesignResult
from checker.answer.standing import ENDS, THROTTLED
from checker.cli import page
from checker.text import in_bytes, joined, plural

EACH_TIME, IF_LOST, NO_SINGLE = "each time", "if lost", "none"


def print_costs(results: Sequence[DesignResult]) -> None:
    """The formulas, and what a failure would destroy."""
    page.line()
    known = [r.costs for r in results if r.costs is not None]
    costs = [cost for c in known for cost in (c.sent, c.stopped)]
    names = {name for cost in costs for name in cost.names}
    flight = ", F writes in flight" if IN_FLIGHT in names else ""
    points = [len(cost.points) for cost in costs] or [0]
    page.paragraph(
        "Costs at most, without failures: M chunks, W guest writes, D chunks "
        f"that may be pending when the VM stops{flight}. Each formula is "
        f"exact on {min(points)} to {max(points)} explored instances "
        f"({_largest(costs)}). Chunks sent, where that depends on W: with D = "
        "0, or with D = M if no migration ends with D = 0; 2 per write: once "
        "for the write, once for the backup that clears the bit."
    )
    page.line()
    page.table(
        ["", "chunks sent", "writes never end", "sent while stopped"],
        [
            [
                r.design,
                *(
                    _cell(r, n)
                    for n in ("sent", "sent_never_stops", "stopped")
                ),
            ]
            for r in results
        ],
    )
    _print_proved(results)
    page.line()
    rows = [
        [r.design, _at_risk(r), _degrading(r), _full_backup(r), _ends(r)]
        for r in results
    ]
    page.table(
        ["", "at risk", "may degrade", "full backup", "ends for any guest"],
        rows,
    )
    rows += [
        [_cell(r, name) for name in ("sent", "sent_never_stops", "stopped")]
        for r in results
    ]
    words = {cell for row in rows for cell in row[1:]}
    legend = {
        NEVER: "no migration ends",
        EACH_TIME: "every migration costs one",
        IF_LOST: "only if a failure loses the bitmap",
        NO_SINGLE: "no single break, death or refusal loses the bitmap",
    }
    said = [f"{word}: {text}" for word, text in legend.items()]
    said = [text for text in said if text.partition(":")[0] in words]
    said.insert(
        0, f"writes never end: the guest never stops, M = {NEVER_STOPS.chunks}"
    )
    said.insert(
        1,
        "at risk: a share of the states on the way, in which a break or the "
        "source's death may lose the bitmap; may degrade: in which it may "
        "leave one that is not exact",
    )
    page.paragraph(f"{'; '.join(said)}.", indent="  ")


def _print_proved(results: Sequence[DesignResult]) -> None:
    """What is proved of the costs beside what is explored of them."""
    said: dict[str, list[str]] = {}
    for result in results:
        parts = [
            f"{cost} at most {joined(most)}"
            for cost, most in sorted(result.proved_costs.items())
        ]
        said.setdefault("; ".join(parts), []).append(result.design)
    open_ = said.pop("", [])
    if not said:
        return
    texts = [f"{joined(names)}: {text}" for text, names in said.items()]
    rest = f" Not proved, but explored: {joined(open_)}." if open_ else ""
    page.paragraph(
        f"Proved for every size: {'. '.join(texts)}.{rest}", indent="  "
    )


def _largest(costs: Sequence[Cost]) -> str:
    """How far the instances go: 'M and D to 3, W and F to 2'."""
    most: dict[str, int] = {}
    for cost in costs:
        for point in cost.points:
            for name, value in zip(cost.names, point, strict=True):
                most[name] = max(value, most.get(name, 0))
    found: dict[int, list[str]] = {}
    for name, value in most.items():
        found.setdefault(value, []).append(name)
    return ", ".join(
        f"{joined(names)} to {value}" for value, names in found.items()
    )


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


def _degrading(result: DesignResult) -> str:
    if result.costs is None or result.costs.share_degrading is None:
        return "-"
    return f"{result.costs.share_degrading:.0%}"


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


def print_real_disks(results: Sequence[DesignResult]) -> None:
    """What the formulas give for a disk as people have them."""
    disk = EXAMPLE
    page.line()
    page.paragraph(
        f"{disk}: {page.number(disk.granules)} bits, "
        f"{in_bytes(disk.bitmap_bytes)}, M = {page.number(disk.chunks)} "
        f"chunks of {in_bytes(CHUNK_WIRE_BYTES)} on the wire."
    )
    formulas = [
        f"downtime = chunks while stopped x {CHUNK_WIRE_BYTES} B / rate",
        f"D        = {show_seconds(DOWNTIME_LIMIT)} x rate / "
        f"{CHUNK_WIRE_BYTES} B, QEMU's default downtime-limit",
        f"F        = {WRITES_IN_FLIGHT}, one queue of virtio-blk",
        f"all sent = M x {CHUNK_WIRE_BYTES} B / rate"
        f"{_at_risk_so_long(results)}",
        f"full backup, the price of a loss = {in_bytes(disk.size)} / rate",
    ]
    for formula in formulas:
        page.line(f"  {formula}")
    page.line()
    rows = [
        [f"{r.design}, downtime", *(_downtime(r, g) for g in RATES_GBIT)]
        for r in results
    ]
    of_all = {
        "all sent": [send_seconds(disk.chunks, g) for g in RATES_GBIT],
        "full backup": [full_backup_seconds(disk, g) for g in RATES_GBIT],
        "full backup of a chunk": [
            full_backup_seconds(disk, g) / disk.chunks for g in RATES_GBIT
        ],
    }
    rows += [[what, *map(show_seconds, of_all[what])] for what in of_all]
    page.table(
        ["", *(f"{gbit} Gbit/s" for gbit in RATES_GBIT)],
        rows,
        right=tuple(range(1, len(RATES_GBIT) + 1)),
    )
    _print_least_limits(results)
    held_back = [
        r.design
        for r in results
        if THROTTLED in r.ends_where and ENDS not in r.ends_where
    ]
    if held_back:
        every = max(_sent_for_each_write(r) for r in results)
        rates = ", ".join(f"{chunk_rate(g) / every:,.0f}" for g in RATES_GBIT)
        page.paragraph(
            f"Where D < M, hold the guest of {joined(held_back)} back to "
            f"one write for every {plural(every, 'chunk')} that the link "
            f"carries, rate / {every * CHUNK_WIRE_BYTES} B: {rates} writes a "
            f"second, as explored with {plural(NEVER_STOPS.chunks, 'chunk')}.",
            indent="  ",
        )
    limited = [r.design for r in results if r.costs and r.costs.stopped.where]
    if limited:
        page.paragraph(
            "QEMU's own estimate differs from D: it counts a granule as a "
            "byte, eight times the bits that are sent, and nothing lowers it "
            f"while the guest runs. {_as_built(limited)}",
            indent="  ",
        )


def _print_least_limits(results: Sequence[DesignResult]) -> None:
    """The least limit at which the VM is stopped, where that is a question."""
    rows = []
    for result in results:
        for new_bits in NEW_BITS:
            cells = [_least(result, gbit, new_bits) for gbit in RATES_GBIT]
            if all(cells):
                guest = f"{new_bits:,} new bits/s"
                rows.append([f"{result.design}, {guest}", *cells])
    if not rows:
        return
    page.line()
    page.paragraph(
        "The least downtime limit at which the VM is stopped, where the guest "
        "sets so many new bits at random places. A formula, not explored: M "
        "chunks where all has to fit; where one pass is made before, M (1 - "
        "exp(-bits / M)) chunks, of the bits that are set while all is sent:"
    )
    page.line()
    page.table(
        ["", *(f"{gbit} Gbit/s" for gbit in RATES_GBIT)],
        rows,
        right=tuple(range(1, len(RATES_GBIT) + 1)),
    )


def _least(result: DesignResult, gbit: float, new_bits: int) -> str:
    if result.costs is None:
        return ""
    costs = result.costs
    chunks = least_limit(costs.sent, costs.stopped, EXAMPLE, gbit, new_bits)
    return "" if chunks is None else show_seconds(send_seconds(chunks, gbit))


def _sent_for_each_write(result: DesignResult) -> int:
    """Chunks sent for each write of a guest held back; 0: not asked."""
    held_back = result.of(THROTTLED)
    return 0 if held_back is None else held_back.options.bounds.throttle


def _at_risk_so_long(results: Sequence[DesignResult]) -> str:
    """Name the designs that are at risk while all is sent."""
    names = [
        r.design
        for r in results
        if r.costs
        and not r.costs.always_lost
        and r.costs.at_risk
        and r.costs.at_risk[0]
    ]
    at_risk = f"{joined(names)} {'is' if len(names) == 1 else 'are'} at risk"
    return f": {at_risk} for that long" if names else ""


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
        f"So {joined(limited)} as built never stops the VM of this disk "
        f"at {rates} Gbit/s with the default downtime-limit."
    )
