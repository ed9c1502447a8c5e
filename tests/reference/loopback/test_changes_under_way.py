# SPDX-License-Identifier: GPL-2.0-or-later
"""A job or the user touches a bitmap while it migrates, or is about to.

Whatever the roles make of it: a migration that completes has lost no bit,
nobody ends a busy that is not his, and only documented errors come.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest

from reference.bitmap import DirtyBitmap
from reference.errors import BusyError, DirtyBitmapError
from reference.host import Host
from reference.loopback import Loopback
from reference.protocol.tables import Design, Phase
from reference.wire.return_path import (
    OtherMessage,
    ReturnMessage,
    Shut,
    encode_return,
)
from tests.reference.loopback.drive import (
    DESIGNS,
    Drive,
    content,
    every,
    loopback,
)

NAMES = ("drive0", "daily")
#: where the guest writes in the end, and in no bitmap before
WRITTEN = (40_000, 600)
GRANULES = set(range(78, 80))


def loses_no_bit(both: Loopback) -> None:
    """To the end, or to an error that says that the migration is none."""
    try:
        Drive(both).run()
    except DirtyBitmapError:
        assert both.source.phase is not Phase.COMPLETED
        return
    if both.source.phase is Phase.COMPLETED:
        arrived = every(both.destination_host).get(NAMES)
        if arrived is not None:
            assert all(arrived.bits.test(granule) for granule in GRANULES)


@pytest.mark.parametrize("design", DESIGNS)
def test_a_job_takes_the_bitmap_before_setup(design: Design) -> None:
    both = loopback(design)
    both.source_does("migrate")
    bitmap = every(both.source_host)[NAMES]
    bitmap.create_successor()
    bitmap.record(*WRITTEN)
    loses_no_bit(both)
    assert bitmap.successor is not None
    assert bitmap.busy, "it is the job's, not the migration's"


def test_a_job_takes_the_bitmap_of_a_live_migration() -> None:
    """Live marks nothing busy, so a job may come; its child records then."""
    both = loopback(Design.LIVE)
    Drive(both).until(Phase.ACTIVE)
    bitmap = every(both.source_host)[NAMES]
    bitmap.create_successor()
    bitmap.record(*WRITTEN)
    loses_no_bit(both)


def test_cancelled_live_migration_leaves_the_job_its_bitmap() -> None:
    both = loopback(Design.LIVE)
    Drive(both).until(Phase.ACTIVE)
    bitmap = every(both.source_host)[NAMES]
    bitmap.create_successor()
    both.source_does("migrate_cancel")
    Drive(both).run()
    assert bitmap.busy
    assert bitmap.meta is None
    assert not bitmap.skip_store


def removed(host: Host) -> None:
    host.remove_bitmap(*NAMES)


def replaced(host: Host) -> None:
    """As X08: another bitmap of the same name."""
    host.remove_bitmap(*NAMES)
    bitmap = host.add_bitmap(*NAMES, 512)
    bitmap.record(*WRITTEN)


@pytest.mark.parametrize("change", [removed, replaced])
@pytest.mark.parametrize("steps", [0, 10, 23])
def test_the_user_touches_the_bitmap_of_a_live_migration(
    change: Callable[[Host], None], steps: int
) -> None:
    both = loopback(Design.LIVE)
    drive = Drive(both)
    drive.until(Phase.ACTIVE)
    for _ in range(steps):
        drive.step()
    assert both.source.phase is Phase.ACTIVE
    # it may be refused, as busy
    with contextlib.suppress(BusyError):
        change(both.source_host)
    loses_no_bit(both)


@pytest.mark.parametrize("design", [Design.POSTCOPY, Design.STOP_COPY])
@pytest.mark.parametrize(
    "change",
    [
        DirtyBitmap.clear,
        DirtyBitmap.enable,
        DirtyBitmap.disable,
        DirtyBitmap.create_successor,
    ],
)
def test_a_busy_bitmap_cannot_be_touched(
    design: Design, change: Callable[[DirtyBitmap], None]
) -> None:
    both = loopback(design)
    drive = Drive(both)
    drive.until(Phase.ACTIVE)
    before = content(both.source_host)
    bitmap = every(both.source_host)[NAMES]
    with pytest.raises(BusyError):
        change(bitmap)
    with pytest.raises(BusyError):
        removed(both.source_host)
    assert content(both.source_host) == before
    drive.run()
    assert content(both.destination_host) == before


@pytest.mark.parametrize("design", DESIGNS)
def test_a_bitmap_that_comes_later_stays(design: Design) -> None:
    both = loopback(design)
    Drive(both).until(Phase.ACTIVE)
    before = content(both.source_host)
    new = both.source_host.add_bitmap("tiny", "new")
    Drive(both).run()
    assert content(both.destination_host) == before
    assert not new.skip_store


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize(
    "reply", [Shut(0), Shut(1), OtherMessage(1, b"xx"), OtherMessage(7, b"")]
)
@pytest.mark.parametrize("phase", [Phase.ACTIVE, Phase.COMPLETED])
def test_bytes_of_the_peer_never_raise(
    design: Design, reply: ReturnMessage, phase: Phase
) -> None:
    """The destination may be broken, or one of QEMU's own."""
    both = loopback(design)
    Drive(both).until(phase)
    both.source.receive(encode_return(reply), both.source_host)
    assert both.source.phase in (phase, Phase.FAILED, Phase.IN_DOUBT)
