# SPDX-License-Identifier: GPL-2.0-or-later
"""Does the backup chain restore the disk, with the reference in memory?"""

from __future__ import annotations

import pytest
from hypothesis.stateful import run_state_machine_as_test

from checker.stateful.bitmap_machine import machine_for
from checker.stateful.profiles import missing, quick, slow
from tests.stateful.adapter_memory import MemoryAdapter


def test_backup_chain_restores_the_disk() -> None:
    machine = machine_for(MemoryAdapter)
    run_state_machine_as_test(machine, settings=quick(150))
    assert machine.seen["ended"] >= 150
    assert missing(machine.seen, later=()) == []


@pytest.mark.slow
def test_backup_chain_restores_the_disk_for_long() -> None:
    machine = machine_for(MemoryAdapter)
    run_state_machine_as_test(machine, settings=slow(10_000))
    assert missing(machine.seen, least=50) == []
