# SPDX-License-Identifier: GPL-2.0-or-later
"""What a configuration decides: which design, how small, which failures.

Plain data.  Everything that is not decided here is the same in every run.
"""

from __future__ import annotations

from typing import Final, Literal

from attrs import field, frozen

from model.design import DESIGNS, FROM_BULK, LIVE, MIGRATE, SEVERAL
from model.language import Concrete, ModelError
from model.lookup import check_names
from model.variant import FAILURES, Variant

UNLIMITED: Final = "unlimited"
Budget = int | Literal["unlimited"]
Writes = int | Literal["unbounded", "throttled"]

MAX_CHUNKS = 64
MAX_GRANULES = 64
MAX_CHANNEL = 16
MAX_DISK = 64
MAX_BUDGET = 1000
MAX_IN_FLIGHT = 8

#: one bitmap, from the beginning or from when the user adds it; or a second
#: beside it: on the same node, on another, or disabled
BITMAPS = ("one", "appears", "two", "two-nodes", "one-disabled")
#: what setup does with a bitmap that a backup job holds
BUSY_POLICIES = ("wait", "fail", "abort", "leave-out")
#: the design's own source, or one that makes a pass before the stop as well
SOURCES = ("own", "bulk")
#: one connection for all messages, or others beside it for the chunks
CONNECTIONS = ("one", "several")


