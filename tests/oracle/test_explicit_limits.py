# SPDX-License-Identifier: GPL-2.0-or-later
"""Does the explicit engine stay right where it grows, stops or recompiles?"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from checker.engines.exploration import Coverage, Limits, Progress
from checker.engines.interpreter import interpret
from checker.engines.native.explicit import explore
from checker.engines.native.layout import layout_of
from checker.engines.native.part import Part
from tests.oracle.protocols import die_hard, two_phase_commit

RESOURCES, STATES = 5, 8832


def test_the_table_grows_while_the_search_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    grown: list[int] = []
    grow = Part.grow

    def watched(part: Part) -> None:
        grown.append(part.count)
        grow(part)

    monkeypatch.setattr(Part, "grow", watched)
    machine = two_phase_commit(RESOURCES)
    small = explore(machine, first_slots=8)
    assert small.coverage.states == STATES
    assert len(grown) >= 2
    large = explore(machine)
    assert small.coverage.level_sizes == large.coverage.level_sizes
    assert small.coverage.fired == large.coverage.fired
    # what was found is found again in the table that has grown
    for number in range(0, STATES, 97):
        assert small.number_of(small.state(number)) == number


@pytest.mark.parametrize("threads", [1, 2])
def test_more_than_so_many_states(threads: int) -> None:
    limits = Limits(max_states=1000, threads=threads)
    coverage = explore(two_phase_commit(RESOURCES), limits).coverage
    assert coverage.stopped == "more than 1000 states"
    assert 1000 < coverage.states < STATES
    assert sum(coverage.level_sizes) == coverage.states


def test_as_many_states_as_there_are() -> None:
    limits = Limits(max_states=STATES)
    coverage = explore(two_phase_commit(RESOURCES), limits).coverage
    assert coverage.stopped == ""
    assert coverage.states == STATES


@pytest.mark.parametrize("most", [1 << 40, 1 << 64, (1 << 64) + 1, 10**30])
def test_more_states_than_a_word_can_count(most: int) -> None:
    limits = Limits(max_states=most)
    coverage = explore(two_phase_commit(RESOURCES), limits).coverage
    assert coverage.stopped == ""
    assert coverage.states == STATES


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("memory", [1, 600_000])
def test_more_than_so_much_memory(memory: int, threads: int) -> None:
    limits = Limits(memory=memory, threads=threads)
    search = explore(two_phase_commit(7), limits)
    assert search.coverage.stopped == f"more than {memory} bytes of memory"
    assert 0 < search.coverage.states < 296448
    assert search.number_of(search.machine.initials[0]) == 0


def test_the_table_may_take_all_the_memory_there_is() -> None:
    machine = two_phase_commit(RESOURCES)
    needed = explore(machine, first_slots=8).coverage.memory
    limits = Limits(memory=needed)
    coverage = explore(machine, limits, first_slots=8).coverage
    assert coverage.stopped == ""


@pytest.mark.parametrize("threads", [1, 2])
def test_control_c(threads: int) -> None:
    seen: list[Progress] = []

    def press(progress: Progress) -> None:
        seen.append(progress)
        if progress.states > 2000:
            raise KeyboardInterrupt

    machine = two_phase_commit(RESOURCES)
    search = explore(machine, Limits(threads=threads), press)
    coverage = search.coverage
    assert coverage.stopped == "interrupted"
    assert 2000 < coverage.states < STATES
    assert seen[-1].states == coverage.states
    assert seen[-1].transitions == coverage.transitions
    # what was found before can still be asked about
    last = len(coverage.level_sizes) - 1
    found = search.meeting(last, machine.type_invariant)
    assert len(found) == coverage.level_sizes[last]
    before = search.before(last - 1, found)
    assert 0 < len(before) <= coverage.level_sizes[last - 1]


def test_control_c_while_the_table_is_replaced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(part: Part) -> None:
        part._table_is_whole = False
        part._table[: part._slots()] = 0
        raise KeyboardInterrupt

    monkeypatch.setattr(Part, "grow", interrupted)
    search = explore(two_phase_commit(RESOURCES), first_slots=8)
    assert search.coverage.stopped == "interrupted"
    for number in range(0, search.coverage.states, 53):
        assert search.number_of(search.state(number)) == number


def counts(coverage: Coverage) -> tuple[int, int, tuple[int, ...]]:
    return coverage.states, coverage.transitions, coverage.level_sizes


def test_damaged_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    machine = die_hard()
    expected = counts(interpret(machine).coverage)
    assert counts(explore(machine).coverage) == expected
    (file,) = (tmp_path / "dbmcheck").iterdir()
    whole = file.read_bytes()
    damaged = bytearray(whole)
    damaged[len(damaged) // 2] ^= 0xFF
    for data in (b"", b"x" * 40, whole[:-100], bytes(damaged)):
        file.write_bytes(data)
        assert counts(explore(machine).coverage) == expected
        assert file.read_bytes() == whole
    assert list((tmp_path / "dbmcheck").iterdir()) == [file]


def test_cache_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    no_directory = tmp_path / "file"
    no_directory.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(no_directory))
    assert explore(die_hard()).coverage.states == 16


def test_targets_of_another_search() -> None:
    one, other = explore(die_hard()), explore(die_hard())
    targets = other.meeting(1, other.machine.type_invariant)
    with pytest.raises(TypeError, match="not states of this search"):
        one.before(0, targets)


def test_unknown_states() -> None:
    search = explore(die_hard())
    assert search.number_of((1, 2)) is None
    found = search.meeting(0, search.machine.type_invariant)
    assert (0, 0) in found
    assert (1, 2) not in found
    assert (3, 0) not in found


def test_layout_keeps_every_bit() -> None:
    machine = two_phase_commit(40)
    layout = layout_of(machine)
    bits = sum(f.type.width for f in machine.fields)
    assert layout.words == -(-bits // 64)
    rows = layout.pack(machine.initials)
    assert rows.dtype == np.uint64
    full = tuple((1 << f.type.width) - 1 for f in machine.fields)
    assert layout.unpack(layout.pack([full])[0]) == full
    for i in range(len(full)):
        alone = tuple(c if i == j else 0 for j, c in enumerate(full))
        assert layout.unpack(layout.pack([alone])[0]) == alone
