# SPDX-License-Identifier: GPL-2.0-or-later
"""Names for what a mutant changes, alike for every size of the disk.

The text of a conjunct names the granule of its instance and the limits of
its configuration.  Both are numbers; a number is written N here, so that the
same conjunct has one name whatever was chosen.  A part of a conjunct has no
text of its own: it is read from the expression, with its operands sorted.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator

from attrs import frozen

from model.language import expression as ex
from model.language.channel import KindType
from model.language.expression import Expression
from model.language.machine import Machine
from model.language.types import EnumType, FlagType, Type

#: not in a field's name, such as stream[0].kind
_NUMBER = re.compile(r"(?<![\w.\[])\d+(?![\w\]])")


def sizeless(text: str) -> str:
    """``text`` with every number written N."""
    return _NUMBER.sub("N", text)


@frozen(eq=False)
class Words:
    """What the codes of a machine's fields are called."""

    types: dict[str, Type]

    @classmethod
    def of(cls, machine: Machine) -> Words:
        """The words of ``machine``."""
        return cls({f.name: f.type for f in machine.fields})

    def is_flag(self, node: Expression) -> bool:
        """Whether ``node`` is a field that is yes or no, or its opposite."""
        if node.operator == "not":
            (node,) = node.operands
        return node.operator == "field" and isinstance(
            self.types.get(node.name), FlagType
        )

    def is_pair(self, name: str) -> bool:
        """Whether the field holds one of just two members."""
        is_enum = isinstance(self.types.get(name), EnumType)
        return is_enum and len(self.members(name)) == 2

    def members(self, name: str) -> dict[int, str]:
        """The codes of the field's members, with their names, in order."""
        kind = self.types.get(name)
        if not isinstance(kind, (EnumType, KindType)):
            return {}
        members: type[enum.Enum] = kind.members
        first = 1 if isinstance(kind, KindType) else 0  # 0: no message
        return {n: str(m.value) for n, m in enumerate(members, first)}

    def neighbours(self, name: str, code: int) -> list[int]:
        """The members before and after the one with this code."""
        known = self.members(name)
        if code not in known:
            return []
        return [n for n in (code - 1, code + 1) if n in known]

    def compared(self, node: Expression) -> tuple[str, int] | None:
        """Field and code, if ``node`` compares a field with a member."""
        if node.operator != "eq":
            return None
        a, b = node.operands
        if a.operator == "const":
            a, b = b, a
        if a.operator == "field" and b.operator == "const":
            return (a.name, b.value) if self.members(a.name) else None
        return None

    def said(self, node: Expression) -> str:
        """``node`` in words; '' if it asks more than flags and members."""
        if node.operator == "not":
            (inside,) = node.operands
            return self._atom(inside, " not") or _negated(self.said(inside))
        told = self._atom(node, "")
        if told or node.operator not in ("and", "or") or node.width > 1:
            return told
        parts = [self.said(part) for part in flat(node, node.operator)]
        if not all(parts):
            return ""
        return f" {node.operator} ".join(sorted(map(_inner, parts)))

    def _atom(self, node: Expression, negation: str) -> str:
        """A flag, or one field that is one of some members."""
        if node.operator == "field":
            if self.is_pair(node.name):
                known = self.members(node.name)
                return f"{node.name} is {known[0 if negation else 1]}"
            told = f"{negation.strip()} {node.name}".strip()
            return told if self.is_flag(node) else ""
        found = [self.compared(part) for part in flat(node, "or")]
        pairs = [pair for pair in found if pair is not None]
        if len(pairs) < len(found) or len({name for name, _ in pairs}) > 1:
            return ""
        (name, *_), codes = zip(*pairs, strict=True)
        known = self.members(name)
        told = " or ".join(known.get(code, "-") for code in sorted(codes))
        return f"{name} is{negation} {told}"


def _inner(text: str) -> str:
    joined = " and " in text or " or " in text
    return f"({text})" if joined else text


def _negated(text: str) -> str:
    return f"not ({text})" if text else ""


def flat(node: Expression, operator: str) -> Iterator[Expression]:
    """The operands of a chain of one operator."""
    if node.operator != operator or node.width > 1:
        yield node
        return
    for operand in node.operands:
        yield from flat(operand, operator)


def comparisons(
    roots: list[Expression], words: Words
) -> dict[tuple[str, int], Expression]:
    """The comparisons with a member below ``roots``, sorted."""
    found = {words.compared(node): node for node in ex.walk(roots)}
    return dict(sorted((pair, node) for pair, node in found.items() if pair))
