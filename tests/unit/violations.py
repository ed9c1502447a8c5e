# SPDX-License-Identifier: GPL-2.0-or-later
"""Traces that break a promise, one of each kind, for the tests of texts."""

from __future__ import annotations

from functools import cache

from attrs import evolve

from checker.checking.check import check
from checker.checking.minimise import shortest_violation
from checker.citing.mail import mail_block
from checker.engines.exploration import Limits
from checker.engines.interpreter import interpret
from checker.engines.verdict import DEADLOCK
from checker.input.configuration import Configuration
from checker.traces.trace import Trace
from model.designs import build
from model.language import Machine
from model.options import Bounds, Failures, Options

LOST = "NoLostDirtyBitOnDestination"
SMALL = Bounds(chunks=1, downtime=0)


def variant(design: str, without: str, **failures: int) -> Options:
    downtime = 0 if design == "live" else 1
    return Options(
        design=design,
        without=frozenset({without}),
        bounds=evolve(SMALL, downtime=downtime),
        failures=Failures(**failures),
    )


VARIANTS = {
    "successor": (variant("postcopy", "successor"), LOST),
    "read first": (variant("live", "clear-meta-before-read"), LOST),
    "drain": (variant("stop-copy", "drain-at-stop"), LOST),
    "both run": (
        variant("postcopy", "no-resume-after-run", cut=1),
        "OneSideRuns",
    ),
    "partial": (
        variant("postcopy", "drop-on-failure", source_killed=1),
        "UsableIsWhole",
    ),
    "nobody fences": (variant("postcopy", "fencing", cut=1), DEADLOCK),
    "silence": (variant("postcopy", "time-out", cut=1), DEADLOCK),
    "quits early": (
        variant("postcopy", "quit-when-over"),
        "SuccessLosesNothing",
    ),
    "all marked": (
        variant("stop-copy", "own-bits-only"),
        "DestinationIsExact",
    ),
    "refused": (
        variant("postcopy", "error-drops-bitmap", refuse=1),
        "BitmapTroubleFailsNoMigration",
    ),
    "left behind": (
        variant("stop-copy", "remove-partial", cut=1),
        "NothingLeftBehind",
    ),
    "merge unseen": (
        evolve(
            variant("live", "meta-sees-merge"),
            bounds=evolve(SMALL, edits=1),
        ),
        LOST,
    ),
    "marked at the source": (
        variant("postcopy", "own-bits-only", cancel=1),
        "FailedAttemptChangesNothing",
    ),
    "trusts completed": (
        variant("postcopy", "quit-when-moved", cut=1),
        "VmEndsOnlyIfKilled",
    ),
    "trusts the socket": (
        variant("stop-copy", "completed-after-shut", cut=1),
        "CompletedMeansMoved",
    ),
    "second": (
        evolve(variant("postcopy", "successor"), bitmaps="two"),
        f"{LOST}OfSecond",
    ),
    "names": (
        evolve(
            variant("stop-copy", "names-per-attempt", cut=1, retry=1),
            bitmaps="one-disabled",
        ),
        "SuccessLosesNothing",
    ),
    "backup": (
        variant("live", "drain-before-backup"),
        "BackupChainRestoresDisk",
    ),
}


@cache
def violations() -> dict[str, tuple[Machine, Trace]]:
    """Machine and trace, by a name."""
    traces = {}
    for name, (options, prop) in VARIANTS.items():
        trace = shortest_violation(options, prop, interpret, Limits())
        assert trace is not None, name
        traces[name] = (build(options), trace)
    never = Options(design="live", bounds=SMALL)
    answer = check(Configuration(name="x", options=never), "interpreter")
    traces["never ends"] = (answer.machine, answer.traces["MigrationEnds"])
    machine, nowhere = traces["nobody fences"]
    traces["stays"] = (
        machine,
        evolve(
            nowhere, property_name="MigrationEnds", loop=len(nowhere.moves)
        ),
    )
    return traces


def mail(machine: Machine, trace: Trace) -> str:
    """Its mail, with commands that are too long for a line."""
    return mail_block(
        machine,
        trace,
        reproduce="dbmcheck cite something --without a-long-word " * 3,
        complete="dbmcheck check " + "long/" * 40,
        states=123456789,
        transitions=987654321,
    )
