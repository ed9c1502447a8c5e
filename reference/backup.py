# SPDX-License-Identifier: GPL-2.0-or-later
"""The backup client: it goes by what a query shows and by the name.

A full backup copies the disk and begins a bitmap; an incremental one copies
the granules whose bit is set and clears the bits.  A bitmap that is not there
any more was declared lost: the next backup has to be a full one.
"""

from __future__ import annotations

from reference.disk import Disk
from reference.errors import BitmapError, BusyError
from reference.host import Host, RunState

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
