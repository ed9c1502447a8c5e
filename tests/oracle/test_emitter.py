# SPDX-License-Identifier: GPL-2.0-or-later
"""Does compiled code mean what the oracle's evaluator means?

Every operator at every width from 1 to 130 bits, as effects are compiled (one
state) and, up to a word, as guards are (64 states side by side); and as numpy
evaluates it.  LLVM ends the whole process where it cannot go on: then this
file's tests end with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random

import numpy as np
import pytest

from checker.engines.evaluate import evaluate
from checker.engines.native.assembly import Module
from checker.engines.native.columns import column
from checker.engines.native.compile import native_code
from checker.engines.native.emit import Emitter
from checker.engines.native.expansion import BLOCK
from checker.engines.native.layout import WORD, Layout, Rows, layout_of
from checker.engines.native.routine import Routine
from checker.engines.native.value import I64, vector_of
from checker.input.exit_codes import ExitCode
from model.language import expression as ex
from model.language.expression import Expression, field_value, ones
from model.language.machine import Field, Machine, State
from tests.command import Result
from tests.oracle.bits import Bits

WIDEST = 130
TOGETHER = 26
OPERATORS = {
    *("const", "field", "not", "and", "or", "eq", "lt"),
    *("add", "sub", "ite", "slice", "place", "count"),
}
Call = Callable[[int, Rows, Rows], None]
Writer = Callable[[Module, str, int], None]


def layout(width: int) -> Layout:
    """Two fields of ``width`` bits and a truth value."""
    fields = [("a", width), ("b", width), ("c", 1)]
    return layout_of(
        Machine(
            name="a test's model",
            fields=tuple(Field(n, Bits(w), 0) for n, w in fields),
            variables=(),
            initials=((0, 0, 0),),
            actions=(),
            properties=(),
        )
    )


def applications(width: int) -> list[Expression]:
    """Every operator on operands of ``width`` bits, some of them nested."""
    a, b = (field_value(name, width) for name in "ab")
    c, last = field_value("c", 1), ones(width)
    found = [
        *(ex.constant(value, width) for value in {0, last // 3, last}),
        a,
        b,
        c,
        ex.complement(a),
        ex.conjunction(a, b),
        ex.disjunction(a, b),
        ex.equal(a, b),
        ex.less(a, b),
        ex.add(a, b),
        ex.subtract(a, b),
        ex.choice(c, a, b),
        ex.count(a),
    ]
    for start in {0, 1, width - 1}:
        for size in {1, width // 2, width - start}:
            if 1 <= size <= width - start:
                found.append(ex.bits_of(a, start, size))
    found += [
        ex.placed(a, start, start + width + more)
        for start, more in [(0, 1), (3, 2), (width, 0)]
    ]
    either = ex.choice(c, ex.complement(a), ex.subtract(a, b))
    found += [
        ex.count(ex.conjunction(either, ex.complement(b))),
        ex.less(ex.count(either), ex.count(b)),
        ex.equal(ex.add(either, b), ex.constant(last // 2, width)),
    ]
    return found


def states(width: int) -> list[State]:
    """As many as fit side by side: corners, and what a seed gives."""
    random, last = Random(width), ones(width)
    corners = sorted({0, 1, last // 2, last - 1, last, 1 << width - 1})
    pairs = [(x, y) for x in corners for y in corners][: BLOCK // 2]
    while len(pairs) < BLOCK:
        x, y = random.getrandbits(width), random.getrandbits(width)
        pairs.append((x, random.choice([x, y])))
    return [(x, y, i & 1) for i, (x, y) in enumerate(pairs)]


def side_by_side(width: int) -> list[Expression]:
    """The applications that guards of 64 states at once may hold."""
    return [
        asked
        for asked in applications(width)
        if all(node.width <= WORD for node in ex.walk([asked]))
    ]


def compare_with_oracle(
    width: int, expressions: list[Expression], found: list[list[int]]
) -> None:
    """``found``: a row for each expression, a number for each state."""
    position = {"a": 0, "b": 1, "c": 2}
    for asked, row in zip(expressions, found, strict=True):
        for state, number in zip(states(width), row, strict=True):
            told = evaluate(asked, state, position, {})
            assert number == told, f"{asked} where a, b, c are {state}"


def compiled(widths: Iterable[int], write: Writer) -> Call:
    """All that is asked at these widths, compiled at once."""
    module, functions = Module(), {}
    for width in widths:
        functions[f"of{width}"] = "pp"
        write(module, f"of{width}", width)
    code = native_code(module, functions)

    def call(width: int, given: Rows, out: Rows) -> None:
        code.call(f"of{width}", given.ctypes.data, out.ctypes.data)

    return call


def pieces(width: int) -> range:
    """Where the words of a number of so many bits begin."""
    return range(0, width, WORD)


def in_one_state(module: Module, name: str, width: int) -> None:
    """``name(row, out)``: every word of each application."""
    routine = Routine(module, name, "pp")
    row, out = routine.arguments
    here = layout(width)
    words = [row[i] for i in range(here.words)]
    emitter, place = Emitter(routine, here, words), 0
    for asked in applications(width):
        value = emitter.value(asked)
        for start in pieces(asked.width):
            word = value
            if start:
                word = value >> start
            out[place] = word.fit(WORD)
            place += 1
    routine.result(0)


def in_64_states(module: Module, name: str, width: int) -> None:
    """``name(columns, out)``: each application in all states, in a row.

    ``columns``: for each word of a state, that word of every state.
    """
    routine = Routine(module, name, "pp")
    columns, out = routine.arguments
    here = layout(width)
    words = [
        columns.row_at(routine.word(i), BLOCK).read(vector_of(BLOCK, I64))
        for i in range(here.words)
    ]
    emitter = Emitter(routine, here, words, BLOCK)
    for place, asked in enumerate(side_by_side(width)):
        value = emitter.value(asked).fit(WORD)
        out.row_at(routine.word(place), BLOCK).write(value)
    routine.result(0)


def test_every_operator_is_asked() -> None:
    for width in range(2, WIDEST + 1):
        asked = {node.operator for node in ex.walk(applications(width))}
        assert asked == OPERATORS


@pytest.mark.parametrize("first", range(1, WIDEST + 1, TOGETHER))
def test_in_one_state_it_means_what_the_oracle_says(first: int) -> None:
    widths = range(first, first + TOGETHER)
    call = compiled(widths, in_one_state)
    for width in widths:
        sizes = [len(pieces(asked.width)) for asked in applications(width)]
        out = np.zeros(sum(sizes), dtype=np.uint64)
        found: list[list[int]] = [[] for _ in sizes]
        for state in states(width):
            call(width, layout(width).pack([state]), out)
            words = iter(out.tolist())
            for row, size in zip(found, sizes, strict=True):
                row.append(sum(next(words) << WORD * i for i in range(size)))
        compare_with_oracle(width, applications(width), found)


@pytest.mark.parametrize("first", range(1, WORD + 1, TOGETHER))
def test_in_64_states_it_means_what_the_oracle_says(first: int) -> None:
    widths = range(first, min(first + TOGETHER, WORD + 1))
    call = compiled(widths, in_64_states)
    for width in widths:
        columns = layout(width).pack(states(width)).T.copy()
        asked = side_by_side(width)
        out = np.zeros((len(asked), BLOCK), dtype=np.uint64)
        call(width, columns, out)
        compare_with_oracle(width, asked, out.tolist())


@pytest.mark.parametrize("first", range(1, WIDEST + 1, TOGETHER))
def test_in_columns_it_means_what_the_oracle_says(first: int) -> None:
    for width in range(first, first + TOGETHER):
        here, asked = layout(width), applications(width)
        rows = here.pack(states(width))
        found = [
            [int(number) for number in column(here, rows, expression)]
            for expression in asked
        ]
        compare_with_oracle(width, asked, found)


def test_a_disk_of_four_chunks_is_compiled(
    dbmcheck: Callable[..., Result], tmp_path: Path
) -> None:
    """Four chunks and a downtime: a number of 4 bits that is counted."""
    file = tmp_path / "four.toml"
    file.write_text(
        'design = "live"\n[bounds]\nchunks = 4\ngranules = 1\n'
        "writes = 1\ndowntime = 1\n"
    )
    found = dbmcheck("check", str(file), "--max-states", "100")
    assert found.code == ExitCode.INCONCLUSIVE
