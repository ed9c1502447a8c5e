# SPDX-License-Identifier: GPL-2.0-or-later
"""The obligations of a certificate as SMT-LIB 2, for any solver.

The text comes straight from the expressions of the model; z3 has no part in
it.  It uses QF_BV and nothing that is peculiar to one solver.  Every question
is expected to be unsatisfiable, except two: that some state meets the
invariant, and that some step can be taken from such a state.  A solver that
says "unsat" to everything is found out by these.

Truth values are Booleans; a number is a bit vector of its width.  Shared
parts are defined once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from attrs import frozen

from checker.proof.certificate.clause import Clause, Words, meaning
from model.language import expression as ex
from model.language.expression import Expression
from model.language.machine import Machine

_ORDINARY = {
    "not": "bvnot",
    "and": "bvand",
    "or": "bvor",
    "eq": "=",
    "lt": "bvult",
    "add": "bvadd",
    "sub": "bvsub",
    "ite": "ite",
}
_OF_TRUTHS = {
    "not": "not",
    "and": "and",
    "or": "or",
    "eq": "=",
    "add": "xor",
    "sub": "xor",
    "ite": "ite",
}


@frozen
class Question:
    """One ``check-sat``: what it asks and what the answer must be."""

    name: str
    expected: str


@frozen
class Script:
    """A whole script; ``questions`` in the order of its answers."""

    text: str
    questions: tuple[Question, ...]


def script(machine: Machine, clauses: Sequence[Clause]) -> Script:
    """Return the obligations of ``induction``, and two checks."""
    return _Writer(machine, clauses).script()


class _Writer:
    def __init__(self, machine: Machine, clauses: Sequence[Clause]) -> None:
        self._machine = machine
        self._words = Words(machine)
        self._clauses = [(c, meaning(machine, c)) for c in clauses]
        self._before = {f.name: f"|{f.name}|" for f in machine.fields}
        self._lines: list[str] = []
        self._questions: list[Question] = []

    def script(self) -> Script:
        """Return the whole script."""
        machine = self._machine
        self._say(f"Certificate of {machine.name}, model {machine.digest}.")
        self._say("A field's value before a step is |name|.")
        self._line("(set-info :smt-lib-version 2.6)")
        self._line("(set-logic QF_BV)")
        for field in machine.fields:
            sort = _sort(field.type.width)
            self._line(f"(declare-const |{field.name}| {sort})")
        self._initiation()
        self._line("(push 1)")
        self._invariant()
        self._ask("some state meets the invariant", [], "sat")
        self._safety()
        self._steps()
        self._line("(pop 1)")
        return Script("\n".join(self._lines) + "\n", tuple(self._questions))

    def _line(self, text: str) -> None:
        self._lines.append(text)

    def _say(self, text: str) -> None:
        self._line(f"; {text}")

    def _ask(
        self, name: str, wrong: Iterable[str], expected: str = "unsat"
    ) -> None:
        """Ask whether all of ``wrong`` is possible."""
        self._line("(push 1)")
        for one in wrong:
            self._line(f"(assert {one})")
        self._line(f'(echo "{name}: {expected} expected")')
        self._line("(check-sat)")
        self._line("(pop 1)")
        self._questions.append(Question(name, expected))

    def _initiation(self) -> None:
        fields = self._machine.fields
        self._say("Initiation: an initial state meets types and clauses.")
        names = _Names(self._lines, "first", self._before)
        wanted = [self._machine.type_invariant, *(t for _, t in self._clauses)]
        every = _all(names.read(truth) for truth in wanted)
        starts = [
            _all(
                f"(= |{f.name}| {_literal(code, f.type.width)})"
                for f, code in zip(fields, state, strict=True)
            )
            for state in self._machine.initials
        ]
        self._ask("initiation", [_any(starts), f"(not {every})"])

    def _invariant(self) -> None:
        self._say("The type invariant and the clauses hold before a step.")
        self._now = _Names(self._lines, "now", self._before)
        types = self._now.read(self._machine.type_invariant)
        self._line(f"(assert {types})")
        for clause, truth in self._clauses:
            self._say(self._words.sentence(clause))
            self._line(f"(assert {self._now.read(truth)})")

    def _safety(self) -> None:
        for prop in self._machine.properties:
            if prop.kind == "always":
                wrong = self._now.read(prop.violated)
                self._ask(f"safety: {prop.name}", [wrong])

    def _steps(self) -> None:
        machine, able = self._machine, []
        for number, instance in enumerate(machine.instances):
            self._say(f"Step: {instance.label}.")
            self._line("(push 1)")
            names = self._now.copy(f"s{number}")
            enabled = names.read(instance.enabled)
            able.append(instance.enabled)
            after = dict(self._before)
            for name, value in instance.effect:
                after[name] = names.read(value)
            later = _Names(self._lines, f"t{number}", after)
            changed = {name for name, _ in instance.effect}
            kept = [
                later.read(truth)
                for truth in (
                    machine.type_invariant,
                    *(t for _, t in self._clauses),
                )
                if changed & ex.fields_read([truth])
            ]
            name = f"consecution: {instance.label}"
            self._ask(name, [enabled, f"(not {_all(kept)})"])
            self._line("(pop 1)")
        names = self._now.copy("able")
        some = _any(names.read(enabled) for enabled in able)
        self._ask("some step can be taken", [some], "sat")


class _Names:
    """Expressions by the name of their definition in the script.

    ``fields``: what each field stands for.  Every node that is not a leaf is
    defined once, operands before their users.
    """

    def __init__(
        self, lines: list[str], prefix: str, fields: Mapping[str, str]
    ) -> None:
        self._lines = lines
        self._prefix = prefix
        self._fields = fields
        self._known: dict[Expression, str] = {}

    def copy(self, prefix: str) -> _Names:
        """Return a copy of what is known here, for a scope of its own."""
        made = _Names(self._lines, prefix, self._fields)
        made._known = dict(self._known)
        return made

    def read(self, root: Expression) -> str:
        """Return a term for ``root``."""
        for node in ex.walk([root]):
            if node in self._known:
                continue
            if node.operator == "const":
                self._known[node] = _literal(node.value, node.width)
            elif node.operator == "field":
                self._known[node] = self._fields[node.name]
            else:
                name = f"{self._prefix}.{len(self._known)}"
                term = _term(node, [self._known[o] for o in node.operands])
                sort = _sort(node.width)
                self._lines.append(f"(define-fun {name} () {sort} {term})")
                self._known[node] = name
        return self._known[root]


def _sort(width: int) -> str:
    return "Bool" if width == 1 else f"(_ BitVec {width})"


def _literal(value: int, width: int) -> str:
    if width == 1:
        return "true" if value else "false"
    return f"#b{value:0{width}b}"


def _all(terms: Iterable[str]) -> str:
    return _joined("and", "true", list(terms))


def _any(terms: Iterable[str]) -> str:
    return _joined("or", "false", list(terms))


def _joined(operator: str, neutral: str, terms: list[str]) -> str:
    if len(terms) < 2:
        return terms[0] if terms else neutral
    return f"({operator} {' '.join(terms)})"


def _term(node: Expression, operands: list[str]) -> str:
    """Return ``node`` applied to the terms of its operands."""
    first, inside = operands[0], node.operands[0].width
    if inside == 1 and node.operator == "lt":
        return f"(and (not {first}) {operands[1]})"
    if inside == 1 and node.operator in ("slice", "count"):
        return first
    if node.operator == "slice":
        high = node.value + node.width - 1
        part = f"((_ extract {high} {node.value}) {first})"
        return f"(= {part} #b1)" if node.width == 1 else part
    if node.operator == "place":
        return _placed(first, inside, node)
    if node.operator == "count":
        bits = (f"((_ extract {i} {i}) {first})" for i in range(inside))
        wide = (f"((_ zero_extend {node.width - 1}) {bit})" for bit in bits)
        return f"(bvadd {' '.join(wide)})"
    known = _OF_TRUTHS if inside == 1 else _ORDINARY
    return f"({known[node.operator]} {' '.join(operands)})"


def _placed(term: str, inside: int, node: Expression) -> str:
    bits = f"(ite {term} #b1 #b0)" if inside == 1 else term
    above = node.width - inside - node.value
    parts = [f"#b{'0' * above}"] if above else []
    parts.append(bits)
    if node.value:
        parts.append(f"#b{'0' * node.value}")
    return f"(concat {' '.join(parts)})" if len(parts) > 1 else bits
