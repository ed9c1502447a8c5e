# SPDX-License-Identifier: GPL-2.0-or-later
"""Is everything that the format forbids found, where it stands?"""

from __future__ import annotations

import struct

import pytest

from reference.errors import (
    CorruptError,
    LimitError,
    StreamError,
    TruncatedError,
    VersionError,
)
from reference.wire.chunks import Complete, Start
from reference.wire.reader import StreamReader
from reference.wire.stream import Broken, CommandKind, Item
from reference.wire.writer import StreamWriter
from tests.reference.wire.captures import read

NODE = b"\1n"
NAMES = b"\1n\1b"
START = b"\x1c" + NAMES + struct.pack(">IB", 512, 1)
PACKAGED = CommandKind.PACKAGED


def begin() -> bytes:
    return StreamWriter().header()


def section(payload: bytes, idstr: str = "dirty-bitmap") -> bytes:
    version = {"ram": 4, "timer": 2}.get(idstr, 1)
    writer = StreamWriter()
    return begin() + writer.section_start(idstr, 0, version) + payload


def package(nested: bytes, length: int | None = None) -> bytes:
    size = len(nested) if length is None else length
    writer = StreamWriter()
    command = writer.command(PACKAGED, struct.pack(">I", size))
    return begin() + command + nested


def machine(length: int, name: bytes) -> bytes:
    return begin() + b"\x07" + struct.pack(">I", length) + name


def bits(size: int) -> bytes:
    return b"\x40" + struct.pack(">QIQ", 0, 8192, size)


CORRUPT = {
    "magic": b"QEVN\0\0\0\3",
    "no such item": begin() + b"\x55",
    "footer without a section": begin() + b"\x7e\0\0\0\0",
    "description before the end": begin() + b"\x06\0\0\0\0",
    "subsection without configuration": begin() + b"\x05\1x\0\0\0\1",
    "subsection that nobody knows": machine(4, b"none") + b"\5\1x\0\0\0\1",
    "machine is not UTF-8": machine(1, b"\xff"),
    "section with no name": begin() + b"\x01\0\0\0\0\0",
    "part of no section": begin() + b"\x02\0\0\0\7",
    "end of no section": begin() + b"\x03\0\0\0\7",
    "footer of another section": section(b"\1\x7e\0\0\0\1"),
    "no footer": section(b"\1\x03\0\0\0\0"),
    "two names for an id": section(b"\1\x7e\0\0\0\0\x04\0\0\0\0\1x")
    + bytes(8),
    "ram with content": section(struct.pack(">Q", 0x100004), "ram"),
    "a flag that is reserved": section(b"\x81"),
    "flags that say nothing": section(b"\x00"),
    "flags that only name": section(b"\x0c" + NAMES),
    "zeroes of nothing": section(b"\x02"),
    "node is not UTF-8": section(b"\x1c\1\xff\1b" + START[-5:]),
    "node is empty": section(b"\x1c\0\1b"),
    "bitmap is empty": section(b"\x1c\1n\0"),
    "bitmap holds a NUL": section(b"\x1c\1n\2b\0" + START[-5:]),
    "no name at all": section(b"\x10" + START[-5:]),
    "no name of a bitmap": section(b"\x18" + NODE + START[-5:]),
    "granularity 0": section(START[:-5] + b"\0\0\0\0\1"),
    "granularity 256": section(START[:-5] + b"\0\0\1\0\1"),
    "granularity 768": section(START[:-5] + b"\0\0\3\0\1"),
    "granularity 3 GiB": section(START[:-5] + b"\xc0\0\0\0\1"),
    "flags of a bitmap": section(START[:-1] + b"\x08"),
    "package in a package": package(package(b"")[8:]),
    "package of no length": begin() + b"\x08\0\7\0\2\0\0",
    "end inside a package": package(b"\0"),
    "package ends within an item": package(b"\x08\0\1\0"),
    "package ends within a section": package(
        StreamWriter().section_start("dirty-bitmap")
    )
    + b"\1",
    "package ends within an unknown section": package(
        StreamWriter().section_full("x", payload=b"something")
    ),
    "two ends": begin() + b"\0\0",
    "more after the description": begin() + b"\0\x06\0\0\0\1x\0",
    "description is not UTF-8": begin() + b"\0\x06\0\0\0\1\xff",
}
LIMIT = {
    "10 KiB of data": section(START + bits(10 * 1024 + 1)),
    "all the data there are": section(START + bits(2**64 - 1)),
    "name of the machine": machine(2**32 - 1, b""),
    "description of the VM": begin() + b"\0\x06\xff\xff\xff\xff",
    "capabilities": machine(4, b"none")
    + b"\x05\x1aconfiguration/capabilities\0\0\0\1\xff\xff\xff\xff",
    "sections": begin()
    + b"".join(
        struct.pack(">BI", 4, number)
        + b"\1x"
        + bytes(8)
        + struct.pack(">BI", 0x7E, number)
        for number in range(4097)
    )
    + b"\0",
}
VERSION = {
    "stream": b"QEVM\0\0\0\2",
    "dirty-bitmap": begin()
    + StreamWriter().section_start("dirty-bitmap", 0, 2),
    "ram": begin() + StreamWriter().section_start("ram", 0, 3),
    "timer": begin() + StreamWriter().section_full("timer", 0, 1),
    "globalstate": begin() + StreamWriter().section_full("globalstate", 0, 2),
}


