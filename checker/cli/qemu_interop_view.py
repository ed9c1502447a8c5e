# SPDX-License-Identifier: GPL-2.0-or-later
"""``dbmcheck qemu interop``: the reference and a real QEMU, end to end."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from checker.cli import page
from checker.conformance.qemu.binary import Build
from checker.conformance.qemu.interop import (
    Result,
    expected,
    receive_from_qemu,
    send_to_qemu,
)
from checker.conformance.qemu.malformed import (
    Kind,
    Outcome,
    Results,
    malformed,
)
from checker.conformance.qemu.mutations import corpus, cuts
from checker.conformance.qemu.scenario import Mode, Side
from checker.conformance.qemu.shapes import QUICK, SHAPES, Shape, shape
from checker.verdict import ExitCode

_HEX: Final = 64  # digits of a stream in a line


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
    code, shown = ExitCode.AS_EXPECTED, []
    for number, build in enumerate(builds):
        results = asyncio.run(_migrate_all(shapes, build))
        fed = None
        if malformed_seeds is not None:
            streams = [
                each for mode in Mode for each in (*corpus(mode), *cuts(mode))
            ]
            fed = malformed(build, range(malformed_seeds), streams)
        wrong = [one for one in results if not expected(one, build)]
        if wrong:
            code = ExitCode.DIFFERS
        if as_json:
            shown.append(_to_json(build, results, fed))
            continue
        if number:
            page.line()
        _print(build, results, wrong, fed)
    if as_json:
        page.as_json(shown[0] if len(shown) == 1 else shown)
    return code


async def _migrate_all(
    shapes: tuple[Shape, ...], build: Build
) -> list[Result]:
    """One after the other, so that none waits for another."""
    return [
        await work(each, mode, return_path, build)
        for each in shapes
        for mode in Mode
        for return_path in (False, True)
        for work in (send_to_qemu, receive_from_qemu)
    ]


# -- text --------------------------------------------------------------------


def _print(
    build: Build,
    results: list[Result],
    wrong: list[Result],
    fed: Results | None,
) -> None:
    verdict = "DIFFERS" if wrong else "AGREES"
    page.line(f"the reference and QEMU {build.label}: {verdict}")
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
    for one in results:
        if not one.agrees:
            page.line()
            label = "differs" if one in wrong else "known"
            page.paragraph(f"{label}: {one}.")
    if fed is not None:
        _print_malformed(fed)


def _print_malformed(fed: Results) -> None:
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
        page.paragraph(
            f"{one.kind.value} ({one.stream.mode.value}): {one.signature}. "
            f"First seen with: {one.stream.name}. The shortest stream, "
            f"{len(one.stream.data)} bytes:"
        )
        text = one.stream.data.hex()
        for at in range(0, len(text), _HEX):
            page.line(f"    {text[at : at + _HEX]}")


# -- JSON --------------------------------------------------------------------


def _to_json(
    build: Build, results: list[Result], fed: Results | None
) -> dict[str, Any]:
    found: dict[str, Any] = {
        "qemu": build.label,
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
        "malformed": None,
    }
    if fed is not None:
        counts = fed.counts()
        found["malformed"] = {
            "streams": len(fed.outcomes),
            "counts": {
                mode.value: {kind.value: counts[mode, kind] for kind in Kind}
                for mode in Mode
            },
            "bad": [_bad_json(one) for one in fed.outcomes if one.bad],
            "shortest": [
                {**_bad_json(one), "stream": one.stream.data.hex()}
                for one in fed.shortest
            ],
        }
    return found


def _bad_json(one: Outcome) -> dict[str, Any]:
    return {
        "name": one.stream.name,
        "mode": one.stream.mode.value,
        "kind": one.kind.value,
        "exit_code": one.exit_code,
        "signature": one.signature,
        "message": one.message,
    }
