# SPDX-License-Identifier: GPL-2.0-or-later
"""The guarantees by name, and what a violation of one does to a backup.

The one table of both.  Every caption, sentence and page that speaks of a
guarantee is made from it; ``checker/decisions/0012-which-guarantees.md`` says
why it is these.
"""

from __future__ import annotations

from attrs import frozen

from model.vocabulary import DestinationVm, Incoming, SourceVm


@frozen
class Guarantee:
    """A guarantee by its name, such as S1.

    ``short``: a caption of a few words.  ``long``: a clause that says all of
    it.  ``consequence``: what a violation does to a backup, where the
    property says nothing else; a key of ``CONSEQUENCES``.  ``modelled``:
    asked of the model, and not of real QEMU alone.
    """

    name: str
    short: str
    long: str
    consequence: str
    modelled: bool = True


@frozen(kw_only=True)
class Said:
    """What is said where the last state is like this.

    ``where``: fields with the values that they must have, as people read
    them; none: everywhere.  ``granules``: two fields; in ``text``,
    ``{granules}`` are those of the first that are not in the second,
    ``{have}`` and ``{them}`` are words that go with them, ``{or_merged}`` is
    a clause where a user may merge bits in, and ``{second}`` is there where
    the bitmap is the second one.
    """

    text: str
    where: tuple[tuple[str, str], ...] = ()
    granules: tuple[str, str] | None = None


#: keys of ``CONSEQUENCES``: a property names one where its guarantee's, or
#: that of no guarantee, is not the right one
MISSED = "a backup has missed a granule"
MISSING_ON_SOURCE = "bits are missing on the source"
MISSING_ON_DESTINATION = "bits are missing on the destination"
UNSEEN = "a bitmap that is not whole looks whole"
HIDDEN = "a loss is hidden"
LOOKS_EXACT = "a bitmap that is not exact looks exact"
LEFT_BEHIND = "a part of a bitmap is left behind"
MIGRATION_FAILED = "the bitmap failed the migration"
FAILED_WITHOUT_REASON = "the migration failed without a reason"
VM_ENDED = "the VM has ended"
NOWHERE = "the guest runs nowhere"
FALSE_COMPLETED = "the source says completed and has not moved"
TWO_COPIES = "two copies count as valid"
NEEDLESS_LOSS = "the bitmap is lost without need"
REMOVED_WHILE_HELD = "a bitmap that is held was removed"
TWO_WRITERS = "both sides have written"
OTHER_METADATA = "the bitmap is another than before"
TOO_MUCH_ON_SOURCE = "bits too many on the source"
TOO_MUCH_ON_DESTINATION = "bits too many on the destination"
ENDLESS = "the migration does not end"
WRITE_WAITS = "a write waits for ever"
LONG_DOWNTIME = "the downtime is longer than allowed"
OWN_BOOKS = "the model's own books are wrong"
BAD_MODEL = "the model itself is at fault"

_SILENT = (
    "The next incremental backup skips {them} without any error. The backup "
    "chain is broken from then on, and no one finds out before a restore "
    "brings back old data."
)
_MISSING = (
    "{Granules} {have} been written since the last backup{or_merged} and the "
    "SIDE's {second}bitmap, which looks sound, has no bit for {them}. "
    + _SILENT
)
_TOO_MUCH = (
    "The next incremental backup copies {granules} without need. That costs "
    "bandwidth; no data is wrong."
)
_UNSEEN = (
    "The client cannot see that the bitmap is not whole: an incremental "
    "backup that uses it misses granules without any error."
)

