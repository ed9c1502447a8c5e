# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever is wrong on the command line or in a file: one line, one code."""

from __future__ import annotations

import re
import socket
from collections.abc import Sequence
from pathlib import Path

import pytest

from reference.bitmap import DirtyBitmap, save
from reference.cli import main
from tests.reference.cli.processes import GRANULARITY, SIZE, Ended

USAGE, TRANSPORT, FILE = 2, 74, 151
NODE = ("--node", "d:64M")
CLASS = re.compile(r"^reference: ([A-Za-z]+Error): ")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    bitmap = DirtyBitmap.create("b", SIZE, GRANULARITY)
    save(bitmap, tmp_path / "b.json", "d")
    save(bitmap, tmp_path / "b.bin")
    other = DirtyBitmap.create("c", 2 * SIZE, GRANULARITY)
    save(other, tmp_path / "c.json", "d")
    save(bitmap, tmp_path / "nameless.json")
    (tmp_path / "empty.json").write_text("")
    (tmp_path / "text").write_text("no certificate")
    (tmp_path / "dir").mkdir()
    (tmp_path / "disk").write_bytes(bytes(1000))
    return tmp_path


def ended(
    arguments: Sequence[str], capsys: pytest.CaptureFixture[str]
) -> Ended:
    capsys.readouterr()
    code = main(list(arguments))
    captured = capsys.readouterr()
    return Ended(code, captured.out, captured.err)


SEND = ("send", "--to", "unix:s")
SERVE = ("serve", "--listen", "unix:s")
RAW = ("--disk-size", "64M", "--granularity", "512")


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("send",),
        ("send", "b.json"),
        ("send", "--to", "s", "b.json"),
        ("send", "--to", "tcp:h:70000", "b.json"),
        ("send", "--to", "unix:" + "x" * 200, "b.json"),
        SEND,
        (*SEND, "b.json", "--design", "precopy"),
        (*SEND, "b.json", "--rate", "fast"),
        (*SEND, "b.json", "--rate", "0"),
        (*SEND, "b.json", "--rate", "-1"),
        (*SEND, "b.json", "--downtime", "-1"),
        (*SEND, "b.json", "--alias", "d/b"),
        (*SEND, "b.json", "--alias", "d/b=x"),
        (*SEND, "b.json", "--alias", "d/b=x/" + "y" * 256),
        (*SEND, "b.json", "--alias", "d/b=x/y", "--alias", "d/b=x/z"),
        (*SEND, "b.json", "--writes", "many"),
        (*SEND, "b.json", "--writes", "0"),
        (*SEND, "b.json", "--writes", "1", "--write-size", "0"),
        (*SEND, "b.json", "--disk", "e=disk"),
        (*SEND, "b.json", "--disk", "d"),
        (*SEND, "b.bin", *RAW[:2], "--granularity", "1X", "--node", "d"),
        SERVE,
        (*SERVE, "--node", "d"),
        (*SERVE, "--node", ":5"),
        (*SERVE, "--node", "d:-5"),
        (*SERVE, "--node", "d:99999999E"),
        (*SERVE, *NODE, *NODE),
        (*SERVE, *NODE, "--tls-ca", "text"),
        (*SERVE, "--node", "d:0", "--writes", "1"),
        ("inspect",),
    ],
    ids=" ".join,
)
def test_usage(
    arguments: Sequence[str],
    place: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    done = ended(arguments, capsys)
    assert (done.code, done.out) == (USAGE, "")
    assert re.fullmatch(r"reference: .* \(see --help\)\n", done.err)


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        ((*SEND, "gone.json"), "FileError"),
        ((*SEND, "dir"), "FileError"),
        ((*SEND, "empty.json"), "FileError"),
        ((*SEND, "nameless.json"), "FileError"),
        ((*SEND, "b.json", "b.json"), "FileError"),
        ((*SEND, "b.json", "c.json"), "FileError"),
        ((*SEND, "b.bin", "--node", "d"), "FileError"),
        ((*SEND, "b.bin", *RAW), "FileError"),
        ((*SEND, "b.bin", *RAW, "--node", "n" * 256), "FileError"),
        ((*SEND, "b.bin", *RAW, "--node", "a\nb"), "FileError"),
        (
            (*SEND, "b.bin", "--node", "d", "--disk-size", "63M", *RAW[2:]),
            "FileError",
        ),
        (
            (*SEND, "b.bin", "--node", "d", *RAW[:2], "--granularity", "513"),
            "FileError",
        ),
        ((*SEND, "b.json", "--log", "no/log"), "FileError"),
        ((*SEND, "b.json", "--save", "no"), "FileError"),
        ((*SEND, "b.json", "--writes", "1", "--disk", "d=no"), "FileError"),
        ((*SEND, "b.json", "--disk", "d=disk"), "FileError"),
        ((*SEND, "b.json", "--writes", "1", "--record", "/"), "FileError"),
        ((*SEND, "b.json", "--alias", "d/x=e/f"), "UnknownBitmapError"),
        ((*SEND, "b.json", "--alias", "x/b=e/f"), "UnknownBitmapError"),
        ((*SEND, "b.json", "--tls-ca", "text"), "FileError"),
        ((*SEND, "b.json", "--tls-ca", "gone"), "FileError"),
        ((*SERVE, *NODE, "--out", "no"), "FileError"),
        ((*SERVE, *NODE, "--tls-cert", "text"), "FileError"),
        ((*SERVE, *NODE, "--alias", "x/b=e/f"), "UnknownBitmapError"),
        (("inspect", "gone"), "FileError"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else value,
)
def test_files(
    arguments: Sequence[str],
    kind: str,
    place: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    done = ended(arguments, capsys)
    assert (done.code, done.out) == (FILE, "")
    assert done.err.count("\n") == 1
    found = CLASS.match(done.err)
    assert found and found[1] == kind


def test_a_name_that_no_migration_carries(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (place / "b.json").read_text()
    (place / "b.json").write_text(text.replace('"b"', f'"{"b" * 256}"'))
    done = ended((*SEND, "b.json"), capsys)
    assert done.code == FILE
    assert "256 bytes" in done.err and done.err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((*SEND, "b.json"), "unix:s: No such file or directory"),
        (
            ("send", "--to", "unix:text", "b.json"),
            "unix:text: Connection refused",
        ),
    ],
)
def test_nobody_listens(
    arguments: Sequence[str],
    says: str,
    place: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    done = ended(arguments, capsys)
    assert done.code == TRANSPORT
    assert done.err == f"reference: TransportError: {says}\n"
    assert done.out.startswith("source, postcopy: failed, VM and bitmaps are")


def test_the_port_is_in_use(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as tcp, socket.socket(socket.AF_UNIX) as unix:
        tcp.bind(("127.0.0.1", 0))
        tcp.listen()
        unix.bind("s")
        unix.listen()
        port = tcp.getsockname()[1]
        for address in (f"tcp:127.0.0.1:{port}", "unix:s"):
            done = ended(("serve", "--listen", address, *NODE), capsys)
            assert done.code == TRANSPORT
            assert done.err == (
                f"reference: TransportError: {address}: "
                "Address already in use\n"
            )


def test_errors_fit_a_line(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments in (
        (*SEND, "gone.json"),
        (*SEND, "b.json"),
        (*SEND, "nameless.json"),
        (*SEND, "b.json", "b.json"),
        (*SERVE, *NODE, "--out", "no"),
        (*SERVE, "--node", "d"),
        ("send", "--to", "s", "b.json"),
        ("nonsense",),
    ):
        done = ended(arguments, capsys)
        (line,) = done.err.splitlines()
        assert len(line) <= 100, line
