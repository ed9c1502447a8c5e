# SPDX-License-Identifier: GPL-2.0-or-later
"""Does the backup chain restore the disk, with real QEMU?"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from checker.conformance.qemu.binary import Build
from checker.conformance.qemu.random_adapter import QemuAdapter
from checker.conformance.stateful.adapter import Side as MachineSide
from checker.conformance.stateful.adapter import SideView
from checker.conformance.stateful.bitmap_machine import machine_for
from checker.conformance.stateful.profiles import quick, slow
from checker.conformance.stateful.promise import BrokenGuaranteeError

REACHED = ("postcopy completed", "stop-copy completed", "cut")


@pytest.fixture
def adapter(build: Build) -> Iterator[QemuAdapter]:
    made = QemuAdapter(build)
    yield made
    made.end()


def test_backup_chain_restores_the_disk(adapter: QemuAdapter) -> None:
    machine = machine_for(lambda: adapter)
    run_state_machine_as_test(machine, settings=quick(12, steps=20))
    assert machine.seen["ended"] >= 12
    assert not [name for name in REACHED if not machine.seen[name]]


@pytest.mark.slow
def test_backup_chain_restores_the_disk_for_long(
    adapter: QemuAdapter,
) -> None:
    machine = machine_for(lambda: adapter)
    run_state_machine_as_test(machine, settings=slow(150))
    assert not [name for name in REACHED if not machine.seen[name]]


class Forgetful(QemuAdapter):
    """What the guest writes while nobody looks is not recorded."""

    def discard(self, node: str, offset: int, length: int) -> None:
        path = self.pair.path(node)
        data = bytearray(path.read_bytes())
        data[offset : offset + length] = bytes(length)
        path.write_bytes(data)


class Doubling(QemuAdapter):
    """Both sides run once the destination does."""

    def query(self, side: MachineSide) -> SideView:
        seen = super().query(side)
        other = super().query(MachineSide.DESTINATION)
        return other if side is MachineSide.SOURCE and other.bitmaps else seen


@pytest.mark.parametrize(
    ("broken", "guarantees"), [(Forgetful, "S1"), (Doubling, "S6|S2|L1|M1")]
)
def test_what_is_broken_is_found(
    broken: type[QemuAdapter], guarantees: str, build: Build
) -> None:
    made = broken(build)
    search = settings(
        quick(60, steps=20),
        report_multiple_bugs=False,
        phases=[Phase.generate],
    )
    try:
        with pytest.raises(BrokenGuaranteeError, match=f"^({guarantees}):"):
            run_state_machine_as_test(
                machine_for(lambda: made), settings=search
            )
    finally:
        made.end()
