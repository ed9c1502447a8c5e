# SPDX-License-Identifier: GPL-2.0-or-later
"""The safety devices of the designs, by name.

Each can be taken out (``--without NAME``).  What is left is a variant: a
design with a known hole, often one that QEMU really had.  A mechanism whose
removal breaks nothing is redundant *here*, and ``redundant`` says why.
"""

from __future__ import annotations

from model.design import (
    DESIGNS,
    DROP,
    LIVE,
    MIGRATE,
    POSTCOPY,
    POSTCOPY_ONES,
    SEVERAL,
    STOP_COPY,
    STOP_COPY_BULK,
)
from model.mechanism import (
    APPEARS,
    COVERED_BY_DRAIN,
    ERROR_FAILS,
    NOT_SENT,
    ONE_BITMAP,
    SENT_BY_THEN,
    Mechanism,
)
from model.mechanisms_loading import (
    BUSY_UNTIL_COMPLETE,
    CHUNK_ORDER,
    CHUNK_OVERWRITES,
    CHUNKS_AFTER_START,
    CHUNKS_BEFORE_COMPLETE,
    CHUNKS_BEFORE_RUN,
    DROP_ON_FAILURE,
    EARLY_CHUNKS_DROP,
    ERROR_DROPS_BITMAP,
    ERROR_FAILS_MIGRATION,
    KEEP_ON_BREAK,
    MARK_DEGRADED,
    ONES_FIRST,
    RECLAIM_ATOMIC,
    RECLAIM_UNION,
    SUCCESSOR,
)
from model.mechanisms_sending import (
    BITS_AFTER_STOP,
    CHANGED_AFTER_DRAIN,
    CHANGED_BEFORE_COMPLETE,
    CLEAR_META_BEFORE_READ,
    EVERY_CHUNK_SENT,
    FREEZE_AT_SETUP,
    LAST_PASS_STOPPED,
    META_BITMAP,
    META_SEES_CLEAR,
    META_SEES_MERGE,
    RECLAIM_AT_STOP,
    RECLAIM_ON_FAILURE,
    STOP_WAITS_FOR_JOB,
)

