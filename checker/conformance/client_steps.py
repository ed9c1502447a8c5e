# SPDX-License-Identifier: GPL-2.0-or-later
"""The model's guest and backup client as calls on the real code.

What ``steps`` is for the protocol.  The truth about the disk is kept by the
rig's observer: the reference's backup copies what the bitmap says, and the
observer notes what that was.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from checker.conformance.rig import (
    BITMAP,
    GRANULARITY,
    NODE,
    Copied,
    Image,
    Rig,
    Stands,
)
from reference.backup import (
    begin_incremental,
    check_full,
    check_incremental,
    comes_further,
    full_backup,
    full_backup_anew,
    incremental_backup,
    job_fails,
    job_succeeds,
)
from reference.bitmap import DirtyBitmap
from reference.errors import BitmapError
from reference.host import Host, RunState


@frozen
class Step:
    """Whether the reference would, and how it does.

    Both take the number of the action's argument, -1 if it has none.
    """

    ask: Callable[[Rig, int], bool]
    do: Callable[[Rig, int], object]


HostOf = Callable[[Rig], Host]


def _source(rig: Rig) -> Host:
    return rig.loopback.source_host


def _destination(rig: Rig) -> Host:
    return rig.loopback.destination_host


# -- the guest ---------------------------------------------------------------


def _in_flight(rig: Rig, host: Host, granule: int) -> bool:
    offset = rig.observer.shape.offset(granule)
    return any(write.offset == offset for write in host.in_flight)


def _may_write(rig: Rig, host: Host, granule: int) -> bool:
    # how many are in flight is up to the guest
    room = len(host.in_flight) < rig.writes
    return (
        host.may_write and room and not _in_flight(rig, host, granule)
    )


def _begin(rig: Rig, host: Host, granule: int) -> None:
    offset = rig.observer.shape.offset(granule)
    host.begin_write(rig.observer, NODE, offset, b"x")


def _finish(rig: Rig, host: Host, granule: int) -> None:
    offset = rig.observer.shape.offset(granule)
    for write in list(host.in_flight):
        if write.offset == offset:
            host.finish_write(write)


def _guest(side: str, host: HostOf) -> dict[str, Step]:
    return {
        f"{side}_write_data": Step(
            lambda rig, granule: _may_write(rig, host(rig), granule),
            lambda rig, granule: _begin(rig, host(rig), granule),
        ),
        f"{side}_set_dirty": Step(
            lambda rig, granule: _in_flight(rig, host(rig), granule),
            lambda rig, granule: _finish(rig, host(rig), granule),
        ),
    }


# -- the client on the source ------------------------------------------------


def _allowed(check: Callable[[], object]) -> bool:
    try:
        check()
    except BitmapError:
        return False
    return True


def _usable(host: Host) -> bool:
    """What a query shows: there, not busy, and the VM runs."""
    running = host.vm is RunState.RUNNING
    return running and _allowed(
        lambda: host.bitmap(NODE, BITMAP).check_free("used")
    )


def _job_may_begin(rig: Rig, _: int) -> bool:
    host = _source(rig)
    return rig.loopback.source.lets_job_begin(host) and _allowed(
        lambda: check_incremental(host, NODE, BITMAP)
    )


def _job_begins(rig: Rig, _: int) -> None:
    observer = rig.observer
    # what is copied counts only when the job succeeds
    before = list(observer.differs)
    image = Image(observer)
    _, ranges = begin_incremental(_source(rig), NODE, BITMAP, observer, image)
    copied = observer.shape.granules_of(ranges)
    missing = sorted({*before} - copied)
    observer.differs = before
    observer.job = Copied(sorted(copied), missing)


def _job_may_end(rig: Rig, _: int) -> bool:
    host = _source(rig)
    return bool(host.jobs) and comes_further(host)


def _job_succeeds(rig: Rig, _: int) -> None:
    observer, host = rig.observer, _source(rig)
    job_succeeds(host, host.jobs[0])
    made, observer.job = observer.job, None
    assert made is not None
    left = {*observer.differs} - {*made.granules}
    observer.differs = sorted({*left, *made.since})
    observer.misses(made.would_miss)


def _job_fails(rig: Rig, _: int) -> None:
    host = _source(rig)
    job_fails(host, host.jobs[0])
    rig.observer.job = None


def _merges(rig: Rig, granule: int) -> None:
    host, observer = _source(rig), rig.observer
    other = DirtyBitmap.create("other", host.node(NODE).size, GRANULARITY)
    other.record(observer.shape.offset(granule), 1)
    host.bitmap(NODE, BITMAP).merge(other)
    # the user counts as dirty what was merged
    observer.differs = sorted({*observer.differs, granule})


def _clears(rig: Rig, _: int) -> None:
    observer = rig.observer
    image = Image(observer)
    full_backup_anew(_source(rig), NODE, BITMAP, observer, image)


# -- the client on the destination -------------------------------------------


def _backs_up(rig: Rig, _: int) -> None:
    observer = rig.observer
    before = {*observer.differs}
    copied = incremental_backup(
        _destination(rig), NODE, BITMAP, observer, Image(observer)
    )
    observer.misses(before - observer.shape.granules_of(copied))


def _removes(rig: Rig, _: int) -> None:
    _destination(rig).remove_bitmap(NODE, BITMAP)
    rig.observer.stands = Stands.REMOVED


def _is_lost(rig: Rig, _: int) -> bool:
    # the client: a bitmap is lost when nothing can bring it any more
    host, core = _destination(rig), rig.loopback.destination
    if not core.ended or host.has_bitmap(NODE, BITMAP):
        return False
    return _allowed(lambda: check_full(host, NODE))


def _full_backup(rig: Rig, _: int) -> None:
    observer = rig.observer
    image = Image(observer)
    host = _destination(rig)
    full_backup(host, NODE, BITMAP, GRANULARITY, observer, image)
    observer.stands = Stands.ANEW


CLIENT_STEPS = {
    **_guest("source", _source),
    **_guest("destination", _destination),
    "source_backup_begins": Step(_job_may_begin, _job_begins),
    "source_backup_succeeds": Step(_job_may_end, _job_succeeds),
    "source_backup_fails": Step(_job_may_end, _job_fails),
    "source_merge": Step(lambda rig, _: _usable(_source(rig)), _merges),
    "source_clear": Step(
        lambda rig, _: _allowed(
            lambda: check_incremental(_source(rig), NODE, BITMAP)
        ),
        _clears,
    ),
    "destination_backup": Step(
        lambda rig, _: _allowed(
            lambda: check_incremental(_destination(rig), NODE, BITMAP)
        ),
        _backs_up,
    ),
    "destination_remove": Step(
        lambda rig, _: _usable(_destination(rig)), _removes
    ),
    "destination_full_backup": Step(_is_lost, _full_backup),
}
