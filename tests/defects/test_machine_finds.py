# SPDX-License-Identifier: GPL-2.0-or-later
"""Does the stateful machine find what is wrong with a broken reference?"""

from __future__ import annotations

import pytest
from attrs import evolve
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from checker.stateful.bitmap_machine import machine_for
from checker.stateful.profiles import quick
from checker.stateful.promise import BrokenGuaranteeError
from tests.defects import ROOMS
from tests.defects.catalogue import DEFECTS
from tests.stateful.adapter_memory import MemoryAdapter

SEARCH = settings(
    quick(1000), report_multiple_bugs=False, phases=[Phase.generate]
)
JUDGED = [name for name, seed in DEFECTS.items() if seed.breaks]
#: these two took two thirds of the time of all sixteen
RARE = (
    "a-failure-forgets-what-was-recorded",
    "meta-bit-is-cleared-when-the-chunk-goes",
)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if name in RARE else ())
        for name in JUDGED
    ],
)
def test_a_defect_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seed = DEFECTS[name]

    class Adapter(MemoryAdapter):
        capabilities = evolve(MemoryAdapter.capabilities, designs=seed.designs)

    seed.patch(monkeypatch)
    with pytest.raises(BrokenGuaranteeError, match=f"^({seed.breaks}):"):
        run_state_machine_as_test(machine_for(Adapter), settings=SEARCH)


def test_there_are_enough_of_them() -> None:
    assert ROOMS
    assert len(JUDGED) >= 10
    found = {g for name in JUDGED for g in DEFECTS[name].breaks.split("|")}
    assert found >= {"S1", "S2", "S6", "P1", "L1", "M1"}
