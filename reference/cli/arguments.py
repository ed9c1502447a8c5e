# SPDX-License-Identifier: GPL-2.0-or-later
"""What stands on the command line, as values.

The rule: a mistake is a ``typer.BadParameter`` that says what is expected;
a file that is wrong is a FileError.
"""

from __future__ import annotations

import re
import ssl
from pathlib import Path
from typing import IO

import typer
from attrs import frozen

from reference.bitmap.dirty_bitmap import MOST_DISK
from reference.disk import FileDisk, NoDisk
from reference.errors import FileError, TransportError
from reference.host import Host
from reference.protocol.aliases import Aliases, Pair
from reference.transport.address import Address, parse_address
from reference.transport.rate import Rate
from reference.transport.workload import Place, Workload

UNITS = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40, "P": 50, "E": 60}
#: of a chunk of 1 KiB on the wire, with its header
CHUNK_ON_WIRE = 1045
#: what a link carries unless it is given: 1 Gbit/s, in bytes a second
ASSUMED_RATE = 125_000_000


def address_of(text: str) -> Address:
    """unix:/path or tcp:host:port."""
    try:
        return parse_address(text)
    except TransportError as error:
        raise typer.BadParameter(str(error)) from None


def size_of(text: str) -> int:
    """Bytes: a number, and a unit of 1024 if any."""
    found = re.fullmatch(
        r"([0-9]{1,20})([KMGTPE]?)(?:(?<=[KMGTPE])IB|B)?", text.upper()
    )
    size = int(found[1]) << UNITS[found[2]] if found else -1
    if not 0 <= size <= MOST_DISK:
        raise typer.BadParameter(
            f"{text[:40]!r} is no size; 4096, 64K, 10G are"
        )
    return size


def rate_of(text: str) -> float:
    """Bytes a second; more than 0."""
    rate = size_of(text.removesuffix("/s").removesuffix("/S"))
    if not rate:
        raise typer.BadParameter(f"{text[:40]!r}: a rate is more than 0")
    return float(rate)


def node_of(text: str) -> tuple[str, int]:
    """NODE:SIZE."""
    name, _, size = text.rpartition(":")
    if not name:
        raise typer.BadParameter(f"{text[:40]!r}: expected NODE:SIZE")
    return name, size_of(size)


def aliases_of(texts: list[str]) -> Aliases:
    """NODE/NAME=NODEALIAS/ALIAS, each; none of them: no mapping."""
    if not texts:
        return Aliases()
    pairs = tuple(_alias_of(text) for text in texts)
    for side in zip(*pairs, strict=True):
        if len(set(side)) < len(side):
            raise typer.BadParameter("a name is mapped twice")
    return Aliases(pairs)


def _alias_of(text: str) -> tuple[Pair, Pair]:
    halves = text.split("=")
    names = [half.partition("/") for half in halves]
    if len(halves) != 2 or not all(
        node and bitmap for node, _, bitmap in names
    ):
        raise typer.BadParameter(
            f"{text[:40]!r}: expected NODE/NAME=NODEALIAS/ALIAS"
        )
    for half in names:
        for name in (half[0], half[2]):
            if len(name.encode(errors="replace")) > 255:
                raise typer.BadParameter("a name has more than 255 bytes")
    (a, _, b), (c, _, d) = names
    return (a, b), (c, d)


@frozen(kw_only=True)
class Guest:
    """What the options say of the guest; ``writes`` is '' for none."""

    writes: str
    count: int | None
    length: str
    sequential: bool
    seed: int
    disks: list[str]
    record: Path | None

    def workload(self, host: Host) -> Workload | None:
        """The guest of ``host``; None if it does not write."""
        disks = self._disks(host)
        if not self.writes:
            return None
        rate = None
        if self.writes != "max":
            found = re.fullmatch(r"([0-9]{1,9})(/s)?", self.writes)
            if not found or not int(found[1]):
                raise typer.BadParameter(
                    f"--writes {self.writes[:20]!r}: expected 1000/s or max"
                )
            rate = Rate(float(found[1]))
        length = size_of(self.length)
        if not 0 < length <= 1 << 24:
            raise typer.BadParameter("--write-size: from 1 to 16M")
        places = [
            Place(name, disks.get(name, NoDisk()))
            for name, node in host.nodes.items()
            if node.size
        ]
        if not places:
            raise typer.BadParameter("--writes: there is no disk to write to")
        return Workload(
            host,
            places,
            rate,
            self.count,
            length,
            self.sequential,
            self.seed,
            self._record(),
        )

    def _record(self) -> IO[str] | None:
        if self.record is None:
            return None
        try:
            return self.record.open("a", encoding="utf-8")
        except OSError as error:
            raise FileError(f"{self.record}: {error.strerror}") from error

    def _disks(self, host: Host) -> dict[str, FileDisk]:
        disks = {}
        for text in self.disks:
            node, _, path = text.partition("=")
            if node not in host.nodes or not path:
                raise typer.BadParameter(
                    f"--disk {text[:40]!r}: expected NODE=FILE, with a node "
                    "that there is"
                )
            try:
                found = Path(path).stat().st_size
            except OSError as error:
                raise FileError(f"{path}: {error.strerror}") from error
            if found != host.nodes[node].size:
                raise FileError(
                    f"{path}: has {found} bytes, node '{node}' has "
                    f"{host.nodes[node].size}"
                )
            disks[node] = FileDisk(Path(path))
        return disks


@frozen(kw_only=True)
class Tls:
    """PEM files; without any there is no TLS."""

    certificate: Path | None
    key: Path | None
    authority: Path | None

    def server(self) -> ssl.SSLContext | None:
        """What a destination listens with; FileError for a bad file."""
        if self.certificate is None and self.authority is None:
            return None
        if self.certificate is None:
            raise typer.BadParameter("TLS: a destination needs --tls-cert")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._load(context)
        if self.authority is not None:
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def client(self) -> ssl.SSLContext | None:
        """What a source connects with; FileError for a bad file."""
        if self.certificate is None and self.authority is None:
            return None
        context = ssl.create_default_context()
        self._load(context)
        return context

    def _load(self, context: ssl.SSLContext) -> None:
        path: Path | None = None
        try:
            if path := self.authority:
                context.load_verify_locations(path)
            if path := self.certificate:
                context.load_cert_chain(path, self.key)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise FileError(f"{path}: TLS: {reason}") from error
