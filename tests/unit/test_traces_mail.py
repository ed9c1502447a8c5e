# SPDX-License-Identifier: GPL-2.0-or-later
"""The mail: what reviewers expect, and words that are true."""

import pytest
from attrs import evolve

from checker.checking.minimise import shortest_violation
from checker.citing.mail import Label, mail_block
from checker.citing.status import Status, status_at_end
from checker.citing.wording import (
    BITMAPS_IN_WORDS,
    failures_in_words,
    in_words,
)
from checker.engines.exploration import Limits
from checker.engines.interpreter import interpret
from checker.engines.verdict import CONFORMANCE
from checker.traces.replay import replay
from checker.traces.trace import Trace
from model.designs import build
from model.language import Machine
from model.mechanism import (
    AS_BUILT,
    DESIGNS,
)
from model.options import BITMAPS, BUSY_POLICIES, Bounds, Failures, Options
from tests.unit.violations import SMALL, mail, violations


@pytest.fixture(scope="module")
def found() -> dict[str, tuple[Machine, Trace]]:
    return violations()


def test_the_mail_says_what_reviewers_expect(
    found: dict[str, tuple[Machine, Trace]],
) -> None:
    machine, trace = found["read first"]
    text = mail_block(
        machine,
        trace,
        reproduce="dbmcheck cite mine.toml",
        complete="dbmcheck check live",
        states=5296,
        transitions=14067,
    )
    words = " ".join(text.split())
    for expected in (
        f"dbmcheck counterexample {trace.id}",
        "live without clear-meta-before-read",
        "Broken: no bit is missing",
        "Granule 0 has been written since the last backup",
        "The next incremental backup skips it without any error",
        "A defect of this variant.",
        "History of 'clear-meta-before-read': B03",
        "1 chunk of 1 granule",
        "at most 2 messages in flight",
        "failures none",
        "setup waits until no backup job holds the bitmap",
        "switchover the VM stops with nothing pending",
        "a write in between marks the chunk again",
        f"Shortest trace, {len(trace.moves)} steps",
        "recording true, busy false, count 0",
        "Assumed:",
        "a write is not acknowledged before its bit is set",
        "Not modelled:",
        "$ dbmcheck cite mine.toml",
        "the complete design, expected to hold: $ dbmcheck check live",
        "5296 states and 14067 transitions",
    ):
        assert expected in words, expected


def test_the_label_is_honest(
    found: dict[str, tuple[Machine, Trace]],
) -> None:
    machine, trace = found["never ends"]
    text = mail_block(machine, trace, reproduce="x")
    assert "Not judged yet." in text
    assert "expected to hold" not in text
    assert "Shortest" not in text  # nobody says who found it
    assert "Explored" not in text
    text = mail_block(machine, trace, reproduce="x", label=Label.TOO_STRONG)
    assert "The property asks too much." in text
    text = mail_block(machine, trace, reproduce="x", label=Label.DESIGN)
    assert "A limit of the design." in text


def test_what_a_broken_promise_does_to_a_backup(
    found: dict[str, tuple[Machine, Trace]],
) -> None:
    for name, words in (
        ("both run", "Both sides have run the guest on the same disk"),
        ("partial", "misses granules without any error"),
        ("nobody fences", "The guest runs nowhere"),
        ("silence", "The guest runs nowhere"),
        ("quits early", "the next backup has to be a full one"),
        ("left behind", "take the part for the whole"),
        ("merge unseen", "since the last backup, or merged in by the user,"),
        ("marked at the source", "copies granule 0 without need"),
        ("second", "the destination's second bitmap, which looks sound, has"),
        ("names", "the next backup has to be a full one"),
        ("trusts completed", "has ended although no process was killed"),
        ("trusts the socket", "believes the source that the VM has moved"),
        ("all marked", "copies granule 0 without need"),
        ("refused", "A migration failed because of its bitmap"),
        ("backup", "A backup has missed a granule"),
        ("never ends", "Incremental backups on the source stay possible"),
    ):
        text = " ".join(mail(*found[name]).split())
        assert words in text, name


def test_what_qmp_shows(found: dict[str, tuple[Machine, Trace]]) -> None:
    source, destination = status_at_end(*found["both run"])
    assert dict(source.queries) == {
        "query-status": "running",
        "query-migrate": "postcopy-paused or failed",
        "query-block": "recording true, busy false, count 0",
    }
    assert dict(destination.queries)["query-status"] == "running"
    assert dict(destination.queries)["query-block"] == (
        "recording true, busy true, count 0"
    )
    source, destination = status_at_end(*found["partial"])
    assert source.gone == "the process is gone"
    assert "busy false" in dict(destination.queries)["query-block"]
    assert dict(destination.queries)["query-migrate"] == "completed"
    _, destination = status_at_end(*found["quits early"])
    assert dict(destination.queries)["query-block"] == "no bitmap of that name"
    source, destination = status_at_end(*found["trusts the socket"])
    assert dict(source.queries)["query-status"] == "postmigrate"
    assert dict(source.queries)["query-migrate"] == "completed"
    _, destination = status_at_end(*found["left behind"])
    shown = dict(destination.queries)
    assert shown["query-migrate"] == "failed"
    assert "exit-on-error is off" in shown["query-status"]


def shown_after(options: Options, *actions: str) -> tuple[Status, Status]:
    """What both sides show after these steps."""
    trace = replay(options, CONFORMANCE, actions)
    return status_at_end(build(options), trace)


SWITCHED = (
    *("migrate", "dirty_bitmap_save_setup", "migrate_start_postcopy"),
    *("postcopy_start", "bdrv_drain_all"),
)


