# SPDX-License-Identifier: GPL-2.0-or-later
"""Is what a person names found out to be no usable QEMU, in one line?"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from checker.input.errors import InputError
from checker.qemu.harness.binary import (
    Build,
    check_work_directory,
    find_build,
)


def script(path: Path, text: str, mode: int = 0o755) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(mode)
    return str(path)


def complaint(given: str) -> str:
    with pytest.raises(InputError) as caught:
        find_build(given)
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


QEMU = "echo QEMU emulator version 9.9.1"


def test_a_file_is_one_word(tmp_path: Path) -> None:
    path = script(tmp_path / "my qemu", QEMU)
    found = find_build(path)
    assert (found.program, found.given) == ((path,), path)
    assert found.version == (9, 9, 1)


def test_words_before_the_program(tmp_path: Path) -> None:
    path = script(tmp_path / "my qemu", QEMU)
    loader = script(tmp_path / "loader", 'shift 2; exec "$@"')
    given = f"{loader} --library-path '/a b:/c' '{path}'"
    found = find_build(given)
    words = (loader, "--library-path", "/a b:/c")
    assert found.program == (*words, path) and found.given == given
    # without one beside it
    assert found.image_tool[0].endswith("/qemu-img")
    beside = script(tmp_path / "qemu-img", "exit 0")
    assert find_build(given).image_tool == (*words, beside)
    assert find_build(path).image_tool == (beside,)


def test_env_before_the_program(tmp_path: Path) -> None:
    path = script(tmp_path / "q", "echo QEMU emulator version $WHICH")
    found = find_build(f"env WHICH=8.2.3 {path}")
    assert found.version == (8, 2, 3)


def test_the_loader_is_missing(tmp_path: Path) -> None:
    path = script(tmp_path / "qemu", QEMU)
    assert "no-loader: no such file" in complaint(f"/no-loader {path}")
    (tmp_path / "orphan").write_text("#!/no/loader\n")
    (tmp_path / "orphan").chmod(0o755)
    assert "its loader is missing" in complaint(str(tmp_path / "orphan"))


def test_a_library_is_missing(tmp_path: Path) -> None:
    said = "qemu: error while loading shared libraries: libpixman-1.so.0"
    path = script(tmp_path / "qemu", f"echo '{said}' >&2; exit 127")
    assert complaint(path) == f"{path}: does not run: {said}"


def test_words_that_are_none(tmp_path: Path) -> None:
    assert "no closing quotation" in complaint("env 'A=1 qemu")
    assert "names no program" in complaint("  ")
    assert complaint("/" + "x" * 5000).endswith("no such file")
    path = script(tmp_path / "qemu", QEMU)
    assert "no such file" in complaint(f"{path} --version/")


def test_a_newer_source_and_an_older_destination() -> None:
    old, new = (Build(("qemu",), (n, 0, 0)) for n in (9, 10))
    off = ("-global", "migration.send-switchover-start=off")
    assert new.options_towards(old) == off
    assert not old.options_towards(new)
    assert not new.options_towards(new) + old.options_towards(old)


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
