# SPDX-License-Identifier: GPL-2.0-or-later
"""Whose bitmaps they are: a migration's, a backup job's, somebody else's.

A backup job has its end: setup waits for it, and so does the stop of a live
migration, which holds no bitmap itself.  While one is waited for no other
begins.  What anybody else does to a bitmap of a live migration ends the
attempt.
"""

from __future__ import annotations

from attrs import define, field

from reference.backup import job_fails
from reference.errors import BitmapError
from reference.host import Host, Job, RunState
from reference.protocol.aliases import Aliases, Pair
from reference.protocol.outgoing import outgoing
from reference.protocol.passes import Passes
from reference.protocol.tables import BusyBitmap, Design, Phase


@define
class Holding(Passes):
    """Which bitmaps travel, and whether they may now.

    ``busy_bitmap``: what setup does with one that a backup job holds.
    """

    aliases: Aliases = field(factory=Aliases)
    busy_bitmap: BusyBitmap = BusyBitmap.WAIT

    def trouble(self, host: Host) -> str:
        """Why the source may not use a bitmap of this attempt, or ''."""
        try:
            if self.phase is Phase.SETUP:
                self.migrate(host)
        except BitmapError as error:
            return str(error)
        live = self.design is Design.LIVE
        if not live or self.phase not in (Phase.ACTIVE, Phase.DEVICE):
            return ""
        found = (sent.trouble(host) for sent in self.bitmaps)
        return next(filter(None, found), "")

    def waits_for_job(self, host: Host) -> bool:
        """Whether a backup job has to end before the source goes on."""
        return any(
            host.has_bitmap(*pair) and host.bitmap(*pair).frozen
            for pair in self._needed(host)
        )

    def _needed(self, host: Host) -> list[Pair]:
        """The bitmaps that no job may hold if the source is to go on."""
        if self.phase is Phase.SETUP:
            return [names for names, _ in self.aliases.outgoing(host)]
        if self.design is Design.LIVE and self.phase is Phase.ACTIVE:
            return [(sent.node, sent.name) for sent in self.bitmaps]
        return []

    def never_stops(self, host: Host) -> str:
        """Why the VM would never be stopped, or ''; asked before setup.

        Of stop-copy's bitmaps nothing is sent while the guest runs.
        """
        if self.design is not Design.STOP_COPY:
            return ""
        chunks = sum(
            outgoing(host, *pair, self.chunk_bytes).chunks
            for pair in self.aliases.outgoing(host)
        )
        if chunks <= self.downtime:
            return ""
        return (
            f"stop-copy sends {chunks} chunks while the VM is stopped, the "
            f"downtime limit allows {self.downtime}"
        )

    def lets_job_begin(self, host: Host) -> bool:
        """Whether a backup job may begin: none while one is waited for."""
        if self.phase is Phase.SETUP:
            return False
        stops = self.design is Design.LIVE and self.phase is Phase.ACTIVE
        return not (stops and self._little_is_pending(host))

    def _may_dirty_bitmap_save_fails(self, host: Host) -> bool:
        return bool(self.trouble(host))

    def _may_migrate(self, host: Host) -> bool:
        return host.vm is RunState.RUNNING

    _may_migrate_again = _may_migrate

    def migrate(self, host: Host) -> None:
        """A migration is asked for.  QEMU: qmp_migrate().

        Raises BitmapError if a bitmap is inconsistent, or busy with anything
        but a backup job, which has its end.
        """
        for names, _ in self.aliases.outgoing(host):
            bitmap = host.bitmap(*names)
            if not bitmap.frozen:
                bitmap.check_free("migrated")

    migrate_again = migrate

    def _may_dirty_bitmap_save_setup(self, host: Host) -> bool:
        return not self.waits_for_job(host)

    def _may_dirty_bitmap_save_setup_busy(self, host: Host) -> bool:
        fails = self.busy_bitmap is BusyBitmap.FAIL
        return fails and self.waits_for_job(host)

    def _may_block_job_cancel(self, host: Host) -> bool:
        aborts = self.busy_bitmap is BusyBitmap.ABORT
        return aborts and bool(self._jobs(host))

    def block_job_cancel(self, host: Host) -> None:
        """Management cancels a job that holds a bitmap."""
        job_fails(host, self._jobs(host)[0])

    def _jobs(self, host: Host) -> list[Job]:
        needed = self._needed(host)
        return [job for job in host.jobs if (job.node, job.name) in needed]
