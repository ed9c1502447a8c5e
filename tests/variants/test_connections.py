# SPDX-License-Identifier: GPL-2.0-or-later
"""Which designs survive another order of the messages, and by which device?

With one connection every message is read in the order in which it was sent.
With several, chunks overtake, and are overtaken by, each other and everything
else.  ``MATRIX`` says which properties break without each of the devices that
keep that from mattering.
"""

from __future__ import annotations

from typing import Any

import pytest

from checker.cli.certificate_view import check_plain
from checker.engines.evaluate import Evaluator
from checker.engines.exploration import Limits
from checker.engines.interpreter import interpret
from checker.input.errors import InputError
from model.design import DROP, FROM_BULK, LIVE, MIGRATE, SEVERAL
from model.designs import build
from model.language import Machine, ModelError, State
from model.lookup import mechanisms_of
from model.options import Options
from tests.searches import bounds_of, broken, complaints, once

LOST = {"NoLostDirtyBitOnDestination", "BackupChainRestoresDisk"}
LEFT_OUT = {"SuccessLosesNothing", "SuccessHasComplete"}
TOO_MANY = {"DestinationIsExact", "ExtraOnlyWhereMissing"}
AFTER_BREAK = "NoLossAfterSwitchover"
START, COMPLETE = "chunks-after-start", "chunks-before-complete"
ORDER, RUN = "chunk-order", "chunks-before-run"
#: codes of the kinds of messages
OPENS, BITS, CLOSES, RUNS = range(1, 5)
DEVICES = (START, COMPLETE, ORDER, RUN)
#: a design, and whose source it has
CASES = [(d, "own") for d in MIGRATE] + [(d, "bulk") for d in FROM_BULK]
#: what breaks without a device; one that is not named protects nothing
MATRIX: dict[tuple[str, str], dict[str, set[str]]] = {
    ("live", "own"): {
        START: {"FailsOnlyForAReason"},
        COMPLETE: {*LOST, *TOO_MANY},
        ORDER: {*LOST, *TOO_MANY},
    },
    ("postcopy", "own"): {START: LEFT_OUT, COMPLETE: LOST},
    ("postcopy", "bulk"): {START: LEFT_OUT, COMPLETE: LOST, ORDER: LOST},
    ("postcopy-ones", "own"): {
        START: {*LEFT_OUT, AFTER_BREAK},
        COMPLETE: {*LOST, *TOO_MANY},
    },
    ("postcopy-ones", "bulk"): {
        START: LEFT_OUT,
        COMPLETE: {*LOST, *TOO_MANY},
        ORDER: LOST,
        RUN: LOST,
    },
    ("stop-copy", "own"): {START: {*LEFT_OUT, AFTER_BREAK}, COMPLETE: LOST},
    ("stop-copy-bulk", "own"): {
        START: {*LEFT_OUT, AFTER_BREAK},
        COMPLETE: LOST,
        ORDER: LOST,
    },
}
each_case = pytest.mark.parametrize(("design", "source"), CASES)


def apart(
    design: str,
    source: str = "own",
    *without: str,
    chunks: int = 1,
    failures: tuple[str, ...] = (),
    bitmaps: str = "one",
    **bounds: Any,
) -> Options:
    """The design with chunks on connections of their own."""
    return Options(
        design=design,
        source=source,
        bitmaps=bitmaps,
        connections="several",
        bounds=bounds_of(design, chunks, **bounds),
        failures=once(*failures),
        without=frozenset(without),
    )


@each_case
def test_the_complete_design_survives(design: str, source: str) -> None:
    options = apart(design, source, failures=("cut", "refuse", "retry"))
    assert complaints(options, quick=0) == []


@each_case
def test_it_survives_where_two_chunks_are_under_way(
    design: str, source: str
) -> None:
    assert complaints(apart(design, source, chunks=2, writes=1)) == []


@each_case
@pytest.mark.parametrize("device", DEVICES)
def test_what_breaks_without_a_device(
    design: str, source: str, device: str
) -> None:
    if device not in {m.name for m in mechanisms_of(design)}:
        assert device not in MATRIX[design, source]
        return
    # a chunk that is older than the stop is kept only where a break comes
    failures = ("cut",) if device == RUN else ()
    options = apart(design, source, device, failures=failures, writes=1)
    found = set(broken(options, "always"))
    assert found == MATRIX[design, source].get(device, set())


@pytest.mark.parametrize("device", DEVICES)
def test_with_one_connection_a_device_is_not_even_asked(device: str) -> None:
    for design in MIGRATE:
        if device not in {m.name for m in mechanisms_of(design)}:
            continue
        bounds = bounds_of(design)
        with_, without = (
            build(Options(design=design, bounds=bounds, without=names))
            for names in (frozenset[str](), frozenset({device}))
        )
        assert repr(with_.actions) == repr(without.actions)


