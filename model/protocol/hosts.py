# SPDX-License-Identifier: GPL-2.0-or-later
"""What each host holds, and what no host can see: every field, said once.

``survives`` says how long a field keeps its value: '' until the attempt is
over, 'attempt' (unless said) until the process ends, 'process' for ever; then
it is at its first value again, or as ``ended`` says.  ``of``: there is one for
each bitmap, or each node.  ``only``: it is there only in some configurations;
elsewhere it is a constant, its first value unless ``absent`` says another.
"""

from __future__ import annotations

from attrs import frozen

from model.language import (
    ChunkSet,
    Cursor,
    EnumValue,
    Flag,
    GranuleSet,
    chunks_field,
    cursor_field,
    enum_field,
    flag_field,
    granules_field,
)
from model.vocabulary import DestinationVm, Incoming, Name, Outgoing, SourceVm

#: what a design has two of where there are two bitmaps, or two nodes
BITMAP, NODE = "bitmap", "node"
#: the words without which some fields are not there
SEVERAL, APPEARS, LEFT_OUT = "several", "appears", "left-out"
FROZEN, ONES, EARLY = "frozen", "ones", "early"


@frozen(eq=False)
class Source:
    """The host that runs the guest at first."""

    vm: EnumValue[SourceVm] = enum_field(
        SourceVm.RUNNING, "the VM on the source", ended=SourceVm.GONE
    )
    migration: EnumValue[Outgoing] = enum_field(
        Outgoing.NONE, "the migration, as the source sees it"
    )
    in_flight: GranuleSet = granules_field(
        "granules of writes that are under way", of=NODE
    )
    bits: GranuleSet = granules_field(
        "the bitmap; it records while the VM runs and no job holds it",
        of=BITMAP,
    )
    has_bitmap: Flag = flag_field(
        "the bitmap is there", initial=True, ended=False, of=BITMAP
    )
    busy: Flag = flag_field(
        "the migration holds the bitmap, so no client may use it",
        survives="",
        of=BITMAP,
    )
    job: Flag = flag_field("a backup job holds the bitmap", of=BITMAP)
    successor: GranuleSet = granules_field(
        "what is recorded while a backup job holds the bitmap", of=BITMAP
    )
    frozen: Flag = flag_field(
        "the migration holds the bitmap frozen, and its successor records",
        survives="",
        of=BITMAP,
        only=FROZEN,
    )
    changed: ChunkSet = chunks_field(
        "chunks that have changed since they were sent",
        survives="",
        of=BITMAP,
        only=FROZEN,
    )
    cursor: Cursor = cursor_field(
        "the next chunk to send", survives="", of=BITMAP
    )
    left_out: Flag = flag_field(
        "this attempt goes without the bitmap", survives="", only=LEFT_OUT
    )
    # nothing asks this of a process that has ended, so it may stay
    found_none: Flag = flag_field(
        "an attempt of this process has found no bitmap",
        survives="process",
        only=APPEARS,
    )
    announced: Flag = flag_field(
        "START of this bitmap was sent", survives="", of=BITMAP, only=SEVERAL
    )
    completed: Flag = flag_field(
        "COMPLETE of this bitmap was sent",
        survives="",
        of=BITMAP,
        only=SEVERAL,
    )
    named: EnumValue[Name] = enum_field(
        Name.NONE, "the bitmap that the last message named", only=SEVERAL
    )


@frozen(eq=False)
class Destination:
    """The host that the VM moves to."""

    vm: EnumValue[DestinationVm] = enum_field(
        DestinationVm.INMIGRATE, "the VM on the destination"
    )
    bitmap: EnumValue[Incoming] = enum_field(
        Incoming.ABSENT, "how far the bitmap is loaded", of=BITMAP
    )
    in_flight: GranuleSet = granules_field(
        "granules of writes that are under way", of=NODE
    )
    bits: GranuleSet = granules_field(
        "the bitmap; the parent, where there is a successor", of=BITMAP
    )
    successor: GranuleSet = granules_field(
        "what the successor has recorded", of=BITMAP
    )
    degraded: Flag = flag_field(
        "the bitmap was kept although not all of it had come",
        of=BITMAP,
        only=ONES,
    )
    early: Flag = flag_field(
        "a chunk has come before RUN", of=BITMAP, only=EARLY
    )
    stream_ended: Flag = flag_field(
        "no more is read, by success or by failure"
    )
    named: EnumValue[Name] = enum_field(
        Name.NONE, "the bitmap that the last message named", only=SEVERAL
    )


@frozen(eq=False)
class Ghost:
    """What no host can see."""

    true_dirty: GranuleSet = granules_field(
        "granules that differ from the last backup, or were merged in",
        of=BITMAP,
    )
    since: GranuleSet = granules_field(
        "granules written or merged in since the backup job began", of=BITMAP
    )
    would_miss: GranuleSet = granules_field(
        "granules that the backup job should copy and does not", of=BITMAP
    )
    missed: GranuleSet = granules_field(
        "granules that a backup that succeeded has missed", of=BITMAP
    )
    missing: GranuleSet = granules_field(
        "granules of the chunks that have not come", of=BITMAP, only=ONES
    )
    faulted: Flag = flag_field(
        "there was a cut, a kill or a cancel in this attempt"
    )
    trouble: Flag = flag_field("there was a bitmap error in this attempt")
    arrived: Flag = flag_field(
        "COMPLETE was received in this attempt", of=BITMAP
    )
    killed: Flag = flag_field("some process was killed, ever")
    retried: Flag = flag_field("this is a further attempt")
    had: Flag = flag_field(
        "there was a bitmap when this attempt began",
        only=APPEARS,
        absent=True,
    )
