# SPDX-License-Identifier: GPL-2.0-or-later
"""Every option that takes a size takes it with a unit."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import typer

from checker.cli.sizes import shown, size_of
from checker.input.errors import InputError
from reference.cli import arguments
from tests.command import Result

Command = Callable[..., Result]
SIZES = {
    "0": 0,
    "4096": 4096,
    "64K": 1 << 16,
    "64k": 1 << 16,
    "64KB": 1 << 16,
    "64KiB": 1 << 16,
    "64kib": 1 << 16,
    "512B": 512,
    "1G": 1 << 30,
    "4T": 4 << 40,
}
NO_SIZES = ("", "K", "lots", "1X", "-1", "1.5G", "1iB", "1 K", "0x10", "1KK")


@pytest.mark.parametrize("text", SIZES)
def test_a_size(text: str) -> None:
    assert size_of("--size", text) == SIZES[text]
    assert arguments.size_of(text) == SIZES[text]


@pytest.mark.parametrize("text", NO_SIZES)
def test_no_size(text: str) -> None:
    with pytest.raises(InputError, match=r"--size is .*64K"):
        size_of("--size", text)
    with pytest.raises(typer.BadParameter, match="64K"):
        arguments.size_of(text)


def test_too_much_and_too_little() -> None:
    with pytest.raises(InputError, match="the least is 1M"):
        size_of("--memory", "1023K", 1 << 20)
    with pytest.raises(InputError, match="the most is 8E"):
        size_of("--memory", "8E")
    assert size_of("--memory", "1M", 1 << 20) == 1 << 20
    assert size_of("--memory", str((1 << 63) - 1)) == (1 << 63) - 1
    assert [shown(n) for n in (0, 1, 4095, 4096, 1 << 40)] == [
        "0",
        "1",
        "4095",
        "4K",
        "1T",
    ]


def test_every_option_in_bytes(dbmcheck: Command) -> None:
    """None counts bytes as a bare number; each says SIZE."""
    text = dbmcheck("qemu", "scenario", "--help").out
    for option in ("--size", "--granularity"):
        assert re.search(rf"{option} +SIZE", text), text
        refused = dbmcheck("qemu", "scenario", option, "1X")
        assert refused.code == 2
        assert refused.err.startswith(f"dbmcheck: {option} is '1X', allowed")


def test_memory(dbmcheck: Command) -> None:
    for size in ("1g", "1GiB", "1073741824"):
        assert dbmcheck("check", "drop-small", "--memory", size).code == 0
