# SPDX-License-Identifier: GPL-2.0-or-later
"""Which properties may be asked of one granule alone.

A state violates "if all of ``when`` then C".  Followed at one granule c, the
question is whether the violation shows at some c.  It does if

* what is asked of *every* granule in ``when`` ("no write is in flight") is
  only weakened by asking it of c alone, and
* C fails at one granule: at most one question of the form "everywhere" has
  to come out false, so that the granule where it does can be the c.

That is decided here by looking at the formula: along which path of and, or
and not each question is met.  A property for which it cannot be shown is not
decided at all: there is a reason instead of a formula.  What is let through
may still be wrong where a property names a parameter, or asks about messages:
the checker shows for small disks that a violation is seen at some granule.
"""

from __future__ import annotations

from collections.abc import Sequence

from model.language import expression as ex
from model.language.expression import Expression
from model.language.unknown import is_elsewhere, question, replaced, unknowns

NEEDS_RUNS = (
    "it says that something can or must come about, which takes whole runs "
    "of a disk of known size"
)


def reason_against(
    when: Sequence[Expression], then: Sequence[Expression]
) -> str:
    """Why "if ``when`` then ``then``" cannot be asked of one granule, or ''.

    Each member of ``then`` is judged alone: the property is violated where
    one of them is.
    """
    premise = ex.all_of(when)
    for conclusion in then:
        violated = ex.conjunction(premise, ex.complement(conclusion))
        reason = _reason(violated)
        if reason:
            return reason
    return ""


def at_one_granule(
    expressions: Sequence[Expression],
) -> tuple[Expression, ...]:
    """The expressions of such a property, asked of the granule followed."""
    answers = dict.fromkeys(unknowns(expressions), ex.TRUE)
    return replaced(expressions, answers)


def _reason(violated: Expression) -> str:
    failing = []
    for name, signs in polarities(violated).items():
        if signs == {True}:
            continue  # answering yes only makes a violation likelier
        if len(signs) > 1:
            return f"'{question(name)}' is asked both ways"
        if not is_elsewhere(name):
            return f"'{question(name)}' depends on more than one granule"
        failing.append(name)
    if len(failing) > 1:
        both = " and ".join(f"'{question(name)}'" for name in sorted(failing))
        return f"{both} may fail at two different granules"
    return ""


def polarities(root: Expression) -> dict[str, set[bool]]:
    """For each unknown below ``root``, how it is met.

    True: a yes can only make ``root`` true.  False: only false.  Below any
    operator but and, or and not of one bit, it is both.
    """
    met: dict[tuple[Expression, bool], None] = {}
    found: dict[str, set[bool]] = {name: set() for name in unknowns([root])}
    stack = [(root, True)]
    while stack:
        node, sign = stack.pop()
        if (node, sign) in met:
            continue
        met[node, sign] = None
        if node.operator == "field" and node.name in found:
            found[node.name].add(sign)
        elif node.operator in ("and", "or") and node.width == 1:
            stack.extend((operand, sign) for operand in node.operands)
        elif node.operator == "not" and node.width == 1:
            stack.append((node.operands[0], not sign))
        else:
            for operand in node.operands:
                stack.extend([(operand, True), (operand, False)])
    return found
