# SPDX-License-Identifier: GPL-2.0-or-later
"""A configuration in words, for a reader who does not know its keys."""

from __future__ import annotations

from checker.traces.lines import joined, plural
from model.mechanisms import (
    LIVE,
    POSTCOPY,
    STOP_COPY,
    Mechanism,
    mechanisms_of,
)
from model.options import UNLIMITED, Bounds, Failures, Options

DESIGNS_IN_WORDS = {
    LIVE: (
        "live: the bitmap is sent while the guest runs, chunks that change "
        "are sent again, the rest goes with the VM stopped (posted in 2015, "
        "never merged)"
    ),
    POSTCOPY: (
        "postcopy: the destination's VM starts first, then the whole bitmap "
        "is sent once (in QEMU since 2.12)"
    ),
    STOP_COPY: (
        "stop-copy: the whole bitmap is sent while the VM is stopped (QEMU "
        "without postcopy)"
    ),
}
_FAILURES = {
    "cut": ("channel cut", "channel cuts"),
    "source_killed": ("kill of the source", "kills of the source"),
    "destination_killed": (
        "kill of the destination",
        "kills of the destination",
    ),
    "refuse": (
        "refusal of the bitmap by the destination",
        "refusals of the bitmap by the destination",
    ),
    "cancel": (
        "cancel before the switchover",
        "cancels before the switchover",
    ),
    "retry": ("further attempt", "further attempts"),
}


def in_words(options: Options) -> tuple[tuple[str, str], ...]:
    """Pairs of a heading and what it says; what was taken out is not here."""
    bounds = options.bounds
    parts = [
        ("design", DESIGNS_IN_WORDS[options.design]),
        ("disk", disk_in_words(bounds)),
        ("channel", _channel(bounds)),
        ("guest", writes_in_words(bounds)),
        ("failures", failures_in_words(options.failures)),
    ]
    if options.design == LIVE:
        pending = plural(bounds.downtime, "chunk")
        parts.append(
            ("switchover", f"the VM stops with at most {pending} pending")
        )
    return tuple(parts)


def disk_in_words(bounds: Bounds) -> str:
    """The disk's size."""
    chunks = plural(bounds.chunks, "chunk")
    granules = plural(bounds.granules, "granule")
    each = " each" if bounds.chunks > 1 else ""
    return f"{chunks} of {granules}{each}, on storage that both hosts reach"


def _channel(bounds: Bounds) -> str:
    return f"at most {plural(bounds.channel, 'message')} in flight"


def writes_in_words(bounds: Bounds) -> str:
    """How often the guest writes."""
    if bounds.writes == "unbounded":
        return "writes any granule, as often as it likes"
    if bounds.writes == "throttled":
        chunks = plural(bounds.throttle, "chunk")
        return f"while the bitmap is sent, one write for every {chunks} sent"
    return f"writes at most {plural(bounds.writes, 'time')} in all"


def failures_in_words(failures: Failures) -> str:
    """Which failures may happen, and how often."""
    parts = []
    for name in failures.names():
        one, many = _FAILURES[name]
        budget = getattr(failures, name)
        if budget == UNLIMITED:
            parts.append(f"any number of {many}")
        elif budget:
            parts.append(f"at most {budget} {one if budget == 1 else many}")
    return joined(parts) or "none"


def taken_out(options: Options) -> tuple[Mechanism, ...]:
    """The mechanisms that the variant lacks, in the table's order."""
    return tuple(
        m for m in mechanisms_of(options.design) if not options.has(m.name)
    )
