# SPDX-License-Identifier: GPL-2.0-or-later
"""The safety devices of a destination that loads the bitmap.

What a chunk does to it, who may use it meanwhile, what an error and a break
leave, and the order in which messages are read; ``mechanisms`` has the others,
and the table of all.
"""

from __future__ import annotations

from model.design import (
    LIVE,
    MIGRATE,
    POSTCOPY,
    POSTCOPY_ONES,
    STOP_COPY,
    STOP_COPY_BULK,
)
from model.mechanism import (
    COMPLETE_FIRST,
    EARLY_AND_APART,
    NOTHING_EARLY,
    ONE_CONNECTION,
    ONLY_GROWS,
    SENT_ONCE,
    STARTS_EMPTY,
    Mechanism,
)

#: those in which a bitmap error drops the bitmap, and the migration goes on
DROPPED = (POSTCOPY, POSTCOPY_ONES, STOP_COPY, STOP_COPY_BULK)
COMPLETE_COMES_FIRST = (
    (STOP_COPY, COMPLETE_FIRST),
    (STOP_COPY_BULK, COMPLETE_FIRST),
)

CHUNK_OVERWRITES = Mechanism(
    "chunk-overwrites",
    MIGRATE,
    "P1",
    "A chunk that arrives replaces the bits that were there, so that it can "
    "clear bits as well. Without it, the chunk is OR-ed into them.",
    redundant=(
        (POSTCOPY, STARTS_EMPTY),
        (STOP_COPY, STARTS_EMPTY),
        (STOP_COPY_BULK, ONLY_GROWS),
    ),
)
ERROR_FAILS_MIGRATION = Mechanism(
    "error-fails-migration",
    (LIVE,),
    "S1",
    "A bitmap that the destination refuses fails the migration. Without "
    "it the error is ignored and the name stands for something else.",
    history="B07, fixed in 3.0",
)
SUCCESSOR = Mechanism(
    "successor",
    DROPPED,
    "S1",
    "While the bitmap is loaded, a successor records the destination's "
    "writes. Without it, they go into the bitmap itself and the next "
    "chunk overwrites them.",
    redundant=COMPLETE_COMES_FIRST,
)
RECLAIM_UNION = Mechanism(
    "reclaim-union",
    DROPPED,
    "S1",
    "Reclaim adds the successor's bits to the bitmap. Without it the "
    "successor is dropped.",
    redundant=COMPLETE_COMES_FIRST,
)
RECLAIM_ATOMIC = Mechanism(
    "reclaim-atomic",
    DROPPED,
    "S1",
    "Merge and hand-back are one critical section. Without it a write "
    "in between goes into a successor that was already merged.",
    history="B09, fixed in 2.12",
    redundant=COMPLETE_COMES_FIRST,
)
BUSY_UNTIL_COMPLETE = Mechanism(
    "busy-until-complete",
    DROPPED,
    "S1",
    "The destination's bitmap is busy until COMPLETE. Without it a "
    "client may use a bitmap of which half has arrived.",
    redundant=COMPLETE_COMES_FIRST,
)
DROP_ON_FAILURE = Mechanism(
    "drop-on-failure",
    DROPPED,
    "S1",
    "A bitmap that cannot be completed or was refused is removed: "
    "declared lost. Without it, the bitmap stays and looks valid.",
)
ERROR_DROPS_BITMAP = Mechanism(
    "error-drops-bitmap",
    DROPPED,
    "S3",
    "A bitmap that the destination refuses is dropped and the migration "
    "goes on. Without it the migration fails, and a VM that runs dies.",
    history="B17, fixed in 5.1",
)
ONES_FIRST = Mechanism(
    "ones-first",
    (POSTCOPY_ONES,),
    "S1",
    "START creates the bitmap with every bit set, and a chunk that arrives "
    "replaces its part. Without it, a bitmap that is kept at a break has no "
    "bits where no chunk has come.",
)
KEEP_ON_BREAK = Mechanism(
    "keep-on-break",
    (POSTCOPY_ONES,),
    "D1",
    "Where the stream breaks after RUN, the bitmap is handed back as it is, "
    "with its successor's bits. Without it, it is removed: declared lost.",
)
MARK_DEGRADED = Mechanism(
    "mark-degraded",
    (POSTCOPY_ONES,),
    "S2",
    "A bitmap that was kept at a break shows as degraded until a backup has "
    "used it. Without it a client takes it for an exact one.",
)
EARLY_CHUNKS_DROP = Mechanism(
    "early-chunks-drop",
    (POSTCOPY_ONES,),
    "S1",
    "Where a chunk has come before RUN, a break drops the bitmap: the chunk "
    "may be older than the stop. Without it, a bitmap is kept that lacks "
    "what was written since.",
    redundant=((POSTCOPY_ONES, NOTHING_EARLY),),
)
CHUNKS_AFTER_START = Mechanism(
    "chunks-after-start",
    MIGRATE,
    "S5",
    "A chunk that comes before START of its bitmap waits for it. Without it, "
    "as the code is, the chunk names an unknown bitmap, which is an error.",
    instead=((LIVE, "S3"),),
    redundant=tuple((d, ONE_CONNECTION) for d in MIGRATE),
    elsewhere="a run has one connection",
)
CHUNKS_BEFORE_COMPLETE = Mechanism(
    "chunks-before-complete",
    MIGRATE,
    "S1",
    "COMPLETE is read when the connections of the chunks were read to the "
    "end. Without it, a chunk is missing from a bitmap that counts as whole, "
    "and overwrites it when it comes.",
    redundant=tuple((d, ONE_CONNECTION) for d in MIGRATE),
    elsewhere="a run has one connection",
)
CHUNK_ORDER = Mechanism(
    "chunk-order",
    MIGRATE,
    "S1",
    "A chunk is not overtaken by a newer version of itself: it always travels "
    "on the same connection. Without it, an older version may come last and "
    "overwrite the newer one.",
    redundant=(
        (LIVE, ONE_CONNECTION),
        (POSTCOPY, EARLY_AND_APART),
        (POSTCOPY_ONES, EARLY_AND_APART),
        (STOP_COPY, SENT_ONCE),
        (STOP_COPY_BULK, ONE_CONNECTION),
    ),
    elsewhere="a run has one connection",
)
CHUNKS_BEFORE_RUN = Mechanism(
    "chunks-before-run",
    (POSTCOPY_ONES,),
    "S1",
    "Where chunks are sent before the stop, RUN is read when the connections "
    "of the chunks were read to the end. Without it, a chunk that is older "
    "than the stop may come after RUN, and a break keeps it.",
    redundant=((POSTCOPY_ONES, EARLY_AND_APART),),
    elsewhere="a run has one connection",
)
