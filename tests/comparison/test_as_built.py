# SPDX-License-Identifier: GPL-2.0-or-later
"""Which missing mechanism breaks what, in a table that a test writes."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from attrs import evolve

from checker.answer.as_built import AsBuilt, explore_as_built
from checker.engines.exploration import Limits, silent
from checker.input import configuration
from checker.input.configuration import load
from model import design as named
from model import designs
from model.designs import build
from model.language import Machine
from model.language import expression as ex
from model.lookup import mechanisms_of
from model.options import Options
from tests.comparison import broken

DESIGN = "drop"
FIRST, SECOND, THIRD = (m.name for m in mechanisms_of(DESIGN)[:3])
Breaks = Mapping[frozenset[str], str]


def explored(
    monkeypatch: pytest.MonkeyPatch,
    missing: set[str],
    breaks: Breaks,
    limits: Limits | None = None,
) -> AsBuilt | None:
    """``breaks``: which guarantee is broken without which mechanisms."""

    def variant(options: Options, *domain: object) -> Machine:
        machine = build(evolve(options, without=frozenset()))
        for absent, guarantee in breaks.items():
            if absent <= options.without:
                false = broken.with_property(
                    f"False{guarantee}", "always", guarantee, then=ex.FALSE
                )
                machine = false(machine, options)
        return machine

    monkeypatch.setattr(designs, "build", variant)
    monkeypatch.setattr(configuration, "build", variant)
    table = {DESIGN: ("as tried", frozenset(missing))}
    monkeypatch.setattr(named, "AS_BUILT", table)
    main = load(DESIGN).options
    return explore_as_built(main, limits or Limits(), lambda _: silent)


def test_who_breaks_what(monkeypatch: pytest.MonkeyPatch) -> None:
    found = explored(
        monkeypatch,
        {FIRST, SECOND, THIRD},
        {
            frozenset({FIRST}): "S1",
            frozenset({SECOND}): "S6",
            frozenset({FIRST, SECOND}): "S2",
        },
    )
    assert found is not None and found.label == "as tried"
    assert found.broken == {"S1": (FIRST,), "S6": (SECOND,), "S2": ()}
    assert not found.silent and not found.undecided


def test_what_breaks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    found = explored(monkeypatch, {FIRST}, {})
    assert found is not None
    assert found.broken == {} and not found.silent and not found.undecided


def test_what_was_not_decided(monkeypatch: pytest.MonkeyPatch) -> None:
    found = explored(monkeypatch, {FIRST}, {}, Limits(max_states=20))
    assert found is not None
    assert found.undecided == "more than 20 states"


def test_without_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(named, "AS_BUILT", {})
    main = load(DESIGN).options
    assert explore_as_built(main, Limits(), lambda _: silent) is None
