# SPDX-License-Identifier: GPL-2.0-or-later
"""Questions that a domain cannot answer: the rest of the disk decides.

A domain that follows one granule cannot know whether a set has a member
elsewhere.  It answers with an *unknown*: a truth value that may be either.
An action whose text asks such questions becomes several instances, one for
each combination of answers; so no engine ever meets an unknown.

There are two kinds.  *Elsewhere* says that something holds at every granule
but the one that is followed ("no other granule is in the set").  Any other
unknown is just *open*.  The difference matters to properties only: what fails
for some granule can be asked of that granule (``per_granule``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product

from model.language import expression as ex
from model.language.expression import Expression

_UNKNOWN = "?"
_OPEN = "?open: "
_ELSEWHERE = "?elsewhere: "
Answers = Mapping[str, Expression]


def open_question(text: str) -> Expression:
    """A truth value that may be either, whatever the state is."""
    return ex.field_value(_OPEN + text, 1)


def elsewhere(text: str) -> Expression:
    """Whether ``text`` holds at every granule but the one followed."""
    return ex.field_value(_ELSEWHERE + text, 1)


def is_unknown(name: str) -> bool:
    """Whether the field ``name`` stands for an unanswered question."""
    return name.startswith(_UNKNOWN)


def is_elsewhere(name: str) -> bool:
    """Whether the unknown ``name`` speaks of every other granule."""
    return name.startswith(_ELSEWHERE)


def question(name: str) -> str:
    """The unknown ``name`` as people read it."""
    return name.removeprefix(_OPEN).removeprefix(_UNKNOWN)


def unknowns(roots: Iterable[Expression]) -> tuple[str, ...]:
    """Names of the unknowns that the expressions ask, sorted."""
    return tuple(sorted(n for n in ex.fields_read(roots) if is_unknown(n)))


def combinations(names: Sequence[str]) -> Iterator[dict[str, Expression]]:
    """Every combination of answers; one, empty, if nothing was asked."""
    for chosen in product((ex.FALSE, ex.TRUE), repeat=len(names)):
        yield dict(zip(names, chosen, strict=True))


def replaced(
    roots: Sequence[Expression], values: Answers
) -> tuple[Expression, ...]:
    """The expressions with some fields replaced, folded where possible."""
    done: dict[Expression, Expression] = {}
    for node in ex.walk(roots):
        if node.operator == "field":
            done[node] = values.get(node.name, node)
        else:
            inside = tuple(done[operand] for operand in node.operands)
            done[node] = ex.rebuilt(node, inside)
    return tuple(done[root] for root in roots)
