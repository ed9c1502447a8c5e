# SPDX-License-Identifier: GPL-2.0-or-later
"""Help fits a terminal and says what every exit code means."""

from __future__ import annotations

import pytest

from reference.cli import main
from reference.cli.exit_codes import ExitCode
from reference.errors import DirtyBitmapError

WIDTH = 79


@pytest.mark.parametrize("command", ["", "serve", "send", "inspect"])
def test_width(
    command: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main([*command.split(), "--help"]) == 0
    out = capsys.readouterr().out
    assert out
    assert [line for line in out.splitlines() if len(line) > WIDTH] == []


def test_exit_codes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main([]) == ExitCode.USAGE
    said = " ".join(capsys.readouterr().out.split())
    codes = said.partition("Exit codes: ")[2]
    for code in ExitCode:
        assert f" {int(code)} " in f" {codes}"


def test_our_bug(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("reference.cli.app.run", fails)
    monkeypatch.delenv("DBMCHECK_DEBUG", raising=False)
    assert main(["send"]) == ExitCode.OUR_BUG
    assert capsys.readouterr().err.startswith("reference: this is our bug: ")
    monkeypatch.setenv("DBMCHECK_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        main(["send"])


def test_unprintable_text_stays_on_its_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise DirtyBitmapError("a\nb\x1b[2J")

    monkeypatch.setattr("reference.cli.app.run", fails)
    assert main(["send"]) == ExitCode.CONFIGURATION
    assert capsys.readouterr().err == (
        "reference: DirtyBitmapError: a\\nb\\x1b[2J\n"
    )


def test_interrupted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stops(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("reference.cli.app.run", stops)
    assert main(["send"]) == ExitCode.INTERRUPTED
    assert capsys.readouterr().err == "reference: interrupted\n"
