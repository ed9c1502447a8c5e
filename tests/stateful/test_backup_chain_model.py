# SPDX-License-Identifier: GPL-2.0-or-later
"""Does the backup chain restore the disk, in the model?"""

from __future__ import annotations

import pytest
from hypothesis.stateful import run_state_machine_as_test

from checker.stateful.bitmap_machine import machine_for
from checker.stateful.profiles import (
    REACHED_LATER,
    missing,
    quick,
    slow,
)
from tests.stateful.adapter_model import ModelAdapter


def test_backup_chain_restores_the_disk() -> None:
    machine = machine_for(ModelAdapter)
    run_state_machine_as_test(machine, settings=quick(150))
    assert machine.seen["ended"] >= 150
    assert missing(machine.seen, later=("drop completed",)) == []


@pytest.mark.slow
def test_backup_chain_restores_the_disk_for_long() -> None:
    machine = machine_for(ModelAdapter)
    run_state_machine_as_test(machine, settings=slow(5000))
    later = (*REACHED_LATER, "drop completed", "drop again")
    assert missing(machine.seen, later, least=20) == []
