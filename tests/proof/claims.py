# SPDX-License-Identifier: GPL-2.0-or-later
"""Certificates for the tests: each is mined once in a run."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import pytest
from attrs import evolve

from checker.proof.certificate.certificate import Certificate, certificate
from checker.proof.certificate.clause import Clause, clause_of, codes_in_use
from checker.proof.certificate.invariant import Mined, mine
from model.design import DESIGNS, DROP, STOP_COPY
from model.language import Machine
from model.lookup import mechanisms_of
from model.mechanisms import (
    POSTCOPY,
)
from model.options import Options
from tests.once import once

#: postcopy holds without it
NOT_NEEDED = next(
    m.name for m in mechanisms_of(POSTCOPY) if m.why_redundant(POSTCOPY)
)

#: to find an invariant of the larger designs takes many seconds
each_design = pytest.mark.parametrize(
    "design",
    [
        pytest.param(
            d, marks=() if d in (STOP_COPY, DROP) else pytest.mark.full
        )
        for d in DESIGNS
    ],
)
#: for what is wrong in the same way whatever the design
one_design = pytest.mark.parametrize(
    "design",
    [
        pytest.param(d, marks=() if d == STOP_COPY else pytest.mark.full)
        for d in DESIGNS
    ],
)


@cache
def empty(design: str, *without: str) -> Certificate:
    """A certificate of the design with no clause at all."""
    options = Options(design=design, without=frozenset(without))
    return certificate(options, [])


@cache
def mined(design: str, *without: str) -> Mined:
    """What the search for an invariant finds."""
    return once(
        f"mined {design} {without}",
        lambda: mine(empty(design, *without).machine),
    )


def claim(design: str, *without: str) -> Certificate:
    """The certificate that was found."""
    clauses = mined(design, *without).clauses
    return evolve(empty(design, *without), clauses=clauses)


def saying(machine: Machine, **values: Iterable[str]) -> Clause:
    """The clause "a field shows one of its values"; ``__`` is a dot."""
    in_use = codes_in_use(machine)
    fields = {f.name: f.type for f in machine.fields}
    allowed = {}
    for name, shown in values.items():
        field = name.replace("__", ".")
        codes = in_use[field]
        allowed[field] = [c for c in codes if fields[field].show(c) in shown]
    return clause_of(machine, allowed)


def without_clause(one: Certificate, number: int) -> Certificate:
    """The certificate with a clause less."""
    clauses = one.clauses[:number] + one.clauses[number + 1 :]
    return evolve(one, clauses=clauses)


def with_clause(one: Certificate, clause: Clause) -> Certificate:
    """The certificate with a clause more."""
    return evolve(one, clauses=(*one.clauses, clause))


def excluding(one: Certificate, field: str) -> int:
    """Number of the clause that speaks of ``field`` alone."""
    (found,) = (
        number
        for number, clause in enumerate(one.clauses)
        if [literal.field for literal in clause.literals] == [field]
    )
    return found