def _check_range(what: str, value: int, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ModelError(f"{what} is {value!r}, allowed are whole numbers")
    if not low <= value <= high:
        raise ModelError(f"{what} is {value}, allowed are {low} to {high}")


def _check_budget(
    what: str, value: object, least: int, words: tuple[str, ...]
) -> None:
    if isinstance(value, str) and value in words:
        return
    number = value if isinstance(value, int) else -1
    if isinstance(value, bool) or not least <= number <= MAX_BUDGET:
        named = ", ".join(f"'{word}'" for word in words)
        raise ModelError(
            f"{what} is {value!r}, allowed are {least} to {MAX_BUDGET} and "
            f"{named}"
        )


@frozen(kw_only=True)
class Bounds:
    """How small the instance is.

    ``chunks`` of ``granules`` granules each; ``channel``: messages in
    flight at most; ``writes``: how often the guest writes in all,
    'unbounded', or 'throttled' (while the migration is active, one write
    for every ``throttle`` chunks sent); ``in_flight``: writes in flight at
    most on each host; ``downtime``: how many chunks may be pending when the
    source stops the VM (live, stop-copy); ``edits``: how often the user
    merges into the bitmap, clears it or removes it.
    """

    chunks: int = 2
    granules: int = 1
    channel: int = 2
    writes: Writes = "unbounded"
    throttle: int = 3
    in_flight: int = 1
    downtime: int = 1
    edits: Budget = 0

    def __attrs_post_init__(self) -> None:
        _check_range("bounds.chunks", self.chunks, 1, MAX_CHUNKS)
        _check_range("bounds.granules", self.granules, 1, MAX_GRANULES)
        if self.chunks * self.granules > MAX_DISK:
            raise ModelError(
                f"bounds: {self.chunks} chunks of {self.granules} granules "
                f"are {self.chunks * self.granules} granules, allowed are "
                f"up to {MAX_DISK}"
            )
        _check_range("bounds.channel", self.channel, 1, MAX_CHANNEL)
        _check_range("bounds.throttle", self.throttle, 1, MAX_CHUNKS)
        _check_range("bounds.downtime", self.downtime, 0, MAX_CHUNKS)
        most = self.in_flight
        _check_range("bounds.in_flight", most, 1, MAX_IN_FLIGHT)
        _check_budget("bounds.edits", self.edits, 0, (UNLIMITED,))
        words = ("unbounded", "throttled")
        _check_budget("bounds.writes", self.writes, 1, words)


@frozen(kw_only=True)
class Failures:
    """How often each failure may happen: a number, or 'unlimited'.

    ``cut``: the connection breaks, by a close or by silence.
    ``source_killed``, ``destination_killed``: the process dies.
    ``refuse``: the destination refuses START, BITS or COMPLETE.
    ``cancel``: management cancels, wherever QEMU accepts it.
    ``retry``: a further attempt, to a new destination process.
    ``backup_fails``: a backup job on the source fails.
    """

    cut: Budget = 0
    source_killed: Budget = 0
    destination_killed: Budget = 0
    refuse: Budget = 0
    cancel: Budget = 0
    retry: Budget = 0
    backup_fails: Budget = 0

    def __attrs_post_init__(self) -> None:
        for name in self.names():
            value = getattr(self, name)
            _check_budget(f"failures.{name}", value, 0, (UNLIMITED,))

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The kinds of failure."""
        return FAILURES


@frozen(kw_only=True)
class Options:
    """A design at a size, with failures, perhaps without a mechanism.

    ``busy_bitmap``: what setup does with a bitmap that a backup job holds:
    'wait' for the job, 'fail' the migration, 'abort' the job, or 'leave-out'
    the bitmap.  ``bitmaps``: 'one', also one that 'appears' when the user
    adds it; or a second one beside it: 'two' on one node, on 'two-nodes', or
    'one-disabled'.  ``source``: the design's 'own', or, where management
    starts postcopy, a 'bulk' source: it makes a pass before the stop, and
    sends what has changed after RUN.  ``connections``: 'one' for all messages,
    or 'several': chunks travel on two others, so that they overtake, and are
    overtaken by, each other and every other message.
    """

    design: str
    bounds: Bounds = field(factory=Bounds)
    failures: Failures = field(factory=Failures)
    without: frozenset[str] = frozenset()
    busy_bitmap: str = "wait"
    bitmaps: str = "one"
    source: str = "own"
    connections: str = "one"

    def __attrs_post_init__(self) -> None:
        if self.design not in DESIGNS:
            raise ModelError(
                f"design is '{self.design}', allowed are {', '.join(DESIGNS)}"
            )
        if self.bounds.writes == "throttled" and self.design != LIVE:
            raise ModelError(
                f"bounds.writes is 'throttled', but {self.design} sends "
                "nothing while the guest runs; allowed with live only"
            )
        if self.busy_bitmap not in BUSY_POLICIES:
            raise ModelError(
                f"busy_bitmap is '{self.busy_bitmap}', allowed are "
                f"{', '.join(BUSY_POLICIES)}"
            )
        if self.bitmaps not in BITMAPS:
            raise ModelError(
                f"bitmaps is '{self.bitmaps}', allowed are "
                f"{', '.join(BITMAPS)}"
            )
        if self.bitmaps != "one" and self.design not in SEVERAL:
            raise ModelError(
                f"bitmaps is '{self.bitmaps}', but {self.design} is modelled "
                f"with one; allowed with {', '.join(SEVERAL)}"
            )
        if self.source not in SOURCES:
            raise ModelError(
                f"source is '{self.source}', allowed are {', '.join(SOURCES)}"
            )
        if self.source != "own" and self.design not in FROM_BULK:
            raise ModelError(
                f"source is '{self.source}', but {self.design} is modelled "
                f"with its own; allowed with {', '.join(FROM_BULK)}"
            )
        if self.connections not in CONNECTIONS:
            raise ModelError(
                f"connections is '{self.connections}', allowed are "
                f"{', '.join(CONNECTIONS)}"
            )
        if self.connections != "one" and self.design not in MIGRATE:
            raise ModelError(
                f"connections is '{self.connections}', but {self.design} "
                f"sends no chunks; allowed with {', '.join(MIGRATE)}"
            )
        check_names(self.design, sorted(self.without))

    @property
    def variant(self) -> Variant:
        """What the model text is told: all but the numbers."""
        return Variant(
            design=self.design,
            without=self.without,
            busy_bitmap=self.busy_bitmap,
            bitmaps=self.bitmaps,
            source=self.source,
            connections=self.connections,
        )

    @property
    def domain(self) -> Concrete:
        """The small disk of this size."""
        return Concrete(self.bounds.chunks, self.bounds.granules)

    def limit(self, name: str) -> int | None:
        """A number that the text names; None: there is no limit.

        'writes_beside': writes in flight at most when one more begins.
        'pending_at_stop': what may be pending when the VM has stopped.
        'throttle': chunks sent for each write of a guest that is held back.
        """
        bounds = self.bounds
        throttled = bounds.writes == "throttled"
        known = {
            "channel": bounds.channel,
            "downtime": bounds.downtime,
            "pending_at_stop": bounds.downtime + bounds.in_flight,
            "writes_beside": bounds.in_flight - 1,
            "throttle": bounds.throttle if throttled else None,
        }
        if name not in known:
            allowed = ", ".join(known)
            raise ModelError(f"limit is '{name}', allowed are {allowed}")
        return known[name]

    def budget(self, name: str) -> Budget:
        """How often what spends ``name`` may happen."""
        if name == "writes":
            writes = self.bounds.writes
            return writes if isinstance(writes, int) else UNLIMITED
        if name == "edits":
            return self.bounds.edits
        if name not in FAILURES:
            allowed = ", ".join((*FAILURES, "writes", "edits"))
            raise ModelError(f"budget is '{name}', allowed are {allowed}")
        found: Budget = getattr(self.failures, name)
        return found

    def has(self, mechanism: str) -> bool:
        """Whether the mechanism is in place."""
        return mechanism not in self.without

    @property
    def name(self) -> str:
        """The design, and what it lacks."""
        return self.variant.name
