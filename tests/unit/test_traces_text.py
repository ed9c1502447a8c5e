# SPDX-License-Identifier: GPL-2.0-or-later
"""Traces as text: at most 72 columns, and what a reader looks for."""

import random

import pytest
from attrs import evolve

from checker.check import check
from checker.configuration import Configuration
from checker.engines.exploration import Limits
from checker.engines.interpreter import interpret, successors
from checker.traces.changes import Change, changes_along
from checker.traces.explain import explain
from checker.traces.lines import (
    UNBROKEN,
    WIDTH,
    command_lines,
    listed,
    wrapped,
)
from checker.traces.mail import Label, mail_block
from checker.traces.messages import Traffic, traffic_along
from checker.traces.minimise import shortest_violation
from checker.traces.replay import replay
from checker.traces.sequence import render_sequence
from checker.traces.shortest import move_of
from checker.traces.status import Status, status_at_end
from checker.traces.table import render_states, render_table
from checker.traces.trace import Trace
from checker.traces.wording import failures_in_words, in_words
from checker.verdict import CONFORMANCE, DEADLOCK
from model.designs import build
from model.language import Machine
from model.mechanisms import AS_BUILT, DESIGNS, mechanisms_of
from model.options import BUSY_POLICIES, Bounds, Failures, Options

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
    "backup": (
        variant("live", "drain-before-backup"),
        "BackupChainRestoresDisk",
    ),
}


@pytest.fixture(scope="module")
def found() -> dict[str, tuple[Machine, Trace]]:
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
    return mail_block(
        machine,
        trace,
        reproduce="dbmcheck cite something --without a-long-word " * 3,
        complete="dbmcheck check " + "long/" * 40,
        states=123456789,
        transitions=987654321,
    )


FORMS = {
    "table": render_table,
    "states": render_states,
    "sequence": render_sequence,
    "explain": explain,
    "mail": mail,
}


def assert_fits(text: str) -> None:
    for line in text.split("\n"):
        assert len(line) <= WIDTH, line
        assert line == line.rstrip(), repr(line)
        assert line.isascii(), line
    assert text.endswith("\n") and not text.endswith("\n\n")


@pytest.mark.parametrize("form", FORMS)
def test_72_columns_on_every_variant(
    found: dict[str, tuple[Machine, Trace]], form: str
) -> None:
    for machine, trace in found.values():
        assert_fits(FORMS[form](machine, trace))


def stroll(options: Options, steps: int, seed: int) -> tuple[Machine, Trace]:
    """A run that goes anywhere; what it claims to show is not looked at."""
    machine = build(options)
    chance = random.Random(seed)
    state, moves = machine.initials[0], []
    for _ in range(steps):
        ways = list(successors(machine, state))
        if not ways:
            break
        number, state = chance.choice(ways)
        moves.append(move_of(machine, number, state))
    name = next(p.name for p in machine.properties if p.kind == "always")
    return machine, Trace(options, name, machine.initials[0], tuple(moves))


@pytest.mark.parametrize("design", DESIGNS)
def test_72_columns_on_large_disks(design: str) -> None:
    options = Options(
        design=design,
        bounds=Bounds(chunks=4, granules=16, channel=16),
        failures=Failures(cut="unlimited", retry=1000, cancel=3, refuse=1),
        without=frozenset(m.name for m in mechanisms_of(design)[:4]),
    )
    for seed in range(2):
        machine, trace = stroll(options, 120, seed)
        for form in FORMS.values():
            assert_fits(form(machine, trace))


def test_every_form_works_without_any_step() -> None:
    machine, trace = stroll(Options(design="live"), 0, 0)
    for form in FORMS.values():
        assert_fits(form(machine, trace))


def test_the_same_trace_gives_the_same_text(
    found: dict[str, tuple[Machine, Trace]],
) -> None:
    machine, trace = found["successor"]
    for form in FORMS.values():
        assert form(machine, trace) == form(build(trace.options), trace)


def test_changes_are_what_differs(
    found: dict[str, tuple[Machine, Trace]],
) -> None:
    machine, trace = found["successor"]
    steps = changes_along(machine, trace)
    assert len(steps) == len(trace.moves)
    assert steps[0] == (
        Change("source.migration", "none", "setup", ghost=False),
        Change("link", "down", "up", ghost=False),
    )
    ghosts = {c.name for step in steps for c in step if c.ghost}
    assert ghosts == {"ghost_true_dirty", "ghost_arrived"}


def test_the_table_marks_ghosts_and_shows_nothing_else(
    found: dict[str, tuple[Machine, Trace]],
) -> None:
    machine, trace = found["successor"]
    text = render_table(machine, trace)
    assert "* ghost_true_dirty          {} -> {0}" in text
    assert "* ghost: what no host can see" in text
    assert "ghost_missed" not in text
    assert "successor" in render_states(machine, trace)
    assert "* ghost_missed" in render_states(machine, trace)


def flows(machine: Machine, trace: Trace, action: str) -> list[Traffic]:
    return [
        flow
        for move, step in zip(
            trace.moves, traffic_along(machine, trace), strict=True
        )
        for flow in step
        if move.action == action
    ]


