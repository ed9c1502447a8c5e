# SPDX-License-Identifier: GPL-2.0-or-later
"""What a configuration decides: which design, how small, which failures.

Plain data.  Everything that is not decided here is the same in every run.
"""

from __future__ import annotations

from typing import Final, Literal

from attrs import field, frozen

from model.language import Concrete, ModelError
from model.mechanisms import DESIGNS, LIVE, check_names
from model.variant import Variant

UNLIMITED: Final = "unlimited"
Budget = int | Literal["unlimited"]
Writes = int | Literal["unbounded", "throttled"]

MAX_CHUNKS = 64
MAX_GRANULES = 64
MAX_CHANNEL = 16
MAX_DISK = 64
MAX_BUDGET = 1000


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
    for every ``throttle`` chunks sent); ``downtime``: how many chunks may be
    pending when the live design stops the VM.
    """

    chunks: int = 2
    granules: int = 1
    channel: int = 2
    writes: Writes = "unbounded"
    throttle: int = 3
    downtime: int = 1

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
        words = ("unbounded", "throttled")
        _check_budget("bounds.writes", self.writes, 1, words)


@frozen(kw_only=True)
class Failures:
    """How often each failure may happen: a number, or 'unlimited'.

    ``cut``: the channel breaks, messages in flight are lost.
    ``source_killed``, ``destination_killed``: the process dies.
    ``refuse``: the destination refuses START.
    ``cancel``: management cancels before the switchover.
    ``retry``: a further attempt after a failed one, in the same processes.
    """

    cut: Budget = 0
    source_killed: Budget = 0
    destination_killed: Budget = 0
    refuse: Budget = 0
    cancel: Budget = 0
    retry: Budget = 0

    def __attrs_post_init__(self) -> None:
        for name in self.names():
            value = getattr(self, name)
            _check_budget(f"failures.{name}", value, 0, (UNLIMITED,))

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The kinds of failure."""
        return (
            "cut",
            "source_killed",
            "destination_killed",
            "refuse",
            "cancel",
            "retry",
        )

    def possible(self, *names: str) -> bool:
        """Whether at least one of the failures may happen."""
        return any(getattr(self, name) != 0 for name in names)


@frozen(kw_only=True)
class Options:
    """A design at a size, with failures, perhaps without a mechanism."""

    design: str
    bounds: Bounds = field(factory=Bounds)
    failures: Failures = field(factory=Failures)
    without: frozenset[str] = frozenset()

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
        check_names(self.design, sorted(self.without))

    def has(self, mechanism: str) -> bool:
        """Whether the mechanism is in place."""
        return mechanism not in self.without

    @property
    def variant(self) -> Variant:
        """What a text is told: all but the numbers."""
        return Variant(design=self.design, without=self.without)

    @property
    def domain(self) -> Concrete:
        """The small disk of this size."""
        return Concrete(self.bounds.chunks, self.bounds.granules)

    def limit(self, name: str) -> int | None:
        """A number that a text names; None: there is no limit."""
        known = {
            "channel": self.bounds.channel,
            "downtime": self.bounds.downtime,
            "throttle": None,
        }
        if self.bounds.writes == "throttled":
            known["throttle"] = self.bounds.throttle
        if name not in known:
            allowed = ", ".join(known)
            raise ModelError(f"limit is '{name}', allowed are {allowed}")
        return known[name]

    def budget(self, name: str) -> int | str:
        """How often something may happen; a word: as often as it likes."""
        if name == "writes":
            return self.bounds.writes
        if name not in Failures.names():
            allowed = ", ".join(("writes", *Failures.names()))
            raise ModelError(f"budget is '{name}', allowed are {allowed}")
        found: Budget = getattr(self.failures, name)
        return found

    @property
    def name(self) -> str:
        """The design, and what it lacks."""
        if not self.without:
            return self.design
        return f"{self.design} without {', '.join(sorted(self.without))}"