#: what the error of each has to say
SAYS = {
    "magic": "magic 0x5145564e, expected 0x5145564d",
    "no such item": "no item begins with 0x55",
    "footer without a section": "no item begins with 0x7e",
    "description before the end": "no item begins with 0x06",
    "subsection without configuration": "no item begins with 0x05",
    "subsection that nobody knows": "no subsection 'x' is known",
    "machine is not UTF-8": "the machine's name is not UTF-8: b'\\xff'",
    "section with no name": "a section's name is empty",
    "part of no section": "section id 7 was not started",
    "end of no section": "section id 7 was not started",
    "footer of another section": "the footer of section 0 has id 1",
    "no footer": "section 'dirty-bitmap' goes on with 0x03",
    "two names for an id": "section id 0 is 'dirty-bitmap' and 'x'",
    "ram with content": "ram holds 0x100004, expected 0x4",
    "a flag that is reserved": "chunk flags 0x81 mean nothing",
    "flags that say nothing": "chunk flags 0x00 mean nothing",
    "flags that only name": "chunk flags 0x0c mean nothing",
    "zeroes of nothing": "chunk flags 0x02 mean nothing",
    "node is not UTF-8": "the node's name is not UTF-8: b'\\xff'",
    "node is empty": "the node's name is empty",
    "bitmap is empty": "the bitmap's name is empty",
    "bitmap holds a NUL": "the bitmap's name holds a NUL: b'b\\x00'",
    "no name at all": "the first chunk leaves its names out",
    "no name of a bitmap": "the first chunk leaves its names out",
    "granularity 0": "granularity 0 of 'b'",
    "granularity 256": "granularity 256 of 'b'",
    "granularity 768": "granularity 768 of 'b'",
    "granularity 3 GiB": "granularity 3221225472 of 'b'",
    "flags of a bitmap": "flags 0x08 of 'b' are reserved",
    "package in a package": "a package inside a package",
    "package of no length": "PACKAGED has 2 bytes, expected 4",
    "end inside a package": "the stream ends inside a package",
    "package ends within an item": "the package ends within: item",
    "package ends within a section": "ends within: chunks of a",
    "package ends within an unknown section": "inside section 'x'",
    "two ends": "bytes after the end of the stream",
    "more after the description": "bytes after the end of the stream",
    "description is not UTF-8": "the VM's description is not UTF-8: b'\\xff'",
    "10 KiB of data": "10241 bytes of data in a chunk",
    "all the data there are": "18446744073709551615 bytes of data in a chunk",
    "name of the machine": "the machine's name has 4294967295 bytes",
    "description of the VM": "description has 4294967295 bytes",
    "capabilities": "4294967295 capabilities",
    "sections": "more than 4096 sections",
    "stream": "stream version 2, expected 3",
    "dirty-bitmap": "section 'dirty-bitmap' has version 2, expected 1",
    "ram": "section 'ram' has version 3, expected 4",
    "timer": "section 'timer' has version 1, expected 2",
    "globalstate": "section 'globalstate' has version 2, expected 1",
}


