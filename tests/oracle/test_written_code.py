# SPDX-License-Identifier: GPL-2.0-or-later
"""Do Python's operators write the instructions that they look like?"""

from __future__ import annotations

import ctypes

import pytest

from checker.engines.native.assembly import Module
from checker.engines.native.compile import native_code, nothing_kept
from checker.engines.native.control import Control, ControlBlock
from checker.engines.native.routine import Routine

LAST = (1 << 64) - 1


def routine(arguments: str) -> tuple[Module, Routine]:
    module = Module()
    return module, Routine(module, "written", arguments)


def test_the_text_of_an_expression() -> None:
    """Operands first, from left to right; constants in place."""
    module, writes = routine("ii")
    a, b = writes.arguments
    writes.result(((a ^ a >> 32) + b) * 5)
    assert module.text().splitlines() == [
        "define i64 @written(i64 %a0, i64 %a1) {",
        "%v1 = lshr i64 %a0, 32",
        "%v2 = xor i64 %a0, %v1",
        "%v3 = add i64 %v2, %a1",
        "%v4 = mul i64 %v3, 5",
        "ret i64 %v4",
        "}",
    ]


@pytest.mark.parametrize("numbers", [(0, 1), (7, 3), (LAST, 9), (5, LAST)])
def test_what_they_compute(numbers: tuple[int, int]) -> None:
    module, writes = routine("iip")
    a, b, out = writes.arguments
    values = [a + b, a - b, a * b, a & b, a | b, a ^ b, ~a]
    values += [a << 3, a >> 3, 9 - b, LAST >> (b & 63), a.count_ones()]
    truths = [a < b, a.is_(b), a.is_not(b), ~(a < b)]
    values += [truth.fit(64) for truth in truths]
    values += [(a < b).choose(a, b), a.at_most(4), a.fit(8).fit(64)]
    for place, value in enumerate(values):
        out[place] = value
    out.increase(0, b)
    writes.result(0)
    with nothing_kept():
        code = native_code(module, {"written": "iip"})
    found = (ctypes.c_uint64 * len(values))()
    code.call("written", *numbers, ctypes.addressof(found))
    x, y = numbers
    expected = [x + 2 * y, x - y, x * y, x & y, x | y, x ^ y, ~x]
    expected += [x << 3, x >> 3, 9 - y, LAST >> (y & 63), x.bit_count()]
    expected += [x < y, x == y, x != y, x >= y, min(x, y), min(x, 4), x & 255]
    assert list(found) == [int(number) & LAST for number in expected]


def test_a_value_is_no_condition_of_python() -> None:
    _, writes = routine("ii")
    a, b = writes.arguments
    with pytest.raises(TypeError, match="while the code is written"):
        assert a < b


def test_both_sides_name_the_same_word() -> None:
    module, writes = routine("p")
    control = Control(writes.arguments[0])
    control.next = control.count + 1
    control.most = control.seen[0]
    writes.result(control.room)
    with nothing_kept():
        code = native_code(module, {"written": "p"})
    seen = (ctypes.c_uint64 * 1)(12)
    block = ControlBlock(count=4, room=30, seen=ctypes.addressof(seen))
    assert code.call("written", ctypes.addressof(block)) == 30
    assert (block.next, block.most, block.end) == (5, 12, 0)


def test_a_word_that_is_misspelt() -> None:
    _, writes = routine("p")
    control = Control(writes.arguments[0])
    with pytest.raises(AttributeError, match="cuont"):
        _ = control.cuont
    with pytest.raises(AttributeError, match="cuont"):
        control.cuont = control.count
    with pytest.raises(AttributeError, match="cuont"):
        ControlBlock().cuont = 5
