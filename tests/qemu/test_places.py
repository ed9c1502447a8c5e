# SPDX-License-Identifier: GPL-2.0-or-later
"""Do places survive being written down?"""

from __future__ import annotations

import pytest

from checker.qemu.harness.places import Place, Within


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("bits:1+middle", Place("bits", 1, Within.MIDDLE)),
        ("eof:0+after", Place("eof", 0, Within.AFTER)),
        ("header:0+3", Place("header", 0, 3)),
        ("dirty-bitmap.footer:2+before", Place("dirty-bitmap.footer", 2)),
    ],
)
def test_text_form(text: str, place: Place) -> None:
    assert Place.parse(text) == place
    assert str(place) == text


def test_short_forms() -> None:
    assert Place.parse("bits") == Place("bits", 0, Within.BEFORE)
    assert Place.parse("bits+5") == Place("bits", 0, 5)
    assert Place.parse("shut").returning


@pytest.mark.parametrize("text", ["", "+3", "bits:x", "bits:0+sideways"])
def test_no_place(text: str) -> None:
    with pytest.raises(ValueError, match=r"bits:1\+middle"):
        Place.parse(text)


def test_bytes_before_the_place() -> None:
    found = [
        Place("bits", 0, offset).cut_at(9)
        for offset in (Within.BEFORE, Within.MIDDLE, Within.AFTER, 2, 99)
    ]
    assert found == [0, 4, 9, 2, 9]
