# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether any state at all could violate a property.

"a, or not a" holds of every machine, so to find that it holds says nothing of
this one.  A state whose fields hold codes of their types and that violates
the property, reachable or not, shows that it says something.  Such a state is
looked for among random ones first: nearly every property has one there, and
the solver, which is slow to load, need not be asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from checker.engines.native.columns import column
from checker.engines.native.layout import Layout, Rows, layout_of
from model.language import expression as ex
from model.language.expression import Expression
from model.language.machine import Field, Machine, Property
from model.language.over_step import with_both

#: so many states are tried, the few first
TRIED = (64, 1 << 10, 1 << 14)
#: all codes of a field of so many bits are looked at one by one
LISTED = 8
#: milliseconds after which the solver gives up
PATIENCE = 10_000
Codes = NDArray[np.uint64]
_SEED = 20_200_713
_read: dict[Expression, frozenset[str]] = {}
_known: dict[tuple[Expression, Expression], bool] = {}


def could_fail(machine: Machine, prop: Property) -> bool:
    """Return whether a state of the right types violates the property.

    Of ``reachable``: whether one does not meet it; of ``eventually``:
    whether one meets the premise and not yet the conclusion.  Where the
    solver does not know, it could.
    """
    if prop.kind == "reachable" and not prop.then:
        return True
    wrong = prop.violated
    if prop.of_step is not None:
        # any step, not only those that the actions make
        machine, wrong = with_both(machine), prop.of_step.violated
    if wrong not in _read:
        _read[wrong] = ex.fields_read([wrong])
    fields = [f for f in machine.fields if f.name in _read[wrong]]
    typed = ex.all_of(f.type.is_valid(f.expression) for f in fields)
    key = wrong, typed
    if key not in _known:
        _known[key] = _found_at_random(
            layout_of(machine), fields, wrong, typed
        ) or _found_by_solver(machine, wrong, typed)
    return _known[key]


def _found_at_random(
    layout: Layout, fields: list[Field], wrong: Expression, typed: Expression
) -> bool:
    drawn = np.random.default_rng(_SEED)
    codes = _codes(layout, fields, wrong)
    both = ex.conjunction(wrong, typed)
    for count in TRIED:
        rows = np.zeros((count, layout.words), dtype=np.uint64)
        for field in fields:
            _fill(rows, layout, field, codes, drawn)
        if column(layout, rows, both).any():
            return True
    return False


def _fill(
    rows: Rows,
    layout: Layout,
    field: Field,
    codes: Mapping[str, Codes],
    drawn: np.random.Generator,
) -> None:
    for piece in layout.pieces[field.name]:
        if field.name in codes:
            values = drawn.choice(codes[field.name], len(rows))
        else:
            values = drawn.integers(
                0, ex.ones(piece.width), len(rows), np.uint64, endpoint=True
            )
        rows[:, piece.word] |= values << np.uint64(piece.shift)


def _codes(
    layout: Layout, fields: list[Field], wrong: Expression
) -> dict[str, Codes]:
    """Return, of each narrow field, the codes that are worth a try.

    They are of its type, and meet what ``wrong`` asks of this field alone:
    among all codes, a premise that names one of each field is rarely met.
    """
    asked: dict[str, list[Expression]] = {}
    for part in _conjuncts(wrong, False):
        read = ex.fields_read([part])
        if len(read) == 1:
            asked.setdefault(next(iter(read)), []).append(part)
    found = {}
    for field in fields:
        width = field.type.width
        if width > LISTED:
            continue
        (piece,) = layout.pieces[field.name]
        every = np.arange(1 << width, dtype=np.uint64)
        rows = np.zeros((len(every), layout.words), dtype=np.uint64)
        rows[:, piece.word] = every << np.uint64(piece.shift)
        meant = ex.all_of(
            [
                field.type.is_valid(field.expression),
                *asked.get(field.name, []),
            ]
        )
        kept = every[column(layout, rows, meant)]
        # no code: no state is wrong, as the solver will find
        found[field.name] = kept if len(kept) else every
    return found


def _conjuncts(root: Expression, negated: bool) -> Iterator[Expression]:
    """Yield the parts that all have to be true."""
    if root.width == 1 and root.operator == "not":
        yield from _conjuncts(root.operands[0], not negated)
    elif root.width == 1 and root.operator == ("or" if negated else "and"):
        for operand in root.operands:
            yield from _conjuncts(operand, negated)
    else:
        yield ex.complement(root) if negated else root


def _found_by_solver(
    machine: Machine, wrong: Expression, typed: Expression
) -> bool:
    import z3

    from checker.engines.smt.formula import Formulas, solver, variables

    asked = solver()
    asked.set("timeout", PATIENCE)
    formulas = Formulas(variables(machine))
    asked.add(formulas.holds(wrong), formulas.holds(typed))
    return bool(asked.check() != z3.unsat)
