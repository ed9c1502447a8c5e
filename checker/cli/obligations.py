# SPDX-License-Identifier: GPL-2.0-or-later
"""Obligations of a proof, and the design that it is about, on the page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import evolve

from checker.cli import page
from checker.cli.describe import design_of
from checker.input.errors import InputError
from checker.proof.obligation import Obligation
from checker.text import counted
from model.design import DESIGNS
from model.options import Bounds, Failures, Options


def named(design: str, without: tuple[str, ...]) -> Options:
    """The options that DESIGN or CONFIG and --without stand for.

    Of a configuration the size, the writes and the failures do not matter.
    """
    if not design:
        raise InputError(
            "prove needs a DESIGN or a CONFIG, or --verify FILE; designs are "
            f"{', '.join(DESIGNS)}"
        )
    found = design_of(design, without)
    if found is None:
        return Options(design=design, without=frozenset(without))
    bounds = Bounds(in_flight=found.bounds.in_flight)
    return evolve(found, bounds=bounds, failures=Failures())


def obligation_json(obligation: Obligation) -> dict[str, Any]:
    """An obligation as plain data."""
    return {
        "name": obligation.name,
        "verdict": obligation.outcome.value,
        "seconds": obligation.seconds,
        "queries": obligation.queries,
        "detail": obligation.detail or None,
    }


def print_obligations(obligations: Sequence[Obligation]) -> None:
    """One line for each: how long, how it came out, what it is."""
    page.table(
        ["s", "verdict", "obligation"],
        [
            [f"{o.seconds:6.2f}", o.outcome.value, _said(o)]
            for o in obligations
        ],
        right=(0,),
    )


def _said(obligation: Obligation) -> str:
    asked = ""
    if obligation.queries:
        asked = f" ({counted(obligation.queries, 'query')})"
    detail = f": {obligation.detail}" if obligation.detail else ""
    return f"{obligation.name}{asked}{detail}"