def test_messages_are_sent_received_and_lost(
    found: dict[str, tuple[Machine, Trace]],
) -> None:
    machine, trace = found["nobody fences"]
    (sent,) = flows(machine, trace, "dirty_bitmap_save_setup")
    assert sent == Traffic("stream", sent=("START",))
    assert not flows(machine, trace, "channel_cut")  # it may still arrive
    (noticed,) = flows(machine, trace, "incoming_fails")
    assert "RUN" in noticed.lost and not noticed.received
    machine, trace = found["successor"]
    (loaded,) = flows(machine, trace, "dirty_bitmap_load_bits")
    assert loaded == Traffic("stream", received=("BITS(0: {})",))


def test_a_refusal_receives_the_message_it_refuses(
    found: dict[str, tuple[Machine, Trace]],
) -> None:
    machine, trace = found["refused"]
    (flow,) = flows(machine, trace, "dirty_bitmap_load_start_refused")
    assert flow.received == ("START",)


def rows(text: str, word: str) -> list[str]:
    return [line for line in text.split("\n") if word in line]


def test_the_chart_shows_arrows_losses_and_who_runs(
    found: dict[str, tuple[Machine, Trace]],
) -> None:
    chart = render_sequence(*found["successor"])
    assert rows(chart, "---")[0].startswith("   |" + " " * 24 + "#--- START")
    assert any(line.endswith("--- START -->|") for line in rows(chart, "---"))
    assert rows(chart, "guest: destination_write_data")
    assert rows(chart, "[true dirty {} -> {0}]")
    chart = render_sequence(*found["nobody fences"])
    assert rows(chart, "X X channel_cut(how=close) X X")
    assert rows(chart, "x RUN is lost x")
    both = render_sequence(*found["both run"]).split("\n")
    last = both[both.index("") - 1]
    assert last.count("#") == 2
    chart = render_sequence(*found["partial"])
    assert "X source_killed" in chart
    after = chart.split("\n")[
        chart.split("\n").index(rows(chart, "X source_killed")[0]) + 1
    ]
    assert after[28] == " "  # its lifeline has ended


def test_a_lasso_shows_where_it_starts_and_ends(
    found: dict[str, tuple[Machine, Trace]],
) -> None:
    machine, trace = found["never ends"]
    assert trace.loop is not None
    chart = render_sequence(machine, trace)
    assert "~~~ from here on, for ever ~~~" in chart
    assert f"~~~ and again from step {trace.loop + 1} ~~~" in chart
    assert "--- from here on, for ever ---" in render_table(machine, trace)
    text = explain(machine, trace)
    assert f"repeats steps {trace.loop + 1} to {len(trace.moves)}" in text
    assert len(rows(text, " for ever  ")) == len(trace.moves) - trace.loop + 1
    text = explain(*found["stays"])
    assert "no action that must happen is enabled there" in " ".join(
        text.split()
    )
    assert "and stays like this" in render_table(*found["stays"])


def test_explain_marks_the_step_that_breaks_it(
    found: dict[str, tuple[Machine, Trace]],
) -> None:
    machine, trace = found["successor"]
    text = explain(machine, trace)
    (violated,) = rows(text, "VIOLATED")
    assert violated.startswith(f"{len(trace.moves):3}  ")
    assert trace.moves[-1].label in violated
    (lost,) = rows(text, "dirty_bitmap_load_bits")
    assert "|>." in lost  # the conclusion turns false here
    assert f"Broken by step {len(trace.moves)}" in text
    assert "ghost_true_dirty = {0}" in text
    assert "destination.bits = {}" in text
    deadlock = explain(*found["nobody fences"])
    assert "  loadvm_run: next in stream is RUN" in deadlock


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
        "Broken: no missing bit",
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
        "query-migrate": "none yet: it waits for the backup job to end",
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
    assert "on purpose: this is the design as built, 5.2 to 11.1." in text
    chosen = Options(design="postcopy", bounds=SMALL, busy_bitmap="fail")
    trace = shortest_violation(chosen, prop, interpret, Limits())
    assert trace is not None
    text = " ".join(mail(build(chosen), trace).split())
    assert "A defect of this variant. At setup it was chosen that" in text


def test_lines_break_at_spaces_then_commas_then_anywhere() -> None:
    assert wrapped("aa bb cc", "> ", width=8) == ["> aa bb", "  cc"]
    assert wrapped("{1,2,3,4}", "> ", width=8) == ["> {1,2,", "  3,4}"]
    assert wrapped("abcdefghij", "> ", width=8) == ["> abcdef", "  ghij"]
    assert wrapped(f"a b{UNBROKEN}c", width=4) == ["a", "b c"]
    assert wrapped("", "> ") == [">"]
    assert listed([]) == "none"
    assert listed(list("abc"), shown=2) == "a, b and 1 more"


def test_a_command_stays_a_command() -> None:
    words = ["dbmcheck", *(f"--option-{n}" for n in range(20)), "x" * 200]
    lines = command_lines(" ".join(words))
    assert all(len(line) <= WIDTH for line in lines)
    joined = "\n".join(lines).replace("\\\n", "").split()
    assert joined == ["$", *words]
