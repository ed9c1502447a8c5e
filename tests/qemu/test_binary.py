# SPDX-License-Identifier: GPL-2.0-or-later
"""Is what a person names found out to be no usable QEMU, in one line?"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from checker.conformance.qemu.binary import (
    Build,
    check_work_directory,
    find_build,
)
from checker.errors import InputError


def script(path: Path, text: str, mode: int = 0o755) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(mode)
    return str(path)


def complaint(path: str, *prefix: str) -> str:
    with pytest.raises(InputError) as caught:
        find_build(path, prefix)
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_the_installed_one(build: Build) -> None:
    assert build.version >= (4, 0, 0)
    assert build.label.count(".") == 2


def test_no_such_file(tmp_path: Path) -> None:
    assert "no such file" in complaint(str(tmp_path / "none"))


def test_no_such_program_says_how_to_install() -> None:
    assert "apt-get install" in complaint("qemu-system-nowhere")


def test_directory(tmp_path: Path) -> None:
    assert "is a directory" in complaint(str(tmp_path))


def test_not_executable(tmp_path: Path) -> None:
    path = script(tmp_path / "qemu", "echo", mode=0o644)
    assert "not executable" in complaint(path)


def test_not_qemu(tmp_path: Path) -> None:
    path = script(tmp_path / "editor", "echo An editor, version 1.2.3")
    assert "is no QEMU" in complaint(path)
    assert "An editor" in complaint(path)


def test_silent_program(tmp_path: Path) -> None:
    path = script(tmp_path / "silent", "exit 0")
    assert "it says: nothing" in complaint(path)


def test_not_a_program_at_all(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_bytes(b"\x7fELF broken")
    path.chmod(0o755)
    assert "does not run" in complaint(str(path))


def test_too_old(tmp_path: Path) -> None:
    path = script(tmp_path / "old", "echo QEMU emulator version 3.1.0")
    text = complaint(path)
    assert "QEMU 3.1 is too old" in text and "4.0" in text


def test_prefix_and_library_path(tmp_path: Path, build: Build) -> None:
    loader = script(tmp_path / "loader", 'shift; exec "$@"')
    found = find_build(build.program[-1], (loader, "--"), "/nowhere")
    assert found.version == build.version
    assert found.program[1:3] == ("LD_LIBRARY_PATH=/nowhere", loader)
    assert "no such file" in complaint(
        build.program[-1], str(tmp_path / "no-loader")
    )


def test_work_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert check_work_directory(Path("/tmp")) == Path("/tmp")
    with pytest.raises(InputError, match="is no directory"):
        check_work_directory(tmp_path / "none")
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    with pytest.raises(InputError, match="too long for sockets"):
        check_work_directory(deep)
    # root may write everywhere
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(InputError, match="no permission"):
        check_work_directory(tmp_path)
