# SPDX-License-Identifier: GPL-2.0-or-later
"""``dbmcheck list``: configurations, designs, guarantees, the scope."""

from __future__ import annotations

from typing import Any

from checker.cli import page
from checker.input.configuration import Configuration, listed
from checker.text import counted
from model.design import DESIGNS
from model.guarantees import GUARANTEES
from model.lookup import mechanisms_of
from model.mechanism import Mechanism
from model.scope import ASSUMED, NOT_MODELLED


def run(as_json: bool) -> int:
    """Print what is shipped; returns the exit code."""
    configurations = listed()
    if as_json:
        page.as_json(
            {
                "configurations": {
                    c.name: _configuration_json(c) for c in configurations
                },
                "designs": {
                    d: {
                        m.name: _mechanism_json(m, d) for m in mechanisms_of(d)
                    }
                    for d in DESIGNS
                },
                "guarantees": {g.name: g.long for g in GUARANTEES.values()},
                "assumed": list(ASSUMED),
                "not_modelled": list(NOT_MODELLED),
            }
        )
        return 0
    page.line("Configurations (CONFIG), with the result that is expected:")
    for configuration in configurations:
        _print_configuration(configuration)
    for design in DESIGNS:
        page.line()
        page.line(
            f"Mechanisms of {design} (--without NAME) and their guarantees:"
        )
        for mechanism in mechanisms_of(design):
            page.line(f"  {mechanism.name:<24}{mechanism.guards(design)}")
            page.paragraph(mechanism.doc, indent="      ")
    page.line()
    page.line("Guarantees:")
    for one in GUARANTEES.values():
        where = "" if one.modelled else " (asked of real QEMU alone)"
        page.paragraph(
            f"{one.long}{where}", indent="      ", first=f"  {one.name}  "
        )
    for title, clauses in (
        ("Assumed", ASSUMED),
        ("Not modelled", NOT_MODELLED),
    ):
        page.line()
        page.line(f"{title}:")
        page.bullets(clauses)
    return 0


def _print_configuration(configuration: Configuration) -> None:
    expect = configuration.expect
    states = "" if expect.states is None else counted(expect.states, "state")
    verdict = expect.verdict or ""
    page.line(f"  {configuration.name:<45}{verdict:<9}{states:>16}")
    page.paragraph(configuration.title, indent="      ")


def _configuration_json(configuration: Configuration) -> dict[str, Any]:
    expect = configuration.expect
    return {
        "title": configuration.title,
        "design": configuration.options.design,
        "without": sorted(configuration.options.without),
        "slow": configuration.slow,
        "verdict": expect.verdict,
        "property": expect.property,
        "states": expect.states,
    }


def _mechanism_json(mechanism: Mechanism, design: str) -> dict[str, Any]:
    return {
        "protects": mechanism.guards(design),
        "doc": mechanism.doc,
        "history": mechanism.history or None,
        "assumes": mechanism.assumes or None,
        "redundant": mechanism.why_redundant(design) or None,
    }
