# SPDX-License-Identifier: GPL-2.0-or-later
"""The safety devices of a source that sends the bitmap.

What is read and sent, when, and what is sent again; ``mechanisms`` has the
others, and the table of all.
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
    Mechanism,
)

META_BITMAP = Mechanism(
    "meta-bitmap",
    (LIVE,),
    "S1",
    "A meta bit per chunk records that the chunk changed after it was sent.",
)
META_SEES_CLEAR = Mechanism(
    "meta-sees-clear",
    (LIVE,),
    "P1",
    "Clearing bits (a backup does) marks the chunks as changed too.",
    history="hole of the historical meta bitmap (2.8): "
    "hbitmap_reset_all() bypassed it",
)
META_SEES_MERGE = Mechanism(
    "meta-sees-merge",
    (LIVE,),
    "S1",
    "Merging bits (a backup job that ends does, and the user may) marks "
    "the chunks as changed too.",
    history="hole of the historical meta bitmap (2.8): hbitmap_merge() "
    "bypassed it",
)
STOP_WAITS_FOR_JOB = Mechanism(
    "stop-waits-for-job",
    (LIVE,),
    "S1",
    "The VM is stopped only when no backup job holds the bitmap, and "
    "while the stop is due no job begins. Without it, the writes that the "
    "job's successor has recorded are not sent.",
    history="whether the series of 2015 froze the bitmap is not known",
)
CLEAR_META_BEFORE_READ = Mechanism(
    "clear-meta-before-read",
    (LIVE,),
    "S1",
    "The meta bit is cleared first, then the chunk is read: a write in "
    "between marks the chunk again. The other order loses it.",
    history="B03, fixed in 2.10 and 2.12",
)
LAST_PASS_STOPPED = Mechanism(
    "last-pass-stopped",
    (LIVE,),
    "S1",
    "The last pass and COMPLETE come after the VM has stopped.",
)
EVERY_CHUNK_SENT = Mechanism(
    "every-chunk-sent",
    MIGRATE,
    "S1",
    "The source passes over no chunk, be it empty or not. Without it a "
    "chunk may be forgotten, and the destination cannot tell a bitmap with a "
    "chunk missing from a whole one.",
    instead=((POSTCOPY_ONES, "P1"),),
)
BITS_AFTER_STOP = Mechanism(
    "bits-after-stop",
    (POSTCOPY, POSTCOPY_ONES, STOP_COPY),
    "S1",
    "Chunks are read after the VM has stopped.",
)
FREEZE_AT_SETUP = Mechanism(
    "freeze-at-setup",
    (STOP_COPY_BULK,),
    "S1",
    "From setup to the stop a successor records, so that it tells which "
    "chunks have changed. Without it, the guest's writes change chunks that "
    "were sent, and nothing tells which.",
)
RECLAIM_AT_STOP = Mechanism(
    "reclaim-at-stop",
    (STOP_COPY_BULK,),
    "S1",
    "With the VM stopped the successor is merged into the bitmap before the "
    "rest is read. Without it, chunks that have changed are sent again as "
    "they were at setup.",
)
RECLAIM_ON_FAILURE = Mechanism(
    "reclaim-on-failure",
    (STOP_COPY_BULK,),
    "S1",
    "An attempt that fails before the stop merges the successor into the "
    "source's bitmap. Without it, what it has recorded is forgotten.",
)
CHANGED_AFTER_DRAIN = Mechanism(
    "changed-after-drain",
    (STOP_COPY_BULK,),
    "S1",
    "Which chunks have changed is found out when no write is in flight any "
    "more. Without it, when the guest pauses: a write that ends later "
    "changes a chunk that is not sent again.",
)
CHANGED_BEFORE_COMPLETE = Mechanism(
    "changed-before-complete",
    (STOP_COPY_BULK,),
    "S1",
    "COMPLETE is sent when every chunk that has changed was sent again. "
    "Without it, after the first pass.",
)
