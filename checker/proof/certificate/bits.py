# SPDX-License-Identifier: GPL-2.0-or-later
"""Truth values about wide sets, told by the bits they depend on.

"Granule 5 is in the set" is written as a comparison of whole sets.  Rewritten
to bit 5 of the set, and that bit sought through and, or, not and choices, two
such questions are the same expression whenever they ask the same; no solver
is needed to see it.
"""

from __future__ import annotations

from model.language import expression as ex
from model.language.expression import Expression


class Bits:
    """Rewrites expressions; every result is equal to what was given."""

    def __init__(self) -> None:
        self._plain: dict[Expression, Expression] = {}
        self._bits: dict[tuple[Expression, int], Expression] = {}

    def plain(self, node: Expression) -> Expression:
        """Return ``node``, with a truth value told by single bits."""
        if node.width > 1 or not node.operands:
            return node
        known = self._plain.get(node)
        if known is None:
            known = self._plain[node] = self._rewritten(node)
        return known

    def _rewritten(self, node: Expression) -> Expression:
        match node.operator:
            case "not":
                return ex.complement(self.plain(node.operands[0]))
            case "and":
                return ex.conjunction(*map(self.plain, node.operands))
            case "or":
                return ex.disjunction(*map(self.plain, node.operands))
            case "slice":
                return self.bit(node.operands[0], node.value)
            case "eq":
                return self._equal(*node.operands)
        return node

    def _equal(self, left: Expression, right: Expression) -> Expression:
        if left.width == 1:
            return ex.equal(self.plain(left), self.plain(right))
        for masked, mask in ((left, right), (right, left)):
            single = mask.operator == "const" and mask.value.bit_count() == 1
            if single and masked.operator == "and" and mask in masked.operands:
                one, other = masked.operands
                members = other if one is mask else one
                return self.bit(members, mask.value.bit_length() - 1)
        return ex.equal(left, right)

    def bit(self, node: Expression, place: int) -> Expression:
        """Return bit ``place`` of ``node``."""
        if node.width == 1:
            return self.plain(node)
        known = self._bits.get((node, place))
        if known is None:
            known = self._bits[node, place] = self._sought(node, place)
        return known

    def _sought(self, node: Expression, place: int) -> Expression:
        inside = node.operands
        match node.operator:
            case "not":
                return ex.complement(self.bit(inside[0], place))
            case "and":
                return ex.conjunction(*(self.bit(o, place) for o in inside))
            case "or":
                return ex.disjunction(*(self.bit(o, place) for o in inside))
            case "ite":
                return ex.choice(
                    self.plain(inside[0]),
                    self.bit(inside[1], place),
                    self.bit(inside[2], place),
                )
            case "slice":
                return self.bit(inside[0], node.value + place)
            case "place":
                within = place - node.value
                if 0 <= within < inside[0].width:
                    return self.bit(inside[0], within)
                return ex.FALSE
        return ex.bits_of(node, place, 1)
