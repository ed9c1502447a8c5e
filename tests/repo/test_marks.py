# SPDX-License-Identifier: GPL-2.0-or-later
"""Does the list of heavy tests name tests that there are?"""

from __future__ import annotations

import pytest

from tests.command import ROOT
from tests.conftest import heavy_tests

TESTS = ROOT / "tests"


@pytest.mark.parametrize("line", heavy_tests())
def test_a_heavy_test_is_there(line: str) -> None:
    path, _, name = line.partition("::")
    assert list(TESTS.glob(f"{path}*")), line
    text = (TESTS / path).read_text("utf-8") if name else ""
    assert name.partition("[")[0] in text


def test_the_list_is_in_order() -> None:
    lines = heavy_tests()
    assert lines == sorted(set(lines))