def last_of(items: list[Item]) -> StreamError:
    last = items[-1]
    assert isinstance(last, Broken)
    assert not any(isinstance(item, Broken) for item in items[:-1])
    assert last.error.offset == last.offset == last.end
    return last.error


def parameters() -> list[object]:
    return [
        pytest.param(data, kind, SAYS[name], id=f"{kind.__name__}: {name}")
        for kind, table in (
            (CorruptError, CORRUPT),
            (LimitError, LIMIT),
            (VersionError, VERSION),
        )
        for name, data in table.items()
    ]


@pytest.mark.parametrize("step", [1, 2**30])
@pytest.mark.parametrize(("data", "kind", "says"), parameters())
def test_forbidden(
    data: bytes, kind: type[StreamError], says: str, step: int
) -> None:
    data += bytes(100)
    fragments = [data[at : at + step] for at in range(0, len(data), step)]
    error = last_of(read(fragments))
    assert type(error) is kind, error
    assert says in str(error)
    assert "\n" not in str(error)
    last = read([data[: error.offset]])[-1]
    assert not isinstance(last, Broken) or type(last.error) is TruncatedError


def test_nothing_comes_after_an_error() -> None:
    reader = StreamReader()
    assert isinstance(reader.receive(b"not a stream")[-1], Broken)
    assert not reader.finished
    assert reader.receive(begin()) == []
    assert reader.close() == []
    assert not reader.kept


def test_an_empty_stream_is_truncated() -> None:
    assert type(last_of(StreamReader().close())) is TruncatedError


@pytest.mark.parametrize("step", [1, 20, 99])
def test_the_limit_of_the_reader(step: int) -> None:
    """What fits exactly is read; for a byte more nothing is kept."""
    command = StreamWriter().command(12, bytes(95))
    assert len(command) == 100
    fragments = [command[at : at + step] for at in range(0, 100, step)]
    assert type(last_of(read([begin(), *fragments], 100))) is TruncatedError
    assert type(last_of(read([begin(), *fragments], 99))) is LimitError


@pytest.mark.parametrize("step", [1000, 2**22])
def test_the_longest_description(step: int) -> None:
    text = "{" * 1024 * 1024
    writer = StreamWriter()
    end = begin() + writer.end_of_stream()
    for more, kind in (("", None), ("}", LimitError)):
        data = end + writer.vm_description(text + more)
        fragments = [data[at : at + step] for at in range(0, len(data), step)]
        last = read(fragments)[-1]
        found = type(last.error) if isinstance(last, Broken) else None
        assert found is kind


def test_ten_kibibytes_are_allowed() -> None:
    payload = START + bits(10 * 1024) + bytes(10 * 1024) + b"\1"
    payload += b"\x7e\0\0\0\0\0"
    assert not isinstance(read([section(payload)])[-1], Broken)


def test_writer_refuses_what_cannot_be_written() -> None:
    writer = StreamWriter()
    for name in ("", "x" * 256, "\u20ac" * 86):
        with pytest.raises(ValueError, match="expected 1 to 255"):
            writer.chunk(Start(name, "b", 512))
        with pytest.raises(ValueError, match="expected 1 to 255"):
            writer.chunk(Complete("n", name))
    with pytest.raises(ValueError, match="granularity 3"):
        writer.chunk(Start("n", "b", 3))
    with pytest.raises(ValueError, match="in a command"):
        writer.command(12, bytes(0x10000))
    with pytest.raises(ValueError, match="no section is open"):
        writer.footer()
    with pytest.raises(ValueError, match="was not started"):
        writer.section_end("ram")
    with pytest.raises(ValueError, match="a broken stream"):
        writer.item(read([b"nonsense"])[-1])
