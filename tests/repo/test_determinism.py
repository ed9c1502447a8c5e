# SPDX-License-Identifier: GPL-2.0-or-later
"""Is the output the same whatever the hash seed is?"""

from __future__ import annotations

import os

import pytest

from tests.command import run_process, without_timing


@pytest.mark.parametrize(
    "arguments",
    [
        ("cite", "live-read-then-clear"),
        ("check", "postcopy-small"),
        pytest.param(("ablate", "drop", "--singles"), marks=pytest.mark.full),
        pytest.param(("ablate", "stop-copy"), marks=pytest.mark.slow),
        ("graph", "postcopy-without-successor"),
        ("list", "--format", "json"),
    ],
    ids=" ".join,
)
def test_same_output_under_two_hash_seeds(arguments: tuple[str, ...]) -> None:
    outputs = {
        without_timing(
            run_process(
                arguments,
                environment={**os.environ, "PYTHONHASHSEED": seed},
            ).out
        )
        for seed in ("1", "2")
    }
    assert len(outputs) == 1
    assert outputs != {""}
