# SPDX-License-Identifier: GPL-2.0-or-later
"""Does the machine find what is wrong with a broken implementation?"""

from __future__ import annotations

import pytest
from attrs import evolve
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from checker.stateful.bitmap_machine import machine_for
from checker.stateful.profiles import quick
from checker.stateful.promise import BrokenGuaranteeError
from tests.defects.broken import BROKEN
from tests.stateful.adapter_memory import MemoryAdapter

SEARCH = settings(
    quick(1000), report_multiple_bugs=False, phases=[Phase.generate]
)


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_implementation_is_found(name: str) -> None:
    broken = BROKEN[name]

    class Adapter(MemoryAdapter):
        capabilities = evolve(
            MemoryAdapter.capabilities, designs=broken.designs
        )

    with (
        broken.wrong,
        pytest.raises(BrokenGuaranteeError, match=f"^({broken.guarantees}):"),
    ):
        run_state_machine_as_test(machine_for(Adapter), settings=SEARCH)
