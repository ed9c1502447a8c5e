# SPDX-License-Identifier: GPL-2.0-or-later
"""Several bitmaps, their flags, aliases, and destinations that refuse."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from reference.disk import NoDisk
from reference.errors import BusyError, InconsistentError
from reference.host import Host, RunState
from reference.loopback import Loopback
from reference.protocol.aliases import Aliases
from reference.protocol.tables import Arrival, Design, Phase
from tests.reference.loopback.drive import (
    BITMAPS,
    DESIGNS,
    Drive,
    add,
    again,
    as_before,
    content,
    every,
    loopback,
)

DAILY, WEEKLY = ("drive0", "daily"), ("drive0", "weekly")
RENAMED = (
    (DAILY, ("disk-a", "d")),
    (("drive1", "daily"), ("disk-b", "d")),
)


@pytest.mark.parametrize("design", DESIGNS)
def test_flags_while_loading_and_after(design: Design) -> None:
    both = loopback(design)
    drive = Drive(both)
    while not every(both.destination_host):
        assert drive.step()
    found = every(both.destination_host)
    assert found.keys() == every(both.source_host).keys()
    for bitmap in found.values():
        assert bitmap.busy
        assert not bitmap.recording
        assert not bitmap.records
        enabled = bitmap.name != "weekly"
        plain = design is Design.LIVE
        assert (bitmap.successor is not None) == (enabled and not plain)
        with pytest.raises(BusyError):
            bitmap.clear()
    with pytest.raises(BusyError):
        both.destination_host.remove_bitmap(*WEEKLY)
    drive.run()
    host = both.destination_host
    weekly = every(host)[WEEKLY]
    assert (weekly.recording, weekly.persistent) == (False, True)
    count = weekly.bits.count()
    host.finish_write(host.begin_write(NoDisk(), "drive0", 0, b"x"))
    assert weekly.bits.count() == count
    assert every(host)[DAILY].bits.test(0)


@pytest.mark.parametrize("design", DESIGNS)
def test_held_on_the_source_until_it_ends(design: Design) -> None:
    both = loopback(design)
    Drive(both).until(Phase.ACTIVE)
    for bitmap in every(both.source_host).values():
        assert bitmap.busy == (design is not Design.LIVE)
        assert (bitmap.meta is not None) == (design is Design.LIVE)
        assert bitmap.skip_store
    Drive(both).run()
    for bitmap in every(both.source_host).values():
        assert not bitmap.busy
        assert bitmap.meta is None
        assert bitmap.skip_store, "it lives on the destination now"


@pytest.mark.parametrize("design", DESIGNS)
def test_no_bitmap_at_all(design: Design) -> None:
    both = loopback(design, bitmaps=())
    Drive(both).run()
    assert both.source.phase is Phase.COMPLETED
    assert both.destination_host.vm is RunState.RUNNING
    assert every(both.destination_host) == {}


@pytest.mark.parametrize("design", DESIGNS)
def test_aliases_both_ways(design: Design) -> None:
    """Only what is mapped travels; the destination has other names."""
    both = loopback(design)
    before = content(both.source_host)
    local = (
        (("tiny", "mine"), ("never", "sent")),
        (("other0", "renamed"), ("disk-a", "d")),
        (("other1", "renamed"), ("disk-b", "d")),
    )
    for name, old in (("other0", "drive0"), ("other1", "drive1")):
        size = both.destination_host.nodes.pop(old).size
        both.destination_host.add_node(name, size)
    both.source.aliases = Aliases(RENAMED)
    both.destination = type(both.destination)(
        design, both.source.chunk_bytes, Aliases(local)
    )
    Drive(both, most=1).run()
    assert both.source.phase is Phase.COMPLETED
    assert content(both.destination_host) == {
        ("other0", "renamed"): before[DAILY],
        ("other1", "renamed"): before["drive1", "daily"],
    }
    as_before(both.destination_host, content(both.destination_host))
    untouched = every(both.source_host)[WEEKLY]
    assert not untouched.skip_store


def no_such_node(both: Loopback) -> None:
    del both.destination_host.nodes["drive1"]


def unknown_alias(both: Loopback) -> None:
    both.source.aliases = Aliases(
        tuple((names, names) for names in every(both.source_host))
    )
    known = (WEEKLY, DAILY)
    both.destination = type(both.destination)(
        both.source.design,
        both.source.chunk_bytes,
        Aliases(tuple((names, names) for names in known)),
    )


def smaller_disk(both: Loopback) -> None:
    both.destination_host.nodes["drive1"].size //= 2


REFUSALS = [no_such_node, unknown_alias, smaller_disk]


@pytest.mark.parametrize("refusal", REFUSALS)
@pytest.mark.parametrize("design", [Design.POSTCOPY, Design.STOP_COPY])
def test_refused_bitmap_is_lost_and_the_vm_moves(
    design: Design, refusal: Callable[[Loopback], None]
) -> None:
    """One error drops all that is not whole; nothing partial is left."""
    both = loopback(design)
    refusal(both)
    before = content(both.source_host)
    Drive(both).run()
    assert both.source.phase is Phase.COMPLETED
    assert both.destination_host.vm is RunState.RUNNING
    assert both.destination.error == ""
    assert both.destination.loader.cancelled
    found = content(both.destination_host)
    assert found.items() <= before.items()
    assert found == {}
    as_before(both.destination_host, found)


@pytest.mark.parametrize("refusal", REFUSALS)
def test_refused_bitmap_fails_a_live_migration(
    refusal: Callable[[Loopback], None],
) -> None:
    both = loopback(Design.LIVE)
    refusal(both)
    before = content(both.source_host)
    Drive(both).run()
    assert both.source.phase is Phase.FAILED
    assert both.destination.phase is Arrival.WAITING
    assert every(both.destination_host) == {}
    as_before(both.source_host, before)


@pytest.mark.parametrize("design", DESIGNS)
def test_a_taken_name_fails_the_migration(design: Design) -> None:
    """What stood under that name is not touched, and the rest goes."""
    both = loopback(design)
    add(both.destination_host, BITMAPS[2:3])
    mine = content(both.destination_host)
    before = content(both.source_host)
    Drive(both, wait=1).run()
    assert both.source.phase in (Phase.FAILED, Phase.IN_DOUBT)
    assert content(both.destination_host) == mine
    as_before(both.destination_host, mine)
    if both.source.phase is Phase.FAILED:
        as_before(both.source_host, before)
        both.destination_host.remove_bitmap("drive1", "daily")
        again(both)
        as_before(both.destination_host, before)


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("state", ["busy", "inconsistent"])
def test_one_unusable_bitmap_refuses_it_all(
    design: Design, state: str
) -> None:
    both = loopback(design)
    bitmap = every(both.source_host)["drive1", "daily"]
    setattr(bitmap, state, True)
    kind = BusyError if state == "busy" else InconsistentError
    before = shown(both.source_host)
    with pytest.raises(kind, match="daily"):
        both.source_does("migrate")
    assert shown(both.source_host) == before
    assert both.source.phase is Phase.NONE
    assert both.forward.is_empty
    setattr(bitmap, state, False)
    wanted = content(both.source_host)
    Drive(both).run()
    as_before(both.destination_host, wanted)


def shown(host: Host) -> str:
    return repr(host)
