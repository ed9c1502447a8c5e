# SPDX-License-Identifier: GPL-2.0-or-later
"""Where each action must be able to fire: the demands on every design.

A mutant that only takes behaviour away breaks no promise.  A failure that
strikes in one stage less is no failure there, and nothing that was proved of
that stage means anything.  So the table says it beside the designs: action A
fires while field F is at member M.  A demand is met if some reachable state
satisfies both "A is enabled" and "F is at M".  A demand that names another
action as well wants such a state after a step of that one.

The table names what must be possible, not all that is: of the failures every
stage, of the clients and of management the situations that differ.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from attrs import field, frozen

from checker.engines.exploration import Limits, silent
from checker.engines.native.columns import column
from checker.engines.native.explicit import explore
from checker.engines.native.found import ExplicitSearch
from checker.mutation.history import FLAG, remembering
from model.design import (
    DESIGNS,
    DROP,
    FROM_BULK,
    LIVE,
    MIGRATE,
    POSTCOPY_ONES,
    RUN_FIRST,
    STOP_COPY_BULK,
    TABLE,
)
from model.language import expression as ex
from model.language.expression import Expression
from model.language.machine import Machine
from model.language.types import EnumType
from model.mechanisms_loading import DROPPED

MIGRATION, SOURCE = "source.migration", "source.vm"
HERE, BITMAP, LINK = "destination.vm", "destination.bitmap", "link"
UP = ((LINK, "up"),)
DEGRADED = "destination.degraded"
UNCERTAIN = "failed-after-run"
_EITHER = ("yes", "no")

#: the stages of an attempt that is under way
STAGES = {name: one.stages for name, one in TABLE.items()}
_CARRY = MIGRATE
#: those that are modelled with a source that freezes the bitmap
_FREEZE = (STOP_COPY_BULK, *FROM_BULK)
#: those whose VM runs when the bitmap has come
_RUN_LAST = tuple(d for d in MIGRATE if d not in RUN_FIRST)


@frozen
class Demand:
    """``action`` fires while each field of ``where`` is at its member.

    ``after``: an action that has fired before, or ''.
    """

    action: str
    where: tuple[tuple[str, str], ...]
    after: str = ""

    def __str__(self) -> str:
        """The demand in words."""
        told = " and ".join(f"{name} is {word}" for name, word in self.where)
        later = f" after {self.after}" if self.after else ""
        return f"{self.action} fires while {told}{later}"

    @property
    def actions(self) -> frozenset[str]:
        """The actions that it names."""
        return frozenset({self.action, self.after} - {""})

    @property
    def fields(self) -> frozenset[str]:
        """The fields that it names."""
        return frozenset(name for name, _ in self.where)

    def predicate(self, machine: Machine) -> Expression:
        """The states that meet it."""
        instances = machine.action(self.action).instances
        found = ex.any_of(instance.enabled for instance in instances)
        for name, word in self.where:
            found = ex.conjunction(found, _is(machine, name, word))
        return found


@frozen
class _Row:
    """One line of the table; no ``members``: every stage of the design."""

    action: str
    name: str
    members: tuple[str, ...] = ()
    designs: Sequence[str] = field(default=DESIGNS, kw_only=True)
    given: tuple[tuple[str, str], ...] = field(default=(), kw_only=True)
    after: str = field(default="", kw_only=True)


_TABLE = (
    # each failure in each stage, and each way to notice one
    _Row("channel_cut", MIGRATION, given=UP),
    _Row("connection_times_out", MIGRATION),
    _Row("migration_fails", MIGRATION),
    _Row("source_killed", MIGRATION, given=UP),
    _Row("source_killed", MIGRATION, (UNCERTAIN,)),
    _Row("source_killed", LINK, ("broken", "silent")),
    _Row("destination_killed", MIGRATION, given=UP),
    _Row("destination_killed", LINK, ("broken", "silent")),
    _Row(
        "destination_killed",
        HERE,
        ("inmigrate", "run-received", "prelaunch", "running"),
    ),
    _Row(
        "destination_killed",
        HERE,
        ("run-received", "prelaunch"),
        given=((LINK, "down"),),
    ),
    _Row("migrate_cancel", MIGRATION, given=UP),
    _Row("migrate_cancel", LINK, ("broken", "silent")),
    _Row("incoming_fails", BITMAP, ("absent",)),
    _Row("incoming_fails", BITMAP, ("loading",), designs=_CARRY),
    _Row("incoming_fails", BITMAP, ("complete",), designs=_RUN_LAST),
    _Row(
        "dirty_bitmap_mig_cancel_incoming",
        HERE,
        ("run-received", "prelaunch", "running"),
        designs=RUN_FIRST,
    ),
    _Row(
        "dirty_bitmap_load_start_refused",
        BITMAP,
        ("absent",),
        designs=_CARRY,
    ),
    _Row(
        "dirty_bitmap_load_bits_refused", BITMAP, ("loading",), designs=_CARRY
    ),
    _Row(
        "dirty_bitmap_load_complete_refused",
        BITMAP,
        ("loading",),
        designs=_CARRY,
    ),
    _Row(
        "dirty_bitmap_load_bits_refused",
        BITMAP,
        ("successor-records",),
        designs=RUN_FIRST,
    ),
    _Row(
        "dirty_bitmap_load_complete_refused",
        BITMAP,
        ("successor-records",),
        designs=RUN_FIRST,
    ),
    # the guest writes, whatever the migration does
    _Row("source_write_data", MIGRATION, ("none", "setup", "active")),
    _Row("source_write_data", MIGRATION, ("failed",)),
    _Row(
        "source_write_data",
        MIGRATION,
        ("postcopy-requested",),
        designs=RUN_FIRST,
    ),
    _Row("source_write_data", "source.job", ("yes", "no")),
    _Row("source_set_dirty", SOURCE, ("running", "paused")),
    _Row("source_set_dirty", "source.job", ("yes", "no")),
    _Row("destination_write_data", BITMAP, ("valid",)),
    _Row(
        "destination_write_data",
        BITMAP,
        ("successor-records", "lost"),
        designs=RUN_FIRST,
    ),
    _Row("destination_set_dirty", BITMAP, ("valid",)),
    _Row(
        "destination_set_dirty",
        BITMAP,
        ("successor-records", "lost"),
        designs=RUN_FIRST,
    ),
    # the client
    _Row("source_backup_begins", MIGRATION, ("none", "failed")),
    _Row("source_backup_begins", MIGRATION, ("active",), designs=(LIVE,)),
    _Row("source_backup_fails", "source.job", ("yes",)),
    _Row("source_merge", "source.job", ("no",)),
    _Row("source_clear", "source.job", ("no",)),
    _Row("source_backup_succeeds", MIGRATION, ("none", "setup", "failed")),
    _Row("source_backup_succeeds", MIGRATION, ("active",), designs=(LIVE,)),
    _Row("source_backup_fails", MIGRATION, ("none", "setup", "failed")),
    _Row("source_backup_fails", MIGRATION, ("active",), designs=(LIVE,)),
    _Row("source_merge", MIGRATION, ("none", "failed")),
    _Row("source_clear", MIGRATION, ("none", "failed")),
    _Row("source_merge", MIGRATION, ("active",), designs=(LIVE,)),
    _Row("source_clear", MIGRATION, ("active",), designs=(LIVE,)),
    _Row("destination_backup", BITMAP, ("valid",)),
    # the bitmap of a full backup is one to go by
    _Row(
        "destination_backup",
        BITMAP,
        ("valid",),
        after="destination_full_backup",
    ),
    _Row("destination_remove", BITMAP, ("valid",)),
    _Row("destination_remove", HERE, ("running",)),
    _Row("destination_full_backup", BITMAP, ("removed",)),
    _Row(
        "destination_full_backup",
        BITMAP,
        ("lost",),
        designs=DROPPED,
    ),
    _Row("destination_full_backup", BITMAP, ("absent",), designs=(DROP,)),
    # management
    _Row("migrate_again", HERE, ("inmigrate", "killed")),
    _Row("resume_source", SOURCE, ("paused", "stopped")),
    _Row("quit_source", MIGRATION, ("completed", UNCERTAIN)),
    _Row("quit_source", HERE, ("running", "died")),
    _Row(
        "fence_destination",
        HERE,
        ("inmigrate", "run-received", "prelaunch", "killed"),
    ),
    _Row("fence_destination", MIGRATION, ("completed",), designs=RUN_FIRST),
    # what comes after a loss or a removal
    _Row("skip_bits", BITMAP, ("lost",), designs=DROPPED),
    _Row("skip_complete", BITMAP, ("lost",), designs=DROPPED),
    # the passes of live go on when the VM has stopped
    _Row("bulk_phase", MIGRATION, ("active", "device"), designs=(LIVE,)),
    _Row("dirty_phase", MIGRATION, ("active", "device"), designs=(LIVE,)),
    _Row(
        "send_bitmap_bits",
        MIGRATION,
        ("active", "device"),
        designs=(LIVE, STOP_COPY_BULK),
    ),
    # a source that is frozen: before the stop and after it
    _Row(
        "source_set_dirty", "source.frozen", _EITHER, designs=(STOP_COPY_BULK,)
    ),
    *(
        _Row(
            name,
            "source.frozen",
            _EITHER,
            designs=(STOP_COPY_BULK,),
            given=((MIGRATION, "device"),),
        )
        for name in ("migration_fails", "migrate_cancel", "source_killed")
    ),
    _Row("reclaim_at_stop", MIGRATION, ("device",), designs=_FREEZE),
    _Row(
        "send_changed_bits", MIGRATION, ("device",), designs=(STOP_COPY_BULK,)
    ),
    # the same where the source is another one than the design's
    _Row("send_changed_bits", MIGRATION, ("run-sent",), designs=FROM_BULK),
    _Row("send_bitmap_bits", MIGRATION, ("active",), designs=FROM_BULK),
    _Row(
        "dirty_bitmap_mig_cancel_incoming",
        "destination.early",
        _EITHER,
        designs=(POSTCOPY_ONES,),
    ),
    # a bitmap that was kept at a break, until a backup has used it
    *(
        _Row(name, DEGRADED, ("yes",), designs=(POSTCOPY_ONES,))
        for name in (
            "destination_write_data",
            "destination_set_dirty",
            "destination_backup",
            "destination_remove",
        )
    ),
    _Row(
        "destination_backup",
        DEGRADED,
        ("no",),
        designs=(POSTCOPY_ONES,),
        given=(
            ("ghost_faulted", "yes"),
            ("ghost_trouble", "no"),
            ("ghost_arrived", "no"),
        ),
    ),
)


def demands(design: str) -> tuple[Demand, ...]:
    """All that is demanded of ``design``."""
    return tuple(_demands(design))


def _demands(design: str) -> Iterator[Demand]:
    for row in _TABLE:
        if design in row.designs:
            for member in row.members or STAGES[design]:
                where = (row.name, member), *row.given
                yield Demand(row.action, where, row.after)


def met(search: ExplicitSearch, asked: Sequence[Demand]) -> tuple[Demand, ...]:
    """Those of ``asked`` that some state of the search meets."""
    known = {action.name for action in search.machine.actions}
    fields = {field.name for field in search.machine.fields}
    searches = {"": search}
    found = []
    for demand in asked:
        if not (demand.actions <= known and demand.fields <= fields):
            continue
        if demand.after not in searches:
            machine = remembering(search.machine, demand.after)
            searches[demand.after] = explore(machine, Limits(), silent)
        if _is_met(searches[demand.after], demand):
            found.append(demand)
    return tuple(found)


def _is_met(search: ExplicitSearch, demand: Demand) -> bool:
    wanted = demand.predicate(search.machine)
    if demand.after:
        wanted = ex.conjunction(wanted, _is(search.machine, FLAG, "yes"))
    return bool(column(search.layout, search.rows(), wanted).any())


def _is(machine: Machine, name: str, word: str) -> Expression:
    (found,) = [f for f in machine.fields if f.name == name]
    value = found.expression
    if not isinstance(found.type, EnumType):
        return value if word == "yes" else ex.complement(value)
    code = found.type.encode(found.type.members(word), name)
    return ex.equal(value, ex.constant(code, value.width))
