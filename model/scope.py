# SPDX-License-Identifier: GPL-2.0-or-later
"""What is assumed of the world, and what the model leaves out.

The one list of both.  The mails, the answers, the proof and the documents
print it.  Each entry is a clause without a full stop.  What a single design
assumes stands at its mechanisms and properties.
"""

from __future__ import annotations

#: what every result of the model takes for granted
ASSUMED = (
    "a write is two steps, the data and its bit",
    "messages arrive in order and unchanged, or not at all; each host learns "
    "of a break in its own time, and until then it reads what has come",
    "a client starts a backup whenever a query shows the bitmap there and "
    "not busy, on the host where the VM runs; on the source it is a job that "
    "takes its time and may fail, on the destination it is one step",
    "management knows what QMP shows it and what it has done itself",
)
#: what a result says nothing about
NOT_MODELLED = (
    "more than two bitmaps, or a second one in the live design; a bitmap that "
    "is disabled or enabled on the way; aliases; resize",
    "inconsistent bitmaps, except that setup refuses them; writes that "
    "overlap within a granule (they count as one)",
    "persistence in the image; separate storage; snapshots (so neither S4 "
    "nor M1)",
    "RAM, and with it postcopy's pause and recovery; migrating back",
    "a backup job that still runs on the destination; a new bitmap of the "
    "same name before the stream has ended",
    "a destination that is started with -S, or shut down rather than killed; "
    "a VM that its user or an I/O error pauses",
    "the end of a whole host; a host that management cannot reach",
    "the bytes on the wire; time",
)
#: what a proof takes for granted beside that
BELIEVED = (
    "the language reads the one term in every domain as its lemmas say "
    "(tests compare its operations with their definitions on disks of 1 to "
    "64 granules)",
    "z3, the search and Python work",
)
