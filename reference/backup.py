# SPDX-License-Identifier: GPL-2.0-or-later
"""The backup client: it goes by what a query shows and by the name.

A full backup copies the disk and begins a bitmap; an incremental one copies
the granules whose bit is set and clears the bits.  It may be a job: from its
beginning to its end the bitmap is frozen and a successor records.  A bitmap
that is not there any more was declared lost: the next backup has to be a full
one.
"""

from __future__ import annotations

from reference.disk import Disk
from reference.errors import BitmapError, BusyError
from reference.host import Host, Job, RunState

COPY = 1 << 20  # bytes at a time


def check_full(host: Host, node: str) -> None:
    """Raise BitmapError if no backup of ``node`` can begin now."""
    if host.vm is not RunState.RUNNING:
        raise BitmapError(f"the VM is {host.vm.value}: no backup is taken")
    if any(write.node == node for write in host.in_flight):
        raise BusyError(f"node '{node}' has writes in flight: drain first")


def check_incremental(host: Host, node: str, name: str) -> None:
    """Raise BitmapError if no backup by this bitmap can begin now."""
    host.bitmap(node, name).check_free("backed up")
    check_full(host, node)


def _copy(disk: Disk, image: Disk, offset: int, length: int) -> None:
    end = offset + length
    while offset < end:
        part = min(COPY, end - offset)
        image.write(offset, disk.read(offset, part))
        offset += part


def incremental_backup(
    host: Host, node: str, name: str, disk: Disk, image: Disk
) -> list[tuple[int, int]]:
    """Copy what is dirty into ``image``, then clear the bits.

    Returns what was copied, as (offset, length) in bytes.  Raises
    UnknownBitmapError if the bitmap is not there, BusyError if it is busy or
    a write is in flight, InconsistentError if its content is lost.
    QEMU: blockdev-backup with sync=incremental.
    """
    check_incremental(host, node, name)
    bitmap = host.bitmap(node, name)
    ranges = bitmap.dirty_ranges()
    for offset, length in ranges:
        _copy(disk, image, offset, length)
    bitmap.clear()
    return ranges


def begin_incremental(
    host: Host, node: str, name: str, disk: Disk, image: Disk
) -> tuple[Job, list[tuple[int, int]]]:
    """Begin a job: what is dirty now is copied as it is now.

    Until the job ends a successor records.  Returns the job, and what was
    copied.  Raises as ``incremental_backup`` does.
    QEMU: bdrv_dirty_bitmap_create_successor().
    """
    check_incremental(host, node, name)
    bitmap = host.bitmap(node, name)
    ranges = bitmap.dirty_ranges()
    for offset, length in ranges:
        _copy(disk, image, offset, length)
    bitmap.create_successor()
    job = Job(node, name)
    host.jobs.append(job)
    return job, ranges


def comes_further(host: Host) -> bool:
    """Whether jobs may end now: not on a disk that is inactive."""
    return host.vm in (RunState.RUNNING, RunState.STOPPING)


def job_succeeds(host: Host, job: Job) -> None:
    """The image counts: the successor takes the bitmap's place.

    QEMU: bdrv_dirty_bitmap_abdicate().
    """
    _end(host, job)
    bitmaps = host.node(job.node).bitmaps
    bitmaps[job.name] = bitmaps[job.name].abdicate()


def job_fails(host: Host, job: Job) -> None:
    """The image is of no use: the successor's bits are merged back.

    QEMU: bdrv_reclaim_dirty_bitmap().
    """
    _end(host, job)
    host.bitmap(job.node, job.name).reclaim()


def _end(host: Host, job: Job) -> None:
    if not comes_further(host):
        raise BitmapError(f"the VM is {host.vm.value}: no job comes further")
    host.jobs.remove(job)


def full_backup_anew(
    host: Host, node: str, name: str, disk: Disk, image: Disk
) -> None:
    """Clear a bitmap that is there and copy the whole disk.

    Raises BitmapError if the bitmap is not free, the VM does not run or a
    write is in flight.  QEMU: a transaction of block-dirty-bitmap-clear and
    blockdev-backup with sync=full.
    """
    check_incremental(host, node, name)
    host.bitmap(node, name).clear()
    _copy(disk, image, 0, host.node(node).size)


def full_backup(
    host: Host,
    node: str,
    name: str,
    granularity: int,
    disk: Disk,
    image: Disk,
) -> None:
    """Copy the disk into ``image`` and begin a bitmap of that name.

    Raises BitmapError if the name is taken.  QEMU: a transaction of
    block-dirty-bitmap-add and blockdev-backup with sync=full.
    """
    check_full(host, node)
    host.add_bitmap(node, name, granularity)
    _copy(disk, image, 0, host.node(node).size)