DRAIN_AT_STOP = Mechanism(
    "drain-at-stop",
    MIGRATE,
    "S1",
    "In-flight writes end before the VM counts as stopped. Without it a "
    "write sets its bit on the source after its chunk was sent.",
    assumes="the block layer drains writes before the VM counts as "
    "stopped and before a backup starts",
)
WRITERS_END_AT_STOP = Mechanism(
    "writers-end-at-stop",
    MIGRATE,
    "S1",
    "Writers that are not the guest (exports, block jobs) write no more "
    "once the VM counts as stopped. Without it their bits are set on the "
    "source after their chunk was sent.",
    assumes="no export and no block job writes to the source's disk "
    "after the VM has stopped",
)
DRAIN_BEFORE_BACKUP = Mechanism(
    "drain-before-backup",
    DESIGNS,
    "S1",
    "In-flight writes end before a backup starts. Without it the backup "
    "misses a write whose data are on the disk and whose bit is not set.",
)
BIT_AFTER_DATA = Mechanism(
    "bit-after-data",
    DESIGNS,
    "S1",
    "The bit is set after the data has reached the disk. Without it a "
    "backup may clear the bit before the data arrives.",
    history="B02, fixed in 2.7",
    redundant=tuple((d, COVERED_BY_DRAIN) for d in DESIGNS),
)
BIT_BEFORE_ACK = Mechanism(
    "bit-before-ack",
    DESIGNS,
    "S1",
    "A write counts as in flight until its bit is set. Without it a "
    "drain does not wait for the bit.",
    assumes="a write is not acknowledged before its bit is set",
)
SOURCE_KEEPS_BITMAP = Mechanism(
    "source-keeps-bitmap",
    DESIGNS,
    "S5",
    "The source keeps its bitmap until it is gone itself. Without it the "
    "bitmap is released when the VM stops, and a source that resumes "
    "has none.",
    history="B11, fixed in 3.1",
)
NO_RESUME_AFTER_RUN = Mechanism(
    "no-resume-after-run",
    DESIGNS,
    "S6",
    "After RUN was sent the source does not resume on its own: it cannot "
    "know whether the destination runs.",
)
FENCING = Mechanism(
    "fencing",
    DESIGNS,
    "S3",
    "Where it is not known which side runs, management ends a destination "
    "that has not resumed, then resumes the source. Without it, a RUN that "
    "was lost leaves a VM that runs nowhere.",
    assumes="management fences the destination where it is not known "
    "which side runs, and the VM does not resume between its query and "
    "the fence",
)
FENCE_BEFORE_RESUME = Mechanism(
    "fence-before-resume",
    DESIGNS,
    "S6",
    "Management resumes a source in doubt only when it has ended the "
    "destination. Without it 'cont' on the source meets a RUN that still "
    "arrives.",
)
QUIT_WHEN_MOVED = Mechanism(
    "quit-when-moved",
    DESIGNS,
    "S3",
    "Management ends the source's process only when it has seen the VM "
    "resume on the destination. Without it, management believes the source.",
    assumes="management ends a source that is done only when it has seen "
    "the VM resume on the destination",
)
QUIT_WHEN_OVER = Mechanism(
    "quit-when-over",
    DESIGNS,
    "S5",
    "Management ends the source's process only when its migration is "
    "over. Without it, a VM that has resumed is enough.",
    instead=((POSTCOPY_ONES, "P1"),),
    redundant=(
        (LIVE, SENT_BY_THEN),
        (STOP_COPY, SENT_BY_THEN),
        (STOP_COPY_BULK, SENT_BY_THEN),
        (DROP, SENT_BY_THEN),
    ),
)
COMPLETED_AFTER_SHUT = Mechanism(
    "completed-after-shut",
    (LIVE, STOP_COPY, STOP_COPY_BULK, DROP),
    "S3",
    "The source says completed when the destination has said that it "
    "runs (the return path). Without it, when everything is written to "
    "the connection.",
    history="as built without the capability return-path",
)
TIME_OUT = Mechanism(
    "time-out",
    DESIGNS,
    "L1",
    "A connection on which nothing moves is given up. Without it a "
    "silent break leaves both ends waiting.",
    assumes="a connection on which nothing moves is given up, by TCP or "
    "by management",
)
RECORDER_BEFORE_START = Mechanism(
    "recorder-before-start",
    MIGRATE,
    "S1",
    "The destination's recorder is on before its VM starts. Without it "
    "the first writes go unrecorded.",
    history="B08, fixed in 5.1",
)
REMOVE_PARTIAL = Mechanism(
    "remove-partial",
    MIGRATE,
    "S2",
    "A failed attempt removes the bitmap it has begun on the "
    "destination. Without it a part of a bitmap stands under the name, "
    "for as long as the process is there to be asked.",
)
CURSOR_PER_ATTEMPT = Mechanism(
    "cursor-per-attempt",
    MIGRATE,
    "S1",
    "Each attempt begins at the first chunk. Without it the next attempt "
    "goes on where the failed one was, to a destination that has none of "
    "the chunks before.",
    instead=((POSTCOPY_ONES, "P1"),),
)
OWN_BITS_ONLY = Mechanism(
    "own-bits-only",
    MIGRATE,
    "P1",
    "Storage migration sets bits in its own bitmap only. Without it, its "
    "start marks every granule in the user's bitmap as well.",
    history="B01, fixed in 2.3 (commit c4237dfa63)",
)
OWN_RESETS_ONLY = Mechanism(
    "own-resets-only",
    DESIGNS,
    "S1",
    "Storage migration clears bits in its own bitmap only. Without it, "
    "it clears the user's bit of each granule that it copies.",
    history="B01, fixed in 2.3 (commit c4237dfa63)",
)
NAME_IS_FREE = Mechanism(
    "name-is-free",
    MIGRATE,
    "S3",
    "The destination has no bitmap of the name that arrives. With one, "
    "as built (2.12 to 11.x), START fails the migration.",
    redundant=((LIVE, ERROR_FAILS),),
    assumes="the destination has no bitmap of that name before",
    elsewhere="a run begins with no bitmap of that name",
)
CONSISTENT_AT_SETUP = Mechanism(
    "consistent-at-setup",
    MIGRATE,
    "S3",
    "The source's bitmap is consistent when a migration begins. An "
    "inconsistent one, as built (since 4.0), fails the migration at "
    "setup.",
    redundant=((LIVE, ERROR_FAILS),),
    assumes="no inconsistent bitmap is to be migrated",
    elsewhere="a run begins with a sound bitmap",
)
SOURCE_BUSY = Mechanism(
    "source-busy",
    (POSTCOPY, POSTCOPY_ONES, STOP_COPY, STOP_COPY_BULK, DROP),
    "S1",
    "The source's bitmap is busy while it migrates: no backup begins. "
    "Without it, a job may hold the bitmap at the stop, and the writes that "
    "its successor has recorded are not sent.",
    redundant=((DROP, NOT_SENT),),
)
BITMAPS_ASKED_ANEW = Mechanism(
    "bitmaps-asked-anew",
    SEVERAL,
    "S5",
    "Each attempt looks for bitmaps. Without it, as built, an attempt "
    "that has found none makes later ones of the same process leave out "
    "a bitmap that was added meanwhile.",
    history="as built, 2.12 to 11.1",
    redundant=tuple((d, APPEARS) for d in SEVERAL),
)
COMPLETE_IS_KEPT = Mechanism(
    "complete-is-kept",
    SEVERAL,
    "S5",
    "An error in one bitmap leaves another alone whose COMPLETE has "
    "come. Without it, as built until the VM is about to start, it is "
    "dropped as well.",
    history="as built",
    redundant=tuple((d, ONE_BITMAP) for d in SEVERAL),
)
NAMES_PER_ATTEMPT = Mechanism(
    "names-per-attempt",
    SEVERAL,
    "S5",
    "An attempt names its first bitmap, whatever the last message of the "
    "attempt before spoke of. Without it the first message has no name "
    "and everything is dropped.",
    redundant=tuple((d, ONE_BITMAP) for d in SEVERAL),
)
FULL_BACKUP_ON_LOSS = Mechanism(
    "full-backup-on-loss",
    (POSTCOPY, POSTCOPY_ONES, STOP_COPY, STOP_COPY_BULK, DROP),
    "S1",
    "After a loss the client takes a full backup before it uses a new "
    "bitmap of that name. Without it, it takes the new one for the old.",
    history="X08, open",
    assumes="a client that finds its bitmap gone takes a full backup "
    "before it uses a new one of the same name",
    elsewhere="it is the client who takes a full backup",
)

