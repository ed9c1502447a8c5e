# SPDX-License-Identifier: GPL-2.0-or-later
"""What is left of a real QEMU's bitmap that was all ones when the link broke?

QEMU sends in postcopy, and the connection is cut after every chunk and in the
middle of it.  Judged by what the guest wrote, and by which chunks have come.
"""

from __future__ import annotations

import asyncio

import pytest

from checker.qemu.harness.binary import Build
from checker.qemu.harness.faults import Fault, FaultKind
from checker.qemu.harness.places import Place, Within
from checker.qemu.harness.progress import Limits
from checker.qemu.harness.scenario import KIB, MIB
from checker.qemu.interop.bitmap_shapes import Extent, shape
from checker.qemu.interop.cut_ones import Cut, cut_from_qemu
from reference.host import Host
from reference.protocol.loader import Loader

PATIENT = Limits(answer=60, settle=120, quiet=60)
CHUNKS = 16
#: what the guest writes here while the bitmap is being loaded
HERE = (Extent(50 * KIB, 512), Extent(50 * MIB, 512))


def cut(
    build: Build,
    item: str = "",
    number: int = 0,
    within: Within = Within.AFTER,
    name: str = "16 chunks, all change",
) -> Cut:
    fault = Fault(FaultKind.CUT, Place(item, number, within)) if item else None
    return asyncio.run(cut_from_qemu(shape(name), fault, build, HERE, PATIENT))


@pytest.mark.parametrize(
    "within",
    [Within.AFTER, pytest.param(Within.MIDDLE, marks=pytest.mark.full)],
)
def test_cut_at_every_chunk(build: Build, within: Within) -> None:
    before: int | None = None
    for number in range(CHUNKS):
        found = cut(build, "bits", number, within)
        assert found.differences == (), found
        assert found.ran and found.degraded == 1
        assert found.arrived == number + (within is Within.AFTER)
        # every chunk that comes takes away what is set for want of it
        assert before is None or found.too_many < before
        before = found.too_many


def test_nothing_has_come_but_start(build: Build) -> None:
    found = cut(build, "bits", 0, Within.BEFORE)
    assert found.differences == () and found.degraded == 1
    assert found.arrived == 0


def test_with_the_package_the_vm_has_come(build: Build) -> None:
    """RUN is in it, and no chunk has come yet."""
    early, there = cut(build, "package"), cut(build, "package-end")
    assert early.differences == there.differences == ()
    assert not early.ran and early.degraded == 0
    assert there.ran and there.degraded == 1 and there.arrived == 0


def test_before_the_switchover_it_is_removed(build: Build) -> None:
    found = cut(build, "start")
    assert found.differences == ()
    assert not found.ran and found.degraded == found.exact == 0


def test_after_complete_it_is_exact(build: Build) -> None:
    for found in (cut(build, "complete"), cut(build)):
        assert found.differences == ()
        assert (found.degraded, found.exact, found.too_many) == (0, 1, 0)


def test_several_bitmaps(build: Build) -> None:
    """Those that are whole are exact; each of the others is a superset."""
    for number in (0, 3, 17):
        found = cut(build, "bits", number, name="several bitmaps")
        assert found.differences == (), found
        assert found.degraded + found.exact == 4
        assert found.degraded


@pytest.mark.parametrize("name", ["empty", "full odd disk, 512"])
def test_other_shapes(build: Build, name: str) -> None:
    found = asyncio.run(
        cut_from_qemu(
            shape(name),
            Fault(FaultKind.CUT, Place("bits", 0, Within.MIDDLE)),
            build,
            limits=PATIENT,
        )
    )
    assert found.differences == () and found.degraded == 1


# -- would a difference be seen? ---------------------------------------------


def test_a_bitmap_that_begins_empty_shows(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    init = Loader.keep

    def emptied(self: Loader, host: Host) -> list[str]:
        kept = init(self, host)
        for incoming in self.bitmaps.values():
            bitmap = incoming.bitmap(host)
            bitmap.bits.clear(incoming.covered, 64)
        return kept

    monkeypatch.setattr(Loader, "keep", emptied)
    (line,) = cut(build, "bits", 3).differences
    assert "sha256" in line


def test_one_that_is_dropped_or_hidden_shows(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = Loader.keep

    def hidden(self: Loader, host: Host) -> list[str]:
        kept = keep(self, host)
        for incoming in self.bitmaps.values():
            incoming.bitmap(host).degraded = False
        return kept

    with monkeypatch.context() as patch:
        patch.setattr(Loader, "keep", hidden)
        assert cut(build, "bits", 3).differences == (
            "drive0/b0: degraded: expected True, is False",
        )
    monkeypatch.setattr(
        Loader, "keep", lambda self, host: self.cancel(host) or []
    )
    assert cut(build, "bits", 3).differences == ("drive0/b0: lost",)
