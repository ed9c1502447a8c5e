# SPDX-License-Identifier: GPL-2.0-or-later
"""Does the backup chain restore the disk, with real QEMU?"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from checker.qemu.campaign.known import shipped
from checker.qemu.harness.binary import Build
from checker.qemu.random.adapter import QemuAdapter
from checker.qemu.random.guest_pair import DISKS
from checker.qemu.random.run import (
    SHRINK_LIMIT,
    Outcome,
    Plan,
    search,
)
from checker.stateful.adapter import Side
from checker.stateful.promise import BrokenGuaranteeError
from tests.qemu.broken_qemu import BROKEN

KEY = ("drive0", "bitmap0")
Search = Callable[..., Outcome]


@pytest.fixture
def searched(
    build: Build,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Search:
    """Searches, and sees to it that nothing is left."""
    work = tmp_path_factory.mktemp("w")
    monkeypatch.setattr("tempfile.tempdir", str(work))

    def run(
        *plan: int,
        driven: Callable[[Build], QemuAdapter] = QemuAdapter,
        limit: float = SHRINK_LIMIT,
    ) -> Outcome:
        said: list[str] = []
        outcome = search(
            *(build, Plan(*plan), shipped(), said.append, limit, driven)
        )
        assert not list(work.iterdir())
        assert said and said[0].startswith(f"0 of {plan[1]} runs; ")
        assert not processes_in(work)
        return outcome

    return run


def processes_in(work: Path) -> list[str]:
    """The command lines that speak of files there."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode(errors="replace")
        except OSError:
            continue
        if str(work) in words and "qemu" in words:
            found.append(words)
    return found


def test_the_same_seed_does_the_same(searched: Search) -> None:
    one, other = searched(7, 5, 20), searched(7, 5, 20)
    assert one.new is None and not one.stopped, one.new
    assert one.digest == other.digest
    assert one.seen == other.seen and one.taken == other.taken
    assert one.runs == 5 and one.seen["postcopy completed"]
    third = searched(8, 5, 20)
    assert third.digest != one.digest


@pytest.mark.parametrize("guarantee", BROKEN)
def test_what_is_broken_is_found(guarantee: str, searched: Search) -> None:
    one, other = (
        searched(1, 60, 20, driven=BROKEN[guarantee], limit=0.0)
        for _ in range(2)
    )
    assert one.new is not None and one.new == other.new == one.first
    assert one.new.violation.guarantee == guarantee
    assert len(one.new.sides) == 2
    # there was no time to look for a shorter run
    assert not one.shrunk and not one.stopped and not one.tries
    assert one.digest == other.digest and one.seen == other.seen


@pytest.mark.parametrize("design", ["postcopy", "stop-copy"])
@pytest.mark.parametrize("without", [True, False])
def test_left_out(design: str, without: bool, build: Build) -> None:
    """QEMU leaves bitmaps out after an attempt that had none."""
    name = "bitmaps-left-out-after-an-attempt-without-any"
    (known,) = (entry for entry in shipped() if entry.id == name)
    driven = QemuAdapter(build)
    try:
        driven.reset(design)
        if without:
            driven.begin_migration(design)
            driven.cancel()
            driven.settle()
            driven.renew()
        driven.full_backup(KEY, 512, bytearray(DISKS[KEY[0]]))
        if without and known.covers(build):
            text = "^S5: the source has bitmaps and announces none$"
            with pytest.raises(BrokenGuaranteeError, match=text):
                driven.begin_migration(design)
            return
        driven.begin_migration(design)
        driven.settle()
        assert KEY in driven.query(Side.DESTINATION).bitmaps
    finally:
        driven.end()


@pytest.mark.slow
@pytest.mark.parametrize("guarantee", BROKEN)
def test_it_is_made_shorter(guarantee: str, searched: Search) -> None:
    one, other = (
        searched(1, 60, 20, driven=BROKEN[guarantee], limit=600.0)
        for _ in range(2)
    )
    assert one.new is not None and one.first is not None
    assert one.new.violation.guarantee == guarantee
    assert len(one.new.steps) <= min(4, len(one.first.steps))
    assert one.again and one.shrunk and one.tries
    # the same run, made shorter in the same way
    assert one.new == other.new and one.tries == other.tries
    assert one.digest == other.digest


@pytest.mark.slow
def test_backup_chain_restores_the_disk_for_long(searched: Search) -> None:
    seed = random.randrange(2**32)
    outcome = searched(seed, 150, 50)
    assert outcome.new is None, (seed, outcome.new)
    assert not outcome.stopped and not outcome.missing, (seed, outcome)
