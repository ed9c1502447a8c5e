# SPDX-License-Identifier: GPL-2.0-or-later
"""The mail: what reviewers expect, and words that are true."""

import re
import subprocess
from email.message import Message
from pathlib import Path

import pytest
from attrs import evolve

from checker.checking.minimise import shortest_violation
from checker.citing.glossary import TERMS, glossary
from checker.citing.mail import Label, mail_block
from checker.citing.provenance import provenance
from checker.citing.sequence import render_sequence
from checker.citing.short_mail import MOST, short_mail
from checker.citing.status import Status, status_at_end
from checker.citing.wording import (
    BITMAPS_IN_WORDS,
    HISTORY,
    RECORDS_ITSELF,
    failures_in_words,
    history,
    in_words,
)
from checker.engines.exploration import Limits
from checker.engines.interpreter import interpret
from checker.engines.verdict import CONFORMANCE
from checker.traces.replay import replay
from checker.traces.trace import Trace
from model.design import AS_BUILT, DESIGNS, RUN_FIRST
from model.designs import build
from model.language import Machine
from model.mechanisms import (
    MECHANISMS,
)
from model.options import BITMAPS, BUSY_POLICIES, Bounds, Failures, Options
from model.vocabulary import Incoming
from tests.command import ROOT, too_wide
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
        "History of 'clear-meta-before-read': QEMU lacked it until 2.10 and "
        "2.12 (bug B03 in model/docs/history.md).",
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


@pytest.mark.parametrize("design", RUN_FIRST)
def test_after_run_a_break_ends_postcopy(design: str) -> None:
    options = Options(design=design, bounds=SMALL, failures=Failures(cut=1))
    running = [
        *(*SWITCHED, "send_postcopy_run", "dirty_bitmap_load_start"),
        *("loadvm_run", "dirty_bitmap_mig_before_vm_start", "vm_start"),
    ]
    broken = ["channel_cut(how=close)", "dirty_bitmap_mig_cancel_incoming"]
    source, before = shown_after(options, *running)
    _, after = shown_after(options, *running, *broken)
    assert dict(source.queries)["query-migrate"] == "postcopy-active"
    assert dict(before.queries)["query-migrate"] == "postcopy-active"
    assert dict(after.queries)["query-migrate"] == "completed"
    kept = "count 1, degraded true (no QEMU has this)"
    bitmap = dict(after.queries)["query-block"]
    assert bitmap.endswith(kept if design != "postcopy" else "of that name")


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
    said = (
        "this is the design as built in 10.0 (11.1: with separate storage), "
        "with a return path"
    )
    assert f"on purpose: {said}" in text
    chosen = Options(design="postcopy", bounds=SMALL, busy_bitmap="fail")
    trace = shortest_violation(chosen, prop, interpret, Limits())
    assert trace is not None
    text = " ".join(mail(build(chosen), trace).split())
    assert "A defect of this variant. At setup it was chosen that" in text


# -- what explains the mail --------------------------------------------------


def test_no_code_of_a_bug_stands_alone() -> None:
    """Each is one of the history, and the mail says where that is."""
    pages = (ROOT / HISTORY).read_text("utf-8")
    seen = 0
    for mechanism in MECHANISMS:
        said = history(mechanism)
        for code in re.findall(r"\b[BX]\d\d\b", said):
            assert f"bug {code} in {HISTORY}" in said
            assert f"## {code}\n" in pages
            seen += 1
    assert seen > 5


def test_where_there_is_no_successor_there_is_no_word_of_one(
    found: dict[str, tuple[Machine, Trace]],
) -> None:
    machine, trace = found["successor"]
    text = mail(machine, trace)
    assert Incoming.SUCCESSOR.value not in text and RECORDS_ITSELF in text
    chart = render_sequence(machine, trace)
    assert Incoming.SUCCESSOR.value not in chart and RECORDS_ITSELF in chart
    text = mail(*found["both run"])
    assert Incoming.SUCCESSOR.value in text and RECORDS_ITSELF not in text


def test_terms_are_explained_where_they_occur(
    found: dict[str, tuple[Machine, Trace]],
) -> None:
    pages = (ROOT / "model" / "docs" / "glossary.md").read_text("utf-8")
    for term in TERMS:
        assert f"* **{term}**:" in pages, term
    assert glossary("a granule") == "Terms: granule: what one bit stands for."
    assert glossary("nothing of it, not even a granular RUNNING VM") == ""
    assert "meta bitmap:" in mail(*found["read first"])
    assert "meta bitmap:" not in mail(*found["both run"])


def test_a_short_mail_is_short(
    found: dict[str, tuple[Machine, Trace]],
) -> None:
    command = "dbmcheck cite something --without a-long-word " * 4
    for name, (machine, trace) in found.items():
        text = short_mail(machine, trace, reproduce=command, needs="a.toml")
        assert len(text.splitlines()) <= MOST, name
        assert not too_wide(text), name
        assert trace.id in text and "a.toml" in text


def test_where_the_middle_of_a_long_run_is_left_out(
    found: dict[str, tuple[Machine, Trace]],
) -> None:
    machine, trace = found["both run"]
    longer = evolve(trace, moves=trace.moves * 9)
    text = short_mail(machine, longer, reproduce="dbmcheck cite it")
    assert len(text.splitlines()) <= MOST and "; ...; " in text


# -- which dbmcheck it is ----------------------------------------------------


class Installed:
    """A distribution of a version in a folder."""

    version = "9.9"

    def __init__(self, folder: Path, noted: str | None, *urls: str) -> None:
        self.folder, self.noted = folder, noted
        self.metadata = Message()
        for url in urls:
            self.metadata["Project-URL"] = url

    def read_text(self, _: str) -> str | None:
        return self.noted

    def locate_file(self, _: str) -> Path:
        return self.folder


NOTED = '{"url": "x", "vcs_info": {"vcs": "git", "commit_id": "COMMIT"}}'
HASH = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("noted", "urls", "said"),
    [
        (None, (), "dbmcheck 9.9"),
        ('{"url": "x", "dir_info": {}}', (), "dbmcheck 9.9"),
        ("not JSON", (), "dbmcheck 9.9"),
        (NOTED, (), "dbmcheck 9.9, commit 0123456789ab"),
        (
            NOTED,
            ("Issues, https://a.example", "Repository, https://b.example"),
            "dbmcheck 9.9, commit 0123456789ab, https://b.example",
        ),
    ],
)
def test_which_dbmcheck_it_is(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    noted: str | None,
    urls: tuple[str, ...],
    said: str,
) -> None:
    noted = noted and noted.replace("COMMIT", HASH)
    installed = Installed(tmp_path, noted, *urls)
    monkeypatch.setattr(
        "checker.citing.provenance.distribution", lambda _: installed
    )
    assert str(provenance(tmp_path)) == said
    # what is installed elsewhere is not what runs
    assert "commit" not in str(provenance(tmp_path / "elsewhere"))


def test_the_commit_of_a_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = Installed(tmp_path, NOTED)
    monkeypatch.setattr(
        "checker.citing.provenance.distribution", lambda _: installed
    )

    def git(*words: str) -> str:
        whom = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        return subprocess.run(
            ["git", "-C", str(tmp_path), *whom, *words],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()

    git("init", "--quiet")
    (tmp_path / "file").write_text("a")
    git("add", "file")
    git("commit", "--quiet", "--message", "one")
    head = git("rev-parse", "HEAD")[:12]
    assert str(provenance(tmp_path)) == f"dbmcheck 9.9, commit {head}"
    (tmp_path / "file").write_text("b")
    assert str(provenance(tmp_path)).endswith(f"{head} with changes")