def test_who_needs_a_device_says_so() -> None:
    for (design, source), row in MATRIX.items():
        for mechanism in mechanisms_of(design):
            if mechanism.name in DEVICES:
                assert mechanism.takes_connections
                twice = source == "bulk" or design in (LIVE, "stop-copy-bulk")
                reason = mechanism.why_redundant(design)
                if mechanism.name == ORDER:
                    assert (mechanism.name in row) == twice
                assert reason or mechanism.name in row


@pytest.mark.parametrize(
    ("design", "source"),
    [("stop-copy-bulk", "own"), ("postcopy", "bulk")],
)
def test_chunks_that_are_ored_may_come_in_any_order(
    design: str, source: str
) -> None:
    """What is sent again has at least the bits that were sent before."""
    lacks = (ORDER, "chunk-overwrites")
    for chunks in (1, 2):
        options = apart(design, source, *lacks, chunks=chunks, writes=2)
        assert complaints(options) == []


def test_a_chunk_may_come_late_and_overwrite_what_the_guest_wrote() -> None:
    """As the code is: nothing asks whether the bitmap is done, or in use."""
    machine = build(apart("postcopy", "own", COMPLETE, writes=2))
    search = states_of(machine)
    (load,) = machine.action("dirty_bitmap_load_bits").instances
    bits = machine.position["destination.bits"]
    cleared = [
        state
        for state in search
        if Evaluator(machine, state).enabled(load)
        and shown(machine, state, "destination.bitmap") == "valid"
        and state[bits]
        and not Evaluator(machine, state).successor(load)[bits]
    ]
    assert cleared


def test_chunks_travel_apart_from_the_stream() -> None:
    machine = build(apart("stop-copy", chunks=2, writes=1))
    both = ("chunks[0].kind", "chunks_on_other[0].kind")
    states = states_of(machine)
    for state in states:
        assert BITS not in kinds_in_flight(machine, state)
    assert any(
        all(state[machine.position[name]] == BITS for name in both)
        for state in states
    )


# -- with one connection: FIFO, across bitmaps too ----------------------------


def kinds_in_flight(machine: Machine, state: State) -> list[int]:
    """Codes of the kinds in the stream, oldest first."""
    found = []
    for name, place in machine.position.items():
        if name.startswith("stream[") and name.endswith("].kind"):
            found.append(state[place])
    return [code for code in found if code]


@pytest.mark.parametrize("design", SEVERAL)
def test_nothing_of_two_bitmaps_follows_what_closes_the_stream(
    design: str,
) -> None:
    """No chunk of either comes after COMPLETE of one of them."""
    options = Options(
        design=design,
        bitmaps="two",
        bounds=bounds_of(design, channel=4, writes=1),
    )
    machine = build(options)
    seen = set()
    for state in states_of(machine):
        kinds = kinds_in_flight(machine, state)
        seen.add(tuple(kinds))
        after = kinds[kinds.index(CLOSES) :] if CLOSES in kinds else []
        assert not {OPENS, BITS} & set(after)
        if RUNS in kinds and options.design.startswith("stop-copy"):
            assert kinds[-1] == RUNS
    assert any(k.count(CLOSES) == 2 for k in seen)
    assert any(CLOSES in k and BITS in k for k in seen)


def states_of(machine: Machine) -> list[State]:
    search = interpret(machine, Limits())
    assert not search.coverage.stopped
    return [state for level in search.levels for state in level]


def shown(machine: Machine, state: State, name: str) -> str:
    (found,) = (v for v in machine.variables if v.name == name)
    return machine.show(found, state)


# -- what may be asked for ----------------------------------------------------


def test_what_sends_no_chunks_has_one_connection() -> None:
    with pytest.raises(ModelError, match="drop sends no chunks"):
        Options(design=DROP, connections="several")


def test_only_one_or_several() -> None:
    with pytest.raises(ModelError, match="allowed are one, several"):
        Options(design=LIVE, connections="two")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (apart("postcopy"), "not where connections is 'several'"),
        (Options(design="postcopy", source="bulk"), "source is 'bulk'"),
        (Options(design="postcopy"), ""),
    ],
    ids=["apart", "early", "plain"],
)
def test_a_certificate_says_all_that_it_is_about(
    options: Options, said: str
) -> None:
    if not said:
        check_plain(options)
        return
    with pytest.raises(InputError, match=said):
        check_plain(options)


def test_two_bitmaps_travel_apart_as_well() -> None:
    options = apart("postcopy", bitmaps="two", writes=1)
    assert complaints(options) == []
    lacks = apart("postcopy", "own", COMPLETE, bitmaps="two", writes=1)
    assert set(broken(lacks, "always")) >= LOST
