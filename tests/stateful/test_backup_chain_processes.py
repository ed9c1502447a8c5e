# SPDX-License-Identifier: GPL-2.0-or-later
"""Does the backup chain restore the disk, with processes and sockets?"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis.stateful import run_state_machine_as_test

from checker.stateful.bitmap_machine import machine_for
from checker.stateful.profiles import missing, quick, slow
from tests.stateful.adapter_processes import ProcessAdapter


@pytest.fixture
def adapter() -> Iterator[ProcessAdapter]:
    made = ProcessAdapter()
    yield made
    made.end()


def test_backup_chain_restores_the_disk(adapter: ProcessAdapter) -> None:
    machine = machine_for(lambda: adapter)
    run_state_machine_as_test(machine, settings=quick(25, steps=40))
    assert machine.seen["ended"] >= 25
    assert missing(machine.seen, later=()) == []


@pytest.mark.slow
def test_backup_chain_restores_the_disk_for_long(
    adapter: ProcessAdapter,
) -> None:
    machine = machine_for(lambda: adapter)
    run_state_machine_as_test(machine, settings=slow(500))
    assert missing(machine.seen) == []