MECHANISMS: tuple[Mechanism, ...] = (
    DRAIN_AT_STOP,
    WRITERS_END_AT_STOP,
    DRAIN_BEFORE_BACKUP,
    BIT_AFTER_DATA,
    BIT_BEFORE_ACK,
    SOURCE_KEEPS_BITMAP,
    NO_RESUME_AFTER_RUN,
    FENCING,
    FENCE_BEFORE_RESUME,
    QUIT_WHEN_MOVED,
    QUIT_WHEN_OVER,
    COMPLETED_AFTER_SHUT,
    TIME_OUT,
    RECORDER_BEFORE_START,
    REMOVE_PARTIAL,
    CURSOR_PER_ATTEMPT,
    OWN_BITS_ONLY,
    OWN_RESETS_ONLY,
    NAME_IS_FREE,
    CONSISTENT_AT_SETUP,
    META_BITMAP,
    META_SEES_CLEAR,
    META_SEES_MERGE,
    STOP_WAITS_FOR_JOB,
    CLEAR_META_BEFORE_READ,
    LAST_PASS_STOPPED,
    CHUNK_OVERWRITES,
    EVERY_CHUNK_SENT,
    ERROR_FAILS_MIGRATION,
    SOURCE_BUSY,
    BITS_AFTER_STOP,
    SUCCESSOR,
    RECLAIM_UNION,
    RECLAIM_ATOMIC,
    BUSY_UNTIL_COMPLETE,
    DROP_ON_FAILURE,
    ERROR_DROPS_BITMAP,
    ONES_FIRST,
    KEEP_ON_BREAK,
    MARK_DEGRADED,
    EARLY_CHUNKS_DROP,
    FREEZE_AT_SETUP,
    RECLAIM_AT_STOP,
    RECLAIM_ON_FAILURE,
    CHANGED_AFTER_DRAIN,
    CHANGED_BEFORE_COMPLETE,
    BITMAPS_ASKED_ANEW,
    COMPLETE_IS_KEPT,
    NAMES_PER_ATTEMPT,
    CHUNKS_AFTER_START,
    CHUNKS_BEFORE_COMPLETE,
    CHUNK_ORDER,
    CHUNKS_BEFORE_RUN,
    FULL_BACKUP_ON_LOSS,
)
