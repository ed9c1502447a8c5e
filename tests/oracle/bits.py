# SPDX-License-Identifier: GPL-2.0-or-later
"""A type of so many bits, for machines of a test that mean nothing."""

from __future__ import annotations

from attrs import frozen

from model.language import expression as ex
from model.language.expression import Expression


@frozen
class Bits:
    """A type of so many bits."""

    width: int

    def encode(self, literal: int, where: str) -> int:
        return literal

    def show(self, code: int) -> str:
        return str(code)

    def is_valid(self, value: Expression) -> Expression:
        return ex.TRUE
