# SPDX-License-Identifier: GPL-2.0-or-later
"""The connection is cut after every number of bytes, in both directions.

Whatever happens, one side at most runs the guest, and whoever may use the
bitmap finds every write in it, or no bitmap of that name.  What is not exact
says so.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from reference.host import RunState
from reference.protocol.tables import Arrival, Design, Phase
from reference.transport import Received, Sent
from tests.reference.transport.ends import (
    Ends,
    guest,
    patient,
    relay,
    run,
    unix,
)

SHUT = 8  # bytes of the return path


def check(ends: Ends, sent: Sent, received: Received) -> None:
    source, destination = ends.source_host, ends.destination_host
    assert ends.settled(source)
    assert ends.settled(destination)
    runs = [host.vm is RunState.RUNNING for host in (source, destination)]
    if sent.phase is Phase.FAILED:
        assert runs == [True, False]
        assert received.phase is Arrival.WAITING
        assert not destination.has_bitmap("d", "b")
        assert ends.missing(source) == []
    else:
        assert source.vm is RunState.STOPPED
        assert sent.phase in (Phase.IN_DOUBT, Phase.COMPLETED)
        ones = ends.design is Design.POSTCOPY_ONES
        if runs[1] and ones:
            assert destination.has_bitmap("d", "b")
        if destination.has_bitmap("d", "b"):
            assert runs[1]
            assert ends.missing(destination) == []
            bitmap = destination.bitmap("d", "b")
            assert not bitmap.degraded or ones
            if not bitmap.degraded:
                assert ends.too_many(destination) == 0
    if received.attempts and (sent.acknowledged or received.error is None):
        arrived = [verdict.arrived for verdict in received.bitmaps]
        assert arrived == [True] and runs[1]


async def attempt(
    ends: Ends, place: Path, forward: int | None, back: int | None
) -> tuple[Sent, Received]:
    async with (
        ends.listening(unix(place), once=True) as address,
        relay(address, place, forward, back) as through,
    ):
        sent = await ends.send(through, rate=patient())
        if forward == 0:
            ends.stop.set()
        received = await ends.received()
    return sent, received


@pytest.mark.parametrize("design", Design, ids=lambda d: d.value)
def test_forward(design: Design, tmp_path: Path) -> None:
    whole = Ends(design)
    sent, _ = run(attempt(whole, tmp_path, None, None))
    assert sent.acknowledged
    outcomes, degraded = set(), 0
    for at in range(sent.bytes_sent):
        ends = Ends(design)
        ends.source_guest = guest(ends.source_host, 5, at, 0)
        ends.destination_guest = guest(ends.destination_host, 3, at, 0)
        sent, received = run(attempt(ends, tmp_path, at, None))
        check(ends, sent, received)
        outcomes.add((sent.phase, received.phase))
        degraded += any(verdict.degraded for verdict in received.bitmaps)
    assert (Phase.FAILED, Arrival.WAITING) in outcomes
    if design is Design.POSTCOPY_ONES:
        assert degraded
    if design.is_postcopy:
        # QEMU as well: the source calls it completed
        assert outcomes & {
            (Phase.IN_DOUBT, Arrival.RUNNING),
            (Phase.COMPLETED, Arrival.RUNNING),
        }


@pytest.mark.parametrize(
    "design",
    [design for design in Design if not design.is_postcopy],
    ids=lambda d: d.value,
)
def test_the_word_that_the_destination_runs_is_lost(
    design: Design, tmp_path: Path
) -> None:
    for at in range(1, SHUT):
        ends = Ends(design)
        sent, received = run(attempt(ends, tmp_path, None, at))
        assert sent.phase is Phase.IN_DOUBT
        assert received.phase is Arrival.RUNNING
        check(ends, sent, received)


@pytest.mark.parametrize("design", Design, ids=lambda d: d.value)
def test_cut_then_retry(design: Design, tmp_path: Path) -> None:
    for at in (1, 30, 60):
        ends = Ends(design)
        ends.source_guest = guest(ends.source_host, 20, at, 0)

        async def work(ends: Ends = ends, at: int = at) -> None:
            async with ends.listening(unix(tmp_path)) as address:
                async with relay(address, tmp_path, at, None) as through:
                    sent = await ends.send(through, rate=patient())
                assert sent.phase is Phase.FAILED
                again = await ends.send(address)
                assert again.acknowledged
                received = await ends.received()
            assert received.attempts == 2
            assert len(ends.errors) == 1
            check(ends, again, received)

        run(work())