CONSEQUENCES: dict[str, tuple[Said, ...]] = {
    MISSED: (
        Said(
            text="A backup has missed a granule without any error. The chain "
            "is broken, and no one finds out before a restore brings back "
            "old data."
        ),
    ),
    MISSING_ON_SOURCE: (
        Said(
            text=_MISSING.replace("SIDE", "source"),
            granules=("ghost_true_dirty", "source.bits"),
        ),
    ),
    MISSING_ON_DESTINATION: (
        Said(
            text=_MISSING.replace("SIDE", "destination"),
            granules=("ghost_true_dirty", "destination.bits"),
        ),
    ),
    UNSEEN: (Said(text=_UNSEEN),),
    HIDDEN: (
        Said(
            text=_UNSEEN,
            where=(("destination.bitmap", Incoming.PARTIAL.value),),
        ),
        Said(
            text="The bitmap stays busy although nothing will complete it: "
            "no incremental backup can be taken, and the client is not told "
            "that a full one is due."
        ),
    ),
    LOOKS_EXACT: (
        Said(
            text="The client cannot see that not all of the bitmap has come. "
            "The next incremental backup also copies what has not, perhaps "
            "the whole disk. No data is wrong."
        ),
    ),
    LEFT_BEHIND: (
        Said(
            text="A part of the bitmap stands under its name in a process "
            "whose migration has failed. A client that asks that process may "
            "take the part for the whole; a backup that goes by it misses "
            "granules without any error."
        ),
    ),
    MIGRATION_FAILED: (
        Said(
            text="A migration failed because of its bitmap. Without the "
            "bitmap the VM would have moved; the bitmap was worth one full "
            "backup at most."
        ),
    ),
    FAILED_WITHOUT_REASON: (
        Said(
            text="A migration failed although nothing had: the VM stays where "
            "it was, and backups with it. No data is wrong."
        ),
    ),
    VM_ENDED: (
        Said(
            text="The VM has ended although no process was killed, and what "
            "the guest had in memory is lost. The bitmap has ended with it: "
            "the next backup has to be a full one."
        ),
    ),
    NOWHERE: (
        Said(
            text="The guest runs nowhere, and nothing that can still happen "
            "changes that: no backup is taken, and the guest's memory is as "
            "good as lost."
        ),
    ),
    FALSE_COMPLETED: (
        Said(
            text="Management that believes the source that the VM has moved "
            "ends the only process that is sure to have it, and with it the "
            "only bitmap that is sure to be whole."
        ),
    ),
    TWO_COPIES: (
        Said(
            text="Two copies of the bitmap count as valid. A backup by the "
            "stale one misses granules without any error."
        ),
    ),
    NEEDLESS_LOSS: (
        Said(
            text="The bitmap is lost, or cannot be used, although nothing "
            "made that necessary: the next backup has to be a full one. No "
            "data is wrong."
        ),
    ),
    REMOVED_WHILE_HELD: (
        Said(
            text="The user has removed a bitmap that the migration still "
            "held: the next backup has to be a full one, as after any loss."
        ),
    ),
    TWO_WRITERS: (
        Said(
            text="Both sides have run the guest on the same disk, so the disk "
            "itself is corrupt; only the storage's image locks, if it has "
            "any, are left in the way. No backup helps, incremental or full."
        ),
    ),
    OTHER_METADATA: (
        Said(
            text="The bitmap has come with another name, granularity or "
            "flag: it records nothing, or it is not stored. The next backup "
            "has to be a full one."
        ),
    ),
    TOO_MUCH_ON_SOURCE: (
        Said(text=_TOO_MUCH, granules=("source.bits", "ghost_true_dirty")),
    ),
    TOO_MUCH_ON_DESTINATION: (
        Said(
            text=_TOO_MUCH, granules=("destination.bits", "ghost_true_dirty")
        ),
    ),
    ENDLESS: (
        Said(
            text="The migration never ends: the guest runs on the "
            "destination, but no incremental backup can be taken there.",
            where=(("destination.vm", DestinationVm.RUNNING.value),),
        ),
        Said(
            text="The migration never ends and the source's bitmap stays "
            "busy: no incremental backup can be taken with it.",
            where=(
                ("source.vm", SourceVm.RUNNING.value),
                ("source.busy", "yes"),
            ),
        ),
        Said(
            text="The migration never ends, so the VM never moves. "
            "Incremental backups on the source stay possible and are right.",
            where=(("source.vm", SourceVm.RUNNING.value),),
        ),
        Said(
            text="The migration never ends and the guest runs nowhere: there "
            "is no backup to take."
        ),
    ),
    WRITE_WAITS: (
        Said(
            text="A write of the guest is never acknowledged: no drain ends "
            "any more, and no backup begins that waits for one."
        ),
    ),
    LONG_DOWNTIME: (
        Said(
            text="The guest stands still for longer than was allowed. Backups "
            "are as they were."
        ),
    ),
    OWN_BOOKS: (
        Said(
            text="For a backup nothing follows at once: something is left "
            "over that means nothing any more, and a later step may take it "
            "for something."
        ),
    ),
    BAD_MODEL: (
        Said(
            text="Nothing can be said about backups: the model itself is at "
            "fault."
        ),
    ),
}

_TABLE = (
    Guarantee(
        "S1",
        "no missing bit",
        "no bit is missing: where a backup may start, a bitmap has the bit of "
        "every granule written since the last backup, or is declared lost",
        MISSED,
    ),
    Guarantee(
        "S2",
        "a loss is seen",
        "a loss is seen by the client that would use the bitmap",
        UNSEEN,
    ),
    Guarantee(
        "S3",
        "the VM is not harmed",
        "trouble with a bitmap never harms the VM",
        MIGRATION_FAILED,
    ),
    Guarantee(
        "S4",
        "one valid copy",
        "at most one copy of a bitmap is valid, in RAM or in an image",
        TWO_COPIES,
        modelled=False,
    ),
    Guarantee(
        "S5",
        "no needless loss",
        "no needless loss: success, cancel and early failure lose nothing",
        NEEDLESS_LOSS,
    ),
    Guarantee(
        "S6",
        "one side runs",
        "at most one side runs the guest, ever",
        TWO_WRITERS,
    ),
    Guarantee(
        "D1",
        "kept at a break",
        "no loss after the switchover: where the stream breaks once the "
        "destination may run, that costs precision, not the bitmap",
        NEEDLESS_LOSS,
    ),
    Guarantee(
        "M1",
        "metadata survive",
        "the metadata survive: name, granularity, enabled, persistent",
        OTHER_METADATA,
        modelled=False,
    ),
    Guarantee(
        "P1",
        "no bit too many",
        "without faults the destination's bitmap has no bit too many",
        TOO_MUCH_ON_DESTINATION,
    ),
    Guarantee(
        "P2",
        "extra if missing",
        "whatever fails, a bitmap has bits too many only where a chunk has "
        "not come",
        TOO_MUCH_ON_DESTINATION,
    ),
    Guarantee(
        "L1",
        "it ends",
        "every migration ends, and no bitmap stays busy",
        ENDLESS,
    ),
)
#: all guarantees by name, the gravest first
GUARANTEES: dict[str, Guarantee] = {one.name: one for one in _TABLE}
#: the names of those that are asked of the model
MODELLED = tuple(one.name for one in _TABLE if one.modelled)
