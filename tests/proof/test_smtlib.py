# SPDX-License-Identifier: GPL-2.0-or-later
"""Does a solver that is not z3 say the same?"""

from __future__ import annotations

import re

import cvc5
import pytest
from attrs import evolve

from checker.proof.certificate.certificate import Certificate
from checker.proof.certificate.smtlib import Script, script
from model.language import expression as ex
from model.language.machine import Conjunct, Property
from tests.proof.claims import (
    NOT_NEEDED,
    claim,
    each_design,
    empty,
    excluding,
    one_design,
    saying,
    with_clause,
    without_clause,
)


def written(one: Certificate) -> Script:
    return script(one.machine, one.clauses)


def answers(text: str) -> list[str]:
    """What cvc5 answers to each ``check-sat``."""
    solver = cvc5.Solver()
    parser = cvc5.InputParser(solver)
    parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, text, "script")
    symbols = parser.getSymbolManager()
    found = []
    while not (command := parser.nextCommand()).isNull():
        said = str(command.invoke(solver, symbols)).strip()
        assert "error" not in said
        if said in ("sat", "unsat", "unknown"):
            found.append(said)
    return found


def disagreements(one: Certificate) -> list[str]:
    """Names of the questions that cvc5 does not answer as expected."""
    asked = written(one)
    found = answers(asked.text)
    assert "unknown" not in found
    return [
        question.name
        for question, answer in zip(asked.questions, found, strict=True)
        if answer != question.expected
    ]


@each_design
def test_cvc5_agrees(design: str) -> None:
    assert disagreements(claim(design)) == []


@pytest.mark.full
def test_cvc5_agrees_on_a_variant() -> None:
    assert disagreements(claim("postcopy", NOT_NEEDED)) == []


@each_design
def test_every_obligation_is_asked(design: str) -> None:
    one = claim(design)
    asked = written(one)
    names = [q.name for q in asked.questions]
    assert len(set(names)) == len(names)
    for prop in one.properties:
        assert f"safety: {prop}" in names
    for instance in one.machine.instances:
        assert f"consecution: {instance.label}" in names
    assert "initiation" in names
    satisfiable = [q.name for q in asked.questions if q.expected == "sat"]
    assert satisfiable == [
        "some state meets the invariant",
        "some step can be taken",
    ]


@each_design
def test_the_script_is_plain_smtlib(design: str) -> None:
    one = claim(design)
    text = written(one).text
    assert len(text) < 4_000_000
    assert text.count("(push 1)") == text.count("(pop 1)")
    assert text.count("(check-sat)") == len(written(one).questions)
    commands = set(re.findall(r"^\(([a-z-]+)", text, re.M))
    assert commands == {
        *("set-info", "set-logic", "declare-const", "define-fun"),
        *("assert", "push", "pop", "check-sat", "echo"),
    }
    for sentence in one.sentences():
        assert f"; {sentence}\n" in text
    assert one.machine.digest in text


# -- twins that must fail --------------------------------------------------


@one_design
def test_a_clause_that_is_not_true_at_first(design: str) -> None:
    one = claim(design)
    wrong = saying(one.machine, ghost_missed=["{c}"])
    # it contradicts the clause that nothing was missed: no state is left
    assert disagreements(with_clause(one, wrong)) == [
        "initiation",
        "some state meets the invariant",
        "some step can be taken",
    ]


@one_design
def test_a_clause_that_a_step_breaks(design: str) -> None:
    one = claim(design)
    wrong = saying(one.machine, source__migration=["none"])
    assert disagreements(with_clause(one, wrong)) == ["consecution: migrate"]


@one_design
def test_clauses_that_are_too_weak(design: str) -> None:
    one = claim(design)
    fewer = without_clause(one, excluding(one, "ghost_missed"))
    assert disagreements(fewer) == ["safety: BackupChainRestoresDisk"]


def test_a_clause_dropped() -> None:
    one = claim("stop-copy")
    assert disagreements(without_clause(one, len(one.clauses) // 2))


# -- every operator --------------------------------------------------------


def _operators() -> dict[str, ex.Expression]:
    """Truths that hold of all numbers, one or more for each operator."""
    a, b = ex.field_value("a", 4), ex.field_value("b", 4)
    p, q = ex.field_value("p", 1), ex.field_value("q", 1)
    zero, nine = ex.constant(0, 4), ex.constant(9, 4)
    low, high = ex.bits_of(a, 0, 2), ex.bits_of(a, 2, 2)
    joined = ex.disjunction(ex.placed(low, 0, 4), ex.placed(high, 2, 4))
    top = ex.disjunction(
        ex.placed(ex.bits_of(a, 3, 1), 3, 4),
        ex.conjunction(a, ex.constant(7, 4)),
    )
    either = ex.choice(p, a, b)
    both = [ex.complement(p), ex.equal(either, a)]
    other = [p, ex.equal(either, b)]
    odd = ex.add(p, q)
    return {
        "not": ex.equal(ex.complement(a), ex.subtract(ex.constant(15, 4), a)),
        "and": ex.complement(ex.less(a, ex.conjunction(a, b))),
        "or": ex.complement(ex.less(ex.disjunction(a, b), a)),
        "eq": ex.equal(ex.equal(p, q), ex.complement(odd)),
        "lt": ex.complement(ex.conjunction(ex.less(a, b), ex.less(b, a))),
        "lt of truths": ex.disjunction(
            ex.complement(ex.less(p, q)), ex.conjunction(q, ex.complement(p))
        ),
        "add": ex.equal(ex.subtract(ex.add(a, nine), nine), a),
        "sub": ex.equal(ex.subtract(p, q), odd),
        "ite": ex.conjunction(ex.any_of(both), ex.any_of(other)),
        "slice and place": ex.equal(joined, a),
        "one bit": ex.equal(top, a),
        "count": ex.complement(
            ex.less(ex.constant(4, 3), ex.add(ex.count(a), ex.constant(0, 3)))
        ),
        "count of none": ex.equal(
            ex.equal(ex.count(a), ex.constant(0, 3)), ex.equal(a, zero)
        ),
    }


@pytest.mark.parametrize("name", _operators())
def test_every_operator(name: str) -> None:
    truth = _operators()[name]
    one = empty("live")
    fields = tuple(
        evolve(field, name=wanted)
        for wanted, width in (("a", 4), ("b", 4), ("p", 1), ("q", 1))
        for field in [
            next(f for f in one.machine.fields if f.type.width == width)
        ]
    )
    machine = evolve(
        one.machine,
        fields=fields,
        initials=((0, 0, 0, 0),),
        actions=(),
        channels=(),
        invariants=(),
        properties=(
            Property(name, "always", "", "", then=(Conjunct(name, truth),)),
            Property(
                "its opposite",
                "always",
                "",
                "",
                then=(Conjunct("", ex.complement(truth)),),
            ),
        ),
    )
    asked = script(machine, [])
    found = dict(
        zip(
            (q.name for q in asked.questions), answers(asked.text), strict=True
        )
    )
    assert found[f"safety: {name}"] == "unsat"
    assert found["safety: its opposite"] == "sat"
