# SPDX-License-Identifier: GPL-2.0-or-later
"""Feeds malformed streams to a real destination, and watches what it does.

The rule: every stream gets a process of its own.  To refuse (exit with a
message) and to go on (with or without the bitmaps) are both in order; to die
by a signal, or to do nothing within the limit, is not, and then the stream
is made as short as it can be.  Other bits are accepted as expected, for the
wire has no check sum, but they are counted.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import re
import signal
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final

import attrs

from checker.qemu.harness import bitmaps, disk
from checker.qemu.harness.binary import Build
from checker.qemu.harness.bitmaps import Bitmap
from checker.qemu.harness.pair import alone, fresh_room
from checker.qemu.harness.process import HungError, Qemu, QemuError
from checker.qemu.harness.progress import Limits, ended, statuses
from checker.qemu.harness.scenario import Mode
from checker.qemu.harness.settings import set_capabilities
from checker.qemu.harness.stopping import run_until_stopped
from checker.qemu.interop.mutations import (
    BASE,
    Malformed,
    by_chance,
    corpus,
    joined,
    parts_of,
)
from checker.qemu.interop.stream_bytes import deliver
from checker.stateful.adapter import Side

WORKERS: Final = 3
LIMIT: Final = 8.0  # seconds in which a destination has to decide
SHORTER: Final = 80  # tries to make a stream shorter


class Kind(enum.Enum):
    """What the destination did."""

    REFUSED = "refused"
    ACCEPTED = "accepted"
    CHANGED = "accepted, other bits"
    DROPPED = "accepted, bitmaps dropped"
    CRASHED = "crashed"
    HUNG = "hung"


BAD: Final = frozenset({Kind.CRASHED, Kind.HUNG})


@attrs.frozen
class Outcome:
    """One stream, and what came of it.

    ``signature``: equal for what looks like the same fault.
    """

    stream: Malformed
    kind: Kind
    exit_code: int | None
    message: str
    signature: str = ""

    @property
    def bad(self) -> bool:
        """Return whether it ended in a way that it must not."""
        return self.kind in BAD


@attrs.frozen
class Results:
    """The streams; ``shortest``: a crash or hang of every signature.

    ``complete``: were all of them fed, and is what crashed made short?
    """

    outcomes: tuple[Outcome, ...]
    shortest: tuple[Outcome, ...]
    complete: bool = True

    def counts(self) -> Counter[tuple[Mode, Kind]]:
        """Return how many there are of each mode and kind."""
        return Counter((one.stream.mode, one.kind) for one in self.outcomes)


async def feed(
    stream: Malformed, build: Build, limit: float = LIMIT
) -> Outcome:
    """Feed one stream into one process, and return what came of it."""
    with fresh_room() as room:
        limits = Limits(answer=limit)
        one = alone(Side.DESTINATION, build, room, BASE.disks, limits)
        async with one as qemu:
            hung = await _feed(qemu, stream, room / "in", limit)
            kind = Kind.HUNG if hung else await _kind(qemu, limit)
            code = qemu.exit_code
        message = qemu.messages
    return Outcome(
        stream, kind, code, message, _signature(kind, hung, message, code or 0)
    )


async def _feed(
    qemu: Qemu, stream: Malformed, place: Path, limit: float
) -> str:
    """Wait until the destination decides; return in what it hangs, or ''."""
    await set_capabilities(qemu, "events", "dirty-bitmaps")
    await bitmaps.add(qemu, Bitmap(name="there"))
    await qemu.call("migrate-incoming", {"uri": f"unix:{place}"})
    sending = asyncio.create_task(deliver(place, stream.data))
    try:
        if not await qemu.bell.until(lambda: ended(qemu), limit):
            said = statuses(qemu)[-1:] or ("nothing",)
            return f"the migration ({said[0]})"
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
    return ""


async def _kind(qemu: Qemu, limit: float) -> Kind:
    """Return what the destination has decided."""
    if statuses(qemu)[-1:] != ("completed",):
        await qemu.bell.until(lambda: not qemu.alive, limit)
    found = Kind.REFUSED
    if qemu.alive:
        try:
            found = await _use(qemu, limit)
        except HungError:
            return Kind.HUNG
        except QemuError:
            found = Kind.REFUSED
    if qemu.alive:
        return Kind.HUNG
    return Kind.CRASHED if (qemu.exit_code or 0) < 0 else found


async def _use(qemu: Qemu, limit: float) -> Kind:
    """Use a destination that goes on, and end it; return what it took."""
    await qemu.bell.until(lambda: qemu.saw("RESUME"), limit)
    shown = {
        view.key: view.sha256
        for view in await bitmaps.look(qemu)
        if view.usable
    }
    with contextlib.suppress(QemuError):
        await disk.guest_write(qemu, BASE.disks[0].node, 8192, 512)
    await bitmaps.look(qemu)
    await qemu.quit()
    host = BASE.truth()
    truth = {
        each.key: host.bitmap(*each.key).bits.sha256() for each in BASE.bitmaps
    }
    if not truth.keys() <= shown.keys():
        return Kind.DROPPED
    same = truth.items() <= shown.items()
    return Kind.ACCEPTED if same else Kind.CHANGED


def _signature(kind: Kind, hung: str, message: str, code: int) -> str:
    """Return a text that is equal for what looks like the same fault."""
    if kind is Kind.HUNG:
        return f"hung in {hung or 'its monitor'}"
    if kind is not Kind.CRASHED:
        return ""
    said = re.search(r"(\w+): Assertion .*? failed", message)
    if said:
        return said.group()
    if code == -signal.SIGSEGV:
        return "a wild access"
    return "signal: " + re.sub(r"\d+", "N", message[-120:])


async def feed_all(
    streams: Iterable[Malformed],
    build: Build,
    workers: int = WORKERS,
    limit: float = LIMIT,
    done: Callable[[Outcome], None] | None = None,
) -> list[Outcome]:
    """Feed each into a process, some at once; return in their order."""
    turn = asyncio.Semaphore(workers)

    async def one(stream: Malformed) -> Outcome:
        async with turn:
            found = await feed(stream, build, limit)
        if done is not None:
            done(found)
        return found

    return list(await asyncio.gather(*map(one, streams)))


async def shorten(
    outcome: Outcome, build: Build, tries: int = SHORTER, limit: float = LIMIT
) -> Outcome:
    """Return the shortest stream found that does the same.

    First the end goes, as much as can be, then parts.
    """
    if outcome.kind is Kind.HUNG:
        tries //= 5  # each takes as long as the limit
    best = outcome
    for step in (*_halves(len(best.stream.data)), 1):
        while tries and step < len(best.stream.data):
            data = best.stream.data[:-step]
            found = await _same(outcome, data, build, limit)
            tries -= 1
            if found is None:
                break
            best = found
    for step in _halves(len(parts_of(best.stream.data))):
        at = 0
        while tries and at < len(parts_of(best.stream.data)):
            parts = parts_of(best.stream.data)
            data = joined((*parts[:at], *parts[at + step :]))
            found = await _same(outcome, data, build, limit)
            tries -= 1
            best = found or best
            at += 0 if found else step
    return best


def _halves(size: int) -> list[int]:
    """Return half of it, a quarter, and so on down to one."""
    return [size >> power for power in range(1, size.bit_length())]


async def _same(
    outcome: Outcome, data: bytes, build: Build, limit: float
) -> Outcome | None:
    """Return what these bytes do, if it is the same."""
    stream = attrs.evolve(outcome.stream, data=data)
    found = await feed(stream, build, limit)
    return found if found.signature == outcome.signature else None


def malformed(
    build: Build,
    seeds: Sequence[int] = (),
    streams: Iterable[Malformed] | None = None,
    workers: int = WORKERS,
    limit: float = LIMIT,
    done: Callable[[Outcome], None] | None = None,
) -> Results:
    """Feed the corpus, or ``streams``, and one by chance for each seed.

    A stream that crashed or hung QEMU is made short, once for every
    signature.  A person who stops it gets the results so far.
    """
    if streams is None:
        streams = (each for mode in Mode for each in corpus(mode))
    streams = list(streams)
    chance = [by_chance(mode, seed) for mode in Mode for seed in seeds]

    found: list[Outcome] = []
    shortest: dict[tuple[Mode, str], Outcome] = {}

    def note(one: Outcome) -> None:
        found.append(one)
        key = (one.stream.mode, one.signature)
        known = shortest.get(key)
        if one.bad and (
            known is None or len(one.stream.data) < len(known.stream.data)
        ):
            shortest[key] = one
        if done is not None:
            done(one)

    async def work() -> None:
        await feed_all([*streams, *chance], build, workers, limit, note)
        for key, one in shortest.items():
            shortest[key] = await shorten(one, build, limit=limit)

    complete = run_until_stopped(work())
    order = {
        (each.mode, each.name): number
        for number, each in enumerate([*streams, *chance])
    }
    found.sort(key=lambda one: order[one.stream.mode, one.stream.name])
    return Results(tuple(found), tuple(shortest.values()), complete)
