# SPDX-License-Identifier: GPL-2.0-or-later
"""Does a real QEMU load what a source sends that makes a pass?

Its destination was never told of such a source: chunks come before the stop,
and some come twice.  Judged by what the guest wrote.
"""

from __future__ import annotations

import asyncio

import pytest

from checker.qemu.harness.binary import Build
from checker.qemu.harness.progress import Limits
from checker.qemu.harness.scenario import Mode
from checker.qemu.interop.bitmap_shapes import QUICK, SHAPES, Shape, shape
from checker.qemu.interop.bulk_pass import pass_to_qemu
from checker.qemu.interop.interop import Result, expected
from reference.host import Host
from reference.protocol.outgoing import Outgoing

PATIENT = Limits(answer=60, settle=120, quiet=60)
ALL_CHANGE = shape("16 chunks, all change")


def migrate(each: Shape, mode: Mode, build: Build) -> Result:
    return asyncio.run(pass_to_qemu(each, mode, build, limits=PATIENT))


@pytest.mark.parametrize("mode", Mode)
def test_shapes(build: Build, mode: Mode) -> None:
    again = 0
    for name in QUICK:
        found = migrate(shape(name), mode, build)
        assert found.differences == (), found
        assert found.exit_code is None
        again += found.again
    assert again > 0


@pytest.mark.parametrize("mode", Mode)
def test_most_chunks_come_twice(build: Build, mode: Mode) -> None:
    """Of some the guest's write after the pass changes no bit."""
    found = migrate(ALL_CHANGE, mode, build)
    assert found.differences == (), found
    assert 10 <= found.again < 16


@pytest.mark.slow
@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("each", SHAPES, ids=str)
def test_all_shapes(build: Build, each: Shape, mode: Mode) -> None:
    found = migrate(each, mode, build)
    assert expected(found, build), found


def test_a_chunk_that_is_not_sent_again_shows(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The comparison would see what this is about."""
    thaw = Outgoing.thaw

    def forget(self: Outgoing, host: Host) -> None:
        thaw(self, host)
        self.changed.clear()

    monkeypatch.setattr(Outgoing, "thaw", forget)
    found = migrate(ALL_CHANGE, Mode.PRECOPY, build)
    assert found.again == 0
    assert any("sha256" in line for line in found.differences)
