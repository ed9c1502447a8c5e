# SPDX-License-Identifier: GPL-2.0-or-later
"""A rate limit is kept in bytes; the clock is the test's."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from attrs import define
from hypothesis import given
from hypothesis import strategies as st

from reference.protocol.tables import Design
from reference.transport import Rate
from reference.transport.rate import SPAN
from tests.reference.transport.ends import SIZE, Ends, run, unix


@define
class Clock:
    now: float = 0.0

    def read(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        assert seconds > 0
        # whoever sleeps is woken a little late
        self.now += seconds * 1.01 + 1e-9
        await asyncio.sleep(0)

    def rate(self, per_second: float) -> Rate:
        return Rate(per_second, self.read, self.sleep)


@given(
    st.floats(1, 1e9),
    st.lists(st.tuples(st.integers(0, 10**6), st.floats(0, 2)), max_size=30),
)
def test_never_more_than_the_limit(
    per_second: float, pieces: list[tuple[int, float]]
) -> None:
    clock = Clock()
    rate = clock.rate(per_second)
    spent: list[tuple[float, int]] = []

    async def work() -> None:
        for size, pause in pieces:
            clock.now += pause
            await rate.ready()
            rate.spend(size)
            spent.append((clock.now, size))

    asyncio.run(work())
    for begin, (start, _) in enumerate(spent):
        total = 0
        for now, size in spent[begin:]:
            # the last piece is spent whole
            allowed = per_second * (now - start + SPAN)
            assert total <= allowed * (1 + 1e-6) + spent[begin][1] + 1
            total += size


@pytest.mark.parametrize("design", Design, ids=lambda d: d.value)
@pytest.mark.parametrize("per_second", [100.0, 5000.0])
def test_a_migration_keeps_to_it(
    design: Design, per_second: float, tmp_path: Path
) -> None:
    clock = Clock()
    ends = Ends(design, {"d": 5 * SIZE})

    async def work() -> None:
        async with ends.listening(unix(tmp_path)) as address:
            sent = await ends.send(address, rate=clock.rate(per_second))
            await ends.received()
        assert sent.acknowledged
        largest = 300  # bytes in a step
        most = per_second * (clock.now + SPAN) + largest
        assert sent.bytes_sent <= most
        # and it does use what it may
        assert sent.bytes_sent >= per_second * clock.now / 1.02 - largest

    run(work())
