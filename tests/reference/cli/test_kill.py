# SPDX-License-Identifier: GPL-2.0-or-later
"""A process is killed or interrupted; then the files are looked at.

When is decided by how far a log has come, at random, not by a clock; where
that is in the migration differs from run to run, what must hold does not.
"""

from __future__ import annotations

import random
import signal
from pathlib import Path

import pytest

from tests.reference.cli.processes import (
    DESIGNS,
    Server,
    arrived,
    kept,
    little,
    make_bitmap,
    missing,
    source,
    start,
    wait_for_lines,
)

GUEST = ("--writes", "2000/s")
SLOW = ("--rate", "100K")


@DESIGNS
@pytest.mark.parametrize("victim", ["source", "destination"])
@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.full)])
def test_killed(design: str, victim: str, seed: int, tmp_path: Path) -> None:
    before = make_bitmap(tmp_path)
    file = (tmp_path / "b.json").read_bytes()
    server = Server.start(
        tmp_path,
        *("--once", "--design", design, *GUEST, "--write-count", 20),
    )
    sender = source(
        tmp_path,
        server.address,
        *("--design", design, *GUEST, *SLOW, "--seed", seed),
        *little(design, 2),
    )
    lines = random.Random(f"{design}{victim}{seed}").randrange(1, 60)
    wait_for_lines(tmp_path / "log", lines, sender)
    killed = sender if victim == "source" else server.running
    killed.signal(signal.SIGKILL)
    sent = sender.end()
    if victim == "source" and not (tmp_path / "log").read_text():
        # it has not even connected: nobody knows that it was there
        server.running.signal(signal.SIGINT)
    received = server.end()
    found = arrived(tmp_path)
    assert (tmp_path / "b.json").read_bytes() == file
    if found is not None:
        # a file is a whole bitmap, of which no write is missing
        assert missing(tmp_path, found, before, "here", "there") == 0
    if victim == "source":
        assert sent.code in (-signal.SIGKILL, 0)
        assert received.code in (0, 70, 72, 74)
        assert (found is not None) == (received.code in (0, 72))
        assert design == "postcopy-ones" or received.code != 72
    else:
        assert received.code in (-signal.SIGKILL, 0)
        assert sent.code in (0, 71, 74)
        rest = kept(tmp_path)
        assert (rest is not None) == (sent.code == 74)
        if rest is not None:
            assert found is None
            assert missing(tmp_path, rest, before, "here") == 0


def test_what_was_kept_is_migrated_after_all(tmp_path: Path) -> None:
    before = make_bitmap(tmp_path)
    server = Server.start(tmp_path, "--design", "live")
    sender = source(
        tmp_path,
        server.address,
        *("--design", "live", *GUEST, *SLOW, *little("live", 2)),
        *("--switchover-after", 1000),
    )
    wait_for_lines(tmp_path / "log", 40, sender)
    server.running.signal(signal.SIGKILL)
    server.end()
    assert sender.end().code == 74
    # the socket file of the dead process is in nobody's way
    server = Server.start(tmp_path)
    done = start(tmp_path, "send", "--to", "unix:s", "kept/d+b.json").end()
    assert (done.code, server.end().code) == (0, 0)
    found = arrived(tmp_path)
    assert found is not None
    assert missing(tmp_path, found, before, "here") == 0


def test_interrupted_while_nobody_comes(tmp_path: Path) -> None:
    server = Server.start(tmp_path)
    server.running.signal(signal.SIGINT)
    received = server.end()
    assert received.code == 130
    assert received.lines == []
    assert not (tmp_path / "s").exists()


@DESIGNS
def test_source_interrupted_before_the_switchover(
    design: str, tmp_path: Path
) -> None:
    before = make_bitmap(tmp_path)
    server = Server.start(tmp_path, "--once", "--design", design)
    sender = source(
        tmp_path,
        server.address,
        *("--design", design, *GUEST, "--switchover-after", 1000),
    )
    wait_for_lines(tmp_path / "log", 40, sender)
    sender.signal(signal.SIGINT)
    sent, received = sender.end(), server.end()
    assert (sent.code, received.code) == (130, 74)
    assert sent.lines == ["reference: TransportError: cancelled"]
    assert len(received.lines) == 1
    assert arrived(tmp_path) is None
    rest = kept(tmp_path)
    assert rest is not None
    assert missing(tmp_path, rest, before, "here") == 0
    assert '"migrate_cancel"' in (tmp_path / "log").read_text()


@pytest.mark.parametrize(
    ("design", "code", "verdict"),
    [("postcopy", 70, "lost"), ("postcopy-ones", 72, "kept, degraded")],
)
def test_source_interrupted_after_the_hand_over(
    design: str, code: int, verdict: str, tmp_path: Path
) -> None:
    before = make_bitmap(tmp_path)
    server = Server.start(tmp_path, "--design", design)
    sender = source(
        tmp_path, server.address, "--design", design, "--rate", "500"
    )
    wait_for_lines(tmp_path / "log", 7, sender)
    sender.signal(signal.SIGINT)
    sent, received = sender.end(), server.end()
    assert (sent.code, received.code) == (71, code)
    assert sent.shown["outcome"] == "in doubt, the destination may run"
    assert received.shown["bitmaps"][0]["verdict"] == verdict
    assert kept(tmp_path) is None
    found = arrived(tmp_path)
    assert (found is None) == (verdict == "lost")
    if found is not None:
        assert missing(tmp_path, found, before) == 0
        assert found.bits.count() > before.bits.count()


@pytest.mark.parametrize("design", ["live", "postcopy"])
def test_destination_interrupted(design: str, tmp_path: Path) -> None:
    before = make_bitmap(tmp_path)
    server = Server.start(tmp_path, "--design", design)
    sender = source(
        tmp_path,
        server.address,
        *("--design", design, *GUEST, "--switchover-after", 1000),
    )
    wait_for_lines(tmp_path / "log", 40, sender)
    server.running.signal(signal.SIGINT)
    sent, received = sender.end(), server.end()
    assert (sent.code, received.code) == (74, 130)
    assert arrived(tmp_path) is None
    rest = kept(tmp_path)
    assert rest is not None
    assert missing(tmp_path, rest, before, "here") == 0


def test_a_guest_is_interrupted_when_all_has_arrived(tmp_path: Path) -> None:
    before = make_bitmap(tmp_path)
    server = Server.start(
        tmp_path,
        *("--writes", "max", "--write-count", 10**9, "--log", "arrivals"),
    )
    sent = source(tmp_path, server.address).end()
    assert sent.code == 0
    wait_for_lines(tmp_path / "arrivals", 100, server.running)
    server.running.signal(signal.SIGINT)
    received = server.end()
    assert received.code == 130
    found = arrived(tmp_path)
    assert found is not None
    assert missing(tmp_path, found, before, "here", "there") == 0
