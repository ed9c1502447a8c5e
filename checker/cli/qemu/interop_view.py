# SPDX-License-Identifier: GPL-2.0-or-later
"""``dbmcheck qemu interop``: the reference and a real QEMU, end to end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import attrs

from checker.cli import page
from checker.cli.progress import steps_shown
from checker.cli.qemu.chosen import worst
from checker.input.errors import UndecidedError
from checker.input.exit_codes import ExitCode
from checker.qemu.harness.binary import Build
from checker.qemu.harness.faults import Fault, FaultKind
from checker.qemu.harness.places import Place, Within
from checker.qemu.harness.process import QemuError
from checker.qemu.harness.scenario import Mode
from checker.qemu.harness.stopping import run_until_stopped
from checker.qemu.interop.bitmap_shapes import QUICK, SHAPES, Shape, shape
from checker.qemu.interop.bulk_pass import pass_to_qemu
from checker.qemu.interop.cut_ones import Cut, cut_from_qemu
from checker.qemu.interop.interop import (
    Result,
    expected,
    receive_from_qemu,
    send_to_qemu,
)
from checker.qemu.interop.known_streams import known_as
from checker.qemu.interop.malformed import (
    Kind,
    Outcome,
    Results,
    malformed,
)
from checker.qemu.interop.mutations import corpus, cuts
from checker.stateful.adapter import Side
from reference.protocol.tables import Design

_HEX: Final = 64  # digits of a stream in a line
#: the shape that is cut after each of its chunks, and how many it has
_CUT: Final = "16 chunks, all change"
_CHUNKS: Final = 16


def run(
    builds: Sequence[Build],
    *,
    quick: bool = False,
    malformed_seeds: int | None = None,
    as_json: bool = False,
) -> int:
    """Migrate every shape both ways; returns the exit code.

    ``quick``: a few shapes.  ``malformed_seeds``: feed the malformed streams
    too, and so many made by chance for each mode.
    """
    shapes = tuple(map(shape, QUICK)) if quick else SHAPES
    codes, shown = [], []
    for number, build in enumerate(builds):
        with steps_shown() as report:
            try:
                found = _found(build, shapes, malformed_seeds, report)
            except QemuError as error:
                raise UndecidedError(str(error)) from None
        codes.append(found.code)
        if as_json:
            shown.append(_to_json(found))
        else:
            if number:
                page.line()
            _print(found)
        if not found.complete:
            break
    if as_json:
        page.as_json(shown[0] if len(shown) == 1 else shown)
    return worst(codes)


@attrs.frozen
class _Found:
    """What one build showed; ``fed``: the malformed streams, if any.

    ``passes``: from a source that makes a pass; ``cuts``: to a destination
    that begins with every bit set.
    """

    build: Build
    results: list[Result]
    fed: Results | None
    complete: bool
    passes: list[Result] = attrs.field(factory=list)
    cuts: list[Cut] = attrs.field(factory=list)

    @property
    def wrong(self) -> list[Result | Cut]:
        """Migrations that went otherwise than is known."""
        migrated = [*self.results, *self.passes]
        wrong = [one for one in migrated if not expected(one, self.build)]
        return [*wrong, *(one for one in self.cuts if not one.agrees)]

    @property
    def new(self) -> list[Outcome]:
        """Return the crashes and hangs that were not known."""
        shortest = () if self.fed is None else self.fed.shortest
        return [one for one in shortest if known_as(one, self.build) is None]

    @property
    def verdict(self) -> str:
        """In a word."""
        if self.wrong:
            return "DIFFERS"
        if self.new:
            return "NEW CRASHES OR HANGS"
        return "AGREES" if self.complete else "INCOMPLETE"

    @property
    def code(self) -> ExitCode:
        """A new finding outweighs what was left undone."""
        if self.wrong or self.new:
            return ExitCode.DIFFERS
        return ExitCode.AS_EXPECTED if self.complete else ExitCode.INCONCLUSIVE


def _found(
    build: Build,
    shapes: Sequence[Shape],
    malformed_seeds: int | None,
    report: Callable[[str], None],
) -> _Found:
    """Everything for one build, or what was done until somebody stopped it."""
    results: list[Result] = []
    plan = [
        (work, each, mode, return_path)
        for each in shapes
        for mode in Mode
        for return_path in (False, True)
        for work in (send_to_qemu, receive_from_qemu)
    ]
    passes: list[Result] = []
    cuts_made: list[Cut] = []
    with_pass = [(each, mode) for each in shapes for mode in Mode]
    places = [Place("bits", n, Within.AFTER) for n in range(_CHUNKS)]
    total = len(plan) + len(with_pass) + len(places)

    def told(what: str) -> None:
        done = len(results) + len(passes) + len(cuts_made)
        report(f"{done} of {total} migrations; {what}")

    async def migrate() -> None:
        # one after the other, so that none waits for another
        for work, each, mode, return_path in plan:
            results.append(await work(each, mode, return_path, build))
            told(each.name)
        for each, mode in with_pass:
            passes.append(await pass_to_qemu(each, mode, build))
            told(each.name)
        for place in places:
            fault = Fault(FaultKind.CUT, place)
            cuts_made.append(await cut_from_qemu(shape(_CUT), fault, build))
            told(str(fault))

    complete = run_until_stopped(migrate())
    if malformed_seeds is None or not complete:
        return _Found(build, results, None, complete, passes, cuts_made)
    streams = [each for mode in Mode for each in (*corpus(mode), *cuts(mode))]
    wanted = len(streams) + malformed_seeds * len(Mode)
    done = bad = 0

    def note(one: Outcome) -> None:
        nonlocal done, bad
        done, bad = done + 1, bad + one.bad
        report(f"{done:,} of {wanted:,} streams, {bad:,} crash or hang")

    fed = malformed(build, range(malformed_seeds), streams, done=note)
    return _Found(build, results, fed, fed.complete, passes, cuts_made)


# -- text --------------------------------------------------------------------


def _print(found: _Found) -> None:
    build, results, wrong = found.build, found.results, found.wrong
    page.line(f"the reference and QEMU {build.label}: {found.verdict}")
    page.line()
    rows = []
    for side in Side:
        for mode in Mode:
            for path in (False, True):
                some = [
                    one
                    for one in results
                    if (one.reference, one.mode, one.return_path)
                    == (side, mode, path)
                ]
                known = [one for one in some if not one.agrees]
                rows.append(
                    [
                        side.value,
                        mode.value,
                        "yes" if path else "no",
                        str(len(some)),
                        str(len(some) - len(known)),
                        str(sum(one.chunks for one in some)),
                    ]
                )
    page.table(
        ["reference", "mode", "return path", "shapes", "agree", "chunks"],
        rows,
    )
    _print_own_designs(found)
    every: list[Result | Cut] = [*results, *found.passes, *found.cuts]
    for single in every:
        if not single.agrees:
            page.line()
            label = "differs" if single in wrong else "known"
            page.paragraph(f"{label}: {single}.")
    if found.fed is not None:
        _print_malformed(found.fed, build)


def _print_own_designs(found: _Found) -> None:
    """Ends that QEMU does not have, as far as there were any."""
    rows = []
    for mode in Mode:
        some = [one for one in found.passes if one.mode is mode]
        for design in dict.fromkeys(one.design for one in some):
            agree = sum(one.agrees for one in some)
            again = sum(one.again for one in some)
            rows.append(
                [
                    *("source", design, str(len(some)), str(agree)),
                    f"{again} chunks sent again",
                ]
            )
    if found.cuts:
        agree = sum(one.agrees for one in found.cuts)
        kept = sum(one.degraded for one in found.cuts)
        rows.append(
            [
                *("destination", Design.POSTCOPY_ONES.value),
                *(str(len(found.cuts)), str(agree)),
                f"{kept} kept, degraded, after a cut",
            ]
        )
    if rows:
        page.line()
        page.line("designs that QEMU does not have")
        page.table(["reference", "design", "runs", "agree", "what"], rows)


def _print_malformed(fed: Results, build: Build) -> None:
    page.line()
    page.line(f"{page.number(len(fed.outcomes))} malformed streams")
    counts = fed.counts()
    rows = [
        [kind.value, *(str(counts[mode, kind]) for mode in Mode)]
        for kind in Kind
    ]
    page.table(["the destination", *(mode.value for mode in Mode)], rows)
    for one in fed.shortest:
        page.line()
        entry = known_as(one, build)
        state = f"known as {entry.id}" if entry else "NEW"
        page.paragraph(
            f"{one.kind.value} ({one.stream.mode.value}), {state}: "
            f"{one.signature}. "
            f"First seen with: {one.stream.name}. The shortest stream, "
            f"{len(one.stream.data)} bytes:"
        )
        text = one.stream.data.hex()
        for at in range(0, len(text), _HEX):
            page.line(f"    {text[at : at + _HEX]}")


# -- JSON --------------------------------------------------------------------


def _to_json(found: _Found) -> dict[str, Any]:
    build, results, fed = found.build, found.results, found.fed
    data: dict[str, Any] = {
        "qemu": build.label,
        "verdict": found.verdict,
        "complete": found.complete,
        "runs": [
            {
                "shape": one.shape,
                "mode": one.mode.value,
                "return_path": one.return_path,
                "reference": one.reference.value,
                "agrees": one.agrees,
                "as_expected": expected(one, build),
                "chunks": one.chunks,
                "differences": list(one.differences),
                "exit_code": one.exit_code,
            }
            for one in results
        ],
        "passes": [
            {
                "shape": one.shape,
                "mode": one.mode.value,
                "design": one.design,
                "agrees": one.agrees,
                "as_expected": expected(one, build),
                "sent_again": one.again,
                "differences": list(one.differences),
                "exit_code": one.exit_code,
            }
            for one in found.passes
        ],
        "cuts": [
            {
                "shape": one.shape,
                "fault": one.fault,
                "agrees": one.agrees,
                "arrived": one.arrived,
                "degraded": one.degraded,
                "exact": one.exact,
                "granules_too_many": one.too_many,
                "differences": list(one.differences),
            }
            for one in found.cuts
        ],
        "malformed": None,
    }
    if fed is not None:
        counts = fed.counts()
        data["malformed"] = {
            "streams": len(fed.outcomes),
            "counts": {
                mode.value: {kind.value: counts[mode, kind] for kind in Kind}
                for mode in Mode
            },
            "bad": [_bad_json(one) for one in fed.outcomes if one.bad],
            "shortest": [
                {
                    **_bad_json(one),
                    "known": getattr(known_as(one, build), "id", None),
                    "stream": one.stream.data.hex(),
                }
                for one in fed.shortest
            ],
        }
    return data


def _bad_json(one: Outcome) -> dict[str, Any]:
    return {
        "name": one.stream.name,
        "mode": one.stream.mode.value,
        "kind": one.kind.value,
        "exit_code": one.exit_code,
        "signature": one.signature,
        "message": one.message,
    }
