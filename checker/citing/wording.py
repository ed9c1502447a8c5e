# SPDX-License-Identifier: GPL-2.0-or-later
"""A configuration in words, for a reader who does not know its keys."""

from __future__ import annotations

import re

from checker.text import joined, plural
from model.design import STOP_COPY, STOP_THEMSELVES, TABLE
from model.lookup import mechanisms_of
from model.mechanism import Mechanism
from model.mechanisms_loading import (
    SUCCESSOR,
)
from model.options import UNLIMITED, Bounds, Budget, Failures, Options
from model.vocabulary import Incoming

DESIGNS_IN_WORDS = {d: f"{d}: {said.words}" for d, said in TABLE.items()}
BUSY_IN_WORDS = {
    "wait": "waits until no backup job holds the bitmap",
    "fail": (
        "a bitmap that a backup job holds fails the migration (as QEMU does)"
    ),
    "abort": "a backup job that holds the bitmap is cancelled",
    "leave-out": "a bitmap that a backup job holds is left out",
}
#: where the bitmaps are and how they are known
BITMAPS_IN_WORDS = {
    "one": (
        "one disk that both hosts reach, and one bitmap of it, known by its "
        "name"
    ),
    "appears": (
        "one disk that both hosts reach, and one bitmap of it, known by its "
        "name, from when the user adds it"
    ),
    "two": (
        "one disk that both hosts reach, and two bitmaps of it, known by "
        "their names"
    ),
    "two-nodes": (
        "two disks that both hosts reach, and one bitmap of each, known by "
        "its name"
    ),
    "one-disabled": (
        "one disk that both hosts reach, and two bitmaps of it, known by "
        "their names; the second is disabled and records nothing"
    ),
}
#: where the bugs are explained that codes such as B03 stand for
HISTORY = "model/docs/history.md"
_BUG = re.compile(
    r"([A-Z]\d\d), (?:open|fixed in ([^()]*[^() ]))(?: \((.*)\))?"
)
#: a loaded bitmap that the guest writes into, without a successor
RECORDS_ITSELF = "records-itself"
_FAILURES = {
    "cut": (
        "break of the connection (closed or silent)",
        "breaks of the connection (closed or silent)",
    ),
    "source_killed": ("kill of the source", "kills of the source"),
    "destination_killed": (
        "kill of the destination",
        "kills of the destination",
    ),
    "refuse": ("bitmap error", "bitmap errors"),
    "cancel": ("cancel", "cancels"),
    "retry": ("further attempt", "further attempts"),
    "backup_fails": (
        "failure of a backup job on the source",
        "failures of backup jobs on the source",
    ),
}


#: what a source does that is not the design's own
SOURCES_IN_WORDS = {
    "own": "",
    "bulk": "sends the bitmap once before the stop as well, and after RUN "
    "what has changed",
}

#: how chunks travel that are not in the stream
CONNECTIONS_IN_WORDS = {
    "one": "",
    "several": "travel on two connections of their own: one may overtake, and "
    "be overtaken by, any other message",
}


def in_words(options: Options) -> tuple[tuple[str, str], ...]:
    """Return headings with their text, without what was taken out."""
    bounds = options.bounds
    parts = [
        ("design", DESIGNS_IN_WORDS[options.design]),
        ("disk", disk_in_words(bounds)),
        ("channel", _channel(bounds)),
        ("guest", f"{writes_in_words(bounds)}, {_at_a_time(bounds)}"),
        ("user", edits_in_words(bounds)),
        ("failures", failures_in_words(options.failures)),
        ("setup", BUSY_IN_WORDS[options.busy_bitmap]),
        ("switchover", switchover_in_words(options)),
        ("source", SOURCES_IN_WORDS[options.source]),
        ("chunks", CONNECTIONS_IN_WORDS[options.connections]),
    ]
    return tuple((heading, text) for heading, text in parts if text)


def disk_in_words(bounds: Bounds) -> str:
    """Return the disk's size in words."""
    chunks = plural(bounds.chunks, "chunk")
    granules = plural(bounds.granules, "granule")
    each = " each" if bounds.chunks > 1 else ""
    return f"{chunks} of {granules}{each}, on storage that both hosts reach"


def _channel(bounds: Bounds) -> str:
    return f"at most {plural(bounds.channel, 'message')} in flight"


def writes_in_words(bounds: Bounds) -> str:
    """Return in words how often the guest writes."""
    if bounds.writes == "unbounded":
        return "writes any granule, as often as it likes"
    if bounds.writes == "throttled":
        chunks = plural(bounds.throttle, "chunk")
        return f"while the bitmap is sent, one write for every {chunks} sent"
    return f"writes at most {plural(bounds.writes, 'time')} in all"


def _at_a_time(bounds: Bounds) -> str:
    """How many writes may be under way together."""
    if bounds.in_flight == 1:
        return "one write at a time"
    return f"at most {bounds.in_flight} writes at a time"


def edits_in_words(bounds: Bounds) -> str:
    """Return what the user does to the bitmap by hand, or ''."""
    if not bounds.edits:
        return ""
    return (
        f"{_at_most(bounds.edits, 'edit', 'edits')}: merges bits in or "
        "clears the bitmap on the source, removes it on the destination"
    )


def _at_most(budget: Budget, one: str, many: str) -> str:
    if budget == UNLIMITED:
        return f"any number of {many}"
    return f"at most {budget} {one if budget == 1 else many}"


def switchover_in_words(options: Options) -> str:
    """Return what the stop of the VM waits for; '': for management."""
    bounds = options.bounds
    if options.design not in STOP_THEMSELVES:
        return ""
    pending = f"at most {plural(bounds.downtime, 'chunk')}"
    text = f"the VM stops with {pending if bounds.downtime else 'nothing'} "
    text += "pending"
    if options.design == STOP_COPY:
        text += "; while it runs, the whole bitmap is"
    return text


def failures_in_words(failures: Failures) -> str:
    """Return in words which failures may happen, and how often."""
    parts = []
    for name in failures.names():
        one, many = _FAILURES[name]
        budget = getattr(failures, name)
        if budget:
            parts.append(_at_most(budget, one, many))
    return joined(parts) or "none"


def told(text: str, options: Options) -> str:
    """Return ``text`` with no word of a successor that a variant lacks."""
    if options.has(SUCCESSOR.name):
        return text
    return text.replace(Incoming.SUCCESSOR.value, RECORDS_ITSELF)


def history(mechanism: Mechanism) -> str:
    """Return what is known of QEMU without the mechanism, or ''.

    A bug's code alone says nothing to a reader of a mail.
    """
    fixed = _BUG.fullmatch(mechanism.history)
    if fixed is None:
        return mechanism.history
    code, until, more = fixed.groups()
    lacks = f"QEMU lacked it until {until}" if until else "QEMU lacks it still"
    return f"{lacks} ({f'{more}; ' if more else ''}bug {code} in {HISTORY})"


def taken_out(options: Options) -> tuple[Mechanism, ...]:
    """Return the mechanisms that the variant lacks, in the table's order."""
    return tuple(
        m for m in mechanisms_of(options.design) if not options.has(m.name)
    )