def test_a_bitmap_in_a_backup_job_is_busy() -> None:
    options = Options(design="postcopy", bounds=SMALL)
    source, _ = shown_after(options, "source_backup_begins", "migrate")
    assert dict(source.queries) == {
        "query-status": "running",
        "query-migrate": "no status (no migration has begun)",
        "query-block": "recording true, busy true, count 0",
    }


def test_what_an_attempt_came_to_is_not_what_management_makes_of_it() -> None:
    options = Options(
        design="postcopy",
        bounds=evolve(SMALL, channel=4),
        failures=Failures(cut=1, cancel=1),
    )
    for ends, expected in (
        (["migrate_cancel"], "cancelled"),
        (["send_postcopy_run", "migrate_cancel"], "cancelled (10.0 on"),
        (["channel_cut(how=close)", "migration_fails"], "failed"),
        (
            [
                *("send_postcopy_run", "channel_cut(how=close)"),
                *("migration_fails", "fence_destination", "resume_source"),
            ],
            "postcopy-paused or failed",
        ),
        (
            [
                *("send_postcopy_run", "send_bitmap_bits"),
                *("dirty_bitmap_load_start", "send_bitmap_complete"),
                *("channel_cut(how=close)", "incoming_fails"),
                *("fence_destination", "resume_source"),
            ],
            "completed",
        ),
    ):
        source, _ = shown_after(options, *SWITCHED, *ends)
        assert dict(source.queries)["query-migrate"].startswith(expected)


def test_a_removed_bitmap_is_not_there() -> None:
    options = Options(design="postcopy", bounds=evolve(SMALL, edits=1))
    _, destination = shown_after(
        options,
        *(*SWITCHED, "send_postcopy_run", "dirty_bitmap_load_start"),
        *("loadvm_run", "dirty_bitmap_mig_before_vm_start", "vm_start"),
        *("send_bitmap_bits", "send_bitmap_complete"),
        *("dirty_bitmap_load_bits", "dirty_bitmap_load_complete_reclaim"),
        "destination_remove",
    )
    assert dict(destination.queries)["query-block"] == "no bitmap of that name"


def test_both_bitmaps_are_shown(
    found: dict[str, tuple[Machine, Trace]],
) -> None:
    machine, trace = found["second"]
    _, destination = status_at_end(machine, trace)
    assert destination.queries[2:] == (
        ("query-block", "first: recording true, busy false, count 1"),
        ("", "second: recording true, busy false, count 0"),
    )
    text = " ".join(mail(machine, trace).split())
    assert "two bitmaps of it, known by their names" in text
    source, _ = status_at_end(*found["names"])
    assert source.queries[3][1].startswith("second: recording false")
    text = " ".join(mail(*found["names"]).split())
    assert "the second is disabled and records nothing" in text


def test_a_property_of_the_models_own_books() -> None:
    options = Options(design="postcopy", bounds=SMALL)
    machine = build(options)
    books = next(
        p for p in machine.properties if p.kind == "always" and not p.guarantee
    )
    trace = Trace(options, books.name, machine.initials[0], ())
    text = " ".join(mail(machine, trace).split())
    assert f"Broken: {books.name}: {books.doc} After the last step" in text
    assert "For a backup nothing follows at once" in text


def test_what_was_chosen_is_told() -> None:
    options = Options(
        design="stop-copy",
        busy_bitmap="fail",
        bounds=Bounds(chunks=2, in_flight=2, edits="unlimited"),
        failures=Failures(backup_fails=2),
    )
    assert dict(in_words(options)) == {
        "design": in_words(options)[0][1],
        "disk": "2 chunks of 1 granule each, on storage that both hosts reach",
        "channel": "at most 2 messages in flight",
        "guest": (
            "writes any granule, as often as it likes, at most 2 writes at a "
            "time"
        ),
        "user": (
            "any number of edits: merges bits in or clears the bitmap on the "
            "source, removes it on the destination"
        ),
        "failures": "at most 2 failures of backup jobs on the source",
        "setup": (
            "a bitmap that a backup job holds fails the migration (as QEMU "
            "does)"
        ),
        "switchover": (
            "the VM stops with at most 1 chunk pending; while it runs, the "
            "whole bitmap is"
        ),
    }


def test_every_choice_has_words() -> None:
    for design in DESIGNS:
        for policy in BUSY_POLICIES:
            told = dict(in_words(Options(design=design, busy_bitmap=policy)))
            assert told["design"].startswith(f"{design}: ")
            assert len(told["setup"]) > 20
    assert set(BITMAPS_IN_WORDS) == set(BITMAPS)
    for name in Failures.names():
        failures = Failures(**{name: 1})
        assert failures_in_words(failures).startswith("at most 1 ")


def test_a_variant_that_was_built_says_so() -> None:
    _, lacks = AS_BUILT["postcopy"]
    options = Options(
        design="postcopy",
        bounds=SMALL,
        without=lacks,
        failures=Failures(refuse=1),
    )
    prop = "BitmapTroubleFailsNoMigration"
    trace = shortest_violation(options, prop, interpret, Limits())
    assert trace is not None
    text = " ".join(mail(build(options), trace).split())
    said = "this is the design as built in 10.0 and 11.1, with a return path"
    assert f"on purpose: {said}" in text
    chosen = Options(design="postcopy", bounds=SMALL, busy_bitmap="fail")
    trace = shortest_violation(chosen, prop, interpret, Limits())
    assert trace is not None
    text = " ".join(mail(build(chosen), trace).split())
    assert "A defect of this variant. At setup it was chosen that" in text
