# SPDX-License-Identifier: GPL-2.0-or-later
"""Seeded defects of the connection, and of management across both ends."""

from __future__ import annotations

import pytest

from reference.host import RunState
from reference.loopback import Connection, Loopback, Pipe
from reference.protocol.tables import Phase
from tests.defects.catalogue import ALL, KILLED, defect, source_row

# -- how a connection breaks -------------------------------------------------


@defect("S6", ALL, "stream[0].kind")
def a_cut_loses_what_is_in_flight(patch: pytest.MonkeyPatch) -> None:
    cut = Loopback.cut

    def lose(self: Loopback, silent: bool = False) -> None:
        cut(self, silent)
        self.forward.lose()

    patch.setattr(Loopback, "cut", lose)


@defect("time-out", ALL, "link")
def silence_is_never_given_up(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Loopback, "time_out", lambda self: None)


@defect("time-out", ALL, "would do migration_fails")
def silence_is_noticed_at_once(patch: pytest.MonkeyPatch) -> None:
    offers = Loopback.offers

    def noticed(self: Loopback, needs: str, pipe: Pipe) -> bool:
        if needs == "lost" and self.connection is Connection.SILENT:
            return True
        return offers(self, needs, pipe)

    patch.setattr(Loopback, "offers", noticed)


@defect("S6", ALL, "would do dirty_bitmap_save_setup")
def sends_over_a_broken_connection(patch: pytest.MonkeyPatch) -> None:
    offers = Loopback.offers

    def sends(self: Loopback, needs: str, pipe: Pipe) -> bool:
        broken = self.connection is Connection.BROKEN
        return (needs == "room" and broken) or offers(self, needs, pipe)

    patch.setattr(Loopback, "offers", sends)


@defect("S6", KILLED, "stream[0].kind")
def a_killed_source_takes_back_what_it_has_sent(
    patch: pytest.MonkeyPatch,
) -> None:
    kill = Loopback.kill_source

    def take_back(self: Loopback) -> None:
        kill(self)
        self.forward.lose()

    patch.setattr(Loopback, "kill_source", take_back)


@defect("L1", ALL, "link")
def nobody_learns_that_the_other_end_has_closed(
    patch: pytest.MonkeyPatch,
) -> None:
    patch.setattr(Loopback, "_breaks", lambda self: None)


# -- management --------------------------------------------------------------


@defect("fence-before-resume", ALL, "would do resume_source")
def resumes_in_doubt(patch: pytest.MonkeyPatch) -> None:
    source_row(patch, "resume_source", (Phase.IN_DOUBT,))


@defect("fence-before-resume", ALL, "destination.vm")
def fence_leaves_the_destination_alone(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Loopback, "_end_destination", lambda self: None)


@defect("fencing", ALL, "would do fence_destination")
def fences_where_there_is_no_doubt(patch: pytest.MonkeyPatch) -> None:
    source_row(patch, "fence_destination", (Phase.HANDED_OVER,))


@defect("quit-when-moved", ALL, "would do quit_source")
def quits_because_the_source_says_so(patch: pytest.MonkeyPatch) -> None:
    can = Loopback.source_can

    def trusts(self: Loopback, event: str) -> bool:
        if event == "quit_source":
            return self.source.row(event, self.source_host) is not None
        return can(self, event)

    patch.setattr(Loopback, "source_can", trusts)


@defect("quit-when-over", ALL, "would do quit_source")
def quits_because_the_vm_has_moved(patch: pytest.MonkeyPatch) -> None:
    source_row(patch, "quit_source", (Phase.HANDED_OVER,))


@defect("L1", ALL, "would do migrate_again")
def tries_again_while_the_destination_still_waits(
    patch: pytest.MonkeyPatch,
) -> None:
    def any_that_waits(self: Loopback) -> bool:
        return self.destination_host.vm is not RunState.RUNNING

    patch.setattr(Loopback, "_destination_failed", any_that_waits)


@defect("L1", ALL, "destination.stream_ended")
def tries_again_with_the_old_destination(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Loopback, "_renew_destination", lambda self: None)
