# SPDX-License-Identifier: GPL-2.0-or-later
"""A scenario that the options of the command can say.

The rule: a case and the options that repeat it are the same thing, so that
every result can be repeated by a command that fits into a mail.  Its
identity is a hash of its data, the same in every run and on every machine.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Mapping
from typing import Annotated, Any, Final

import attrs

from checker.input.errors import InputError
from checker.input.strict import Reader, string, structured
from checker.qemu.campaign.guest_writes import SIZE, writes_on
from checker.qemu.harness.bitmaps import Bitmap
from checker.qemu.harness.builds import Builds
from checker.qemu.harness.disk import SECTOR, Disk
from checker.qemu.harness.faults import Fault, fault_text, parse_fault
from checker.qemu.harness.scenario import MIB, Mode, Scenario, Storage, Then

GRANULARITY: Final = 4096
#: empty parts cost us time; a slow source sends fewer of them
_BANDWIDTH: Final = 4000
_LEAST_GRANULARITY: Final = 512  # bytes of a bit
_MOST_GRANULARITY: Final = 2 * 1024 * MIB
_MOST: Final = 1000  # bitmaps, nodes
_COMMAND: Final = "dbmcheck qemu scenario"


def _fault(text: Any) -> Fault | None:
    return parse_fault(string(text)) if text else None


@attrs.frozen
class Case:
    """A VM with ``bitmaps`` on each of ``nodes``, and its migration.

    ``full``: before the migration the guest writes to all of the disks, so
    that no part of a bitmap is left out of the stream.
    """

    mode: Mode = Mode.PRECOPY
    return_path: bool = False
    storage: Storage = Storage.SEPARATE
    bitmaps: int = 1
    nodes: int = 1
    persistent: bool = False
    disabled: bool = False
    size: int = SIZE
    granularity: int = GRANULARITY
    fault: Annotated[Fault | None, Reader(_fault)] = None
    full: bool = False
    then: Then = Then.QUIT

    @property
    def scenario(self) -> Scenario:
        """Return the scenario that is run."""
        nodes = [f"drive{number}" for number in range(self.nodes)]
        made = Scenario(
            mode=self.mode,
            return_path=self.return_path,
            storage=self.storage,
            disks=tuple(Disk(node, self.size) for node in nodes),
            bitmaps=tuple(
                Bitmap(
                    node,
                    f"b{number}",
                    self.granularity,
                    self.persistent,
                    self.disabled,
                )
                for node in nodes
                for number in range(self.bitmaps)
            ),
            writes=tuple(
                write
                for node in nodes
                for write in writes_on(node, self.size, self.full)
            ),
            fault=self.fault,
            bandwidth=_BANDWIDTH,
            then=self.then,
        )
        return made if self.bitmaps else made.without_bitmaps()

    @property
    def contents(self) -> str:
        """Return a description of the bitmaps, for people."""
        if not self.bitmaps:
            return "none, so nothing of bitmaps was asked"
        words = [
            f"{self.bitmaps} on each of {self.nodes} nodes"
            if self.nodes > 1
            else str(self.bitmaps),
            "persistent" if self.persistent else "transient",
        ]
        words += ["disabled"] if self.disabled else []
        words += ["full"] if self.full else []
        words.append(f"a bit for {self.granularity:,} bytes of {self.size:,}")
        return ", ".join(words)

    def check(self) -> None:
        """Raise InputError if QEMU could not do it."""
        grain = self.granularity
        if grain & (grain - 1) or not (
            _LEAST_GRANULARITY <= grain <= _MOST_GRANULARITY
        ):
            raise InputError(
                f"--granularity {grain}: a power of two from "
                f"{_LEAST_GRANULARITY} to {_MOST_GRANULARITY}"
            )
        if self.size < (4 * SECTOR) or self.size % SECTOR:
            raise InputError(
                f"--size {self.size}: a multiple of 512 bytes, at least 2048"
            )
        for name, value in (("bitmaps", self.bitmaps), ("nodes", self.nodes)):
            least = int(name == "nodes")
            if not least <= value <= _MOST:
                raise InputError(f"--{name} {value}: from {least} to {_MOST}")

    @property
    def twin(self) -> Case:
        """Return the same fault on the same VM without bitmaps.

        Without bitmaps nothing is sent after the switchover, and nothing
        is in the images, so that many cases have the same twin.
        """
        return Case(return_path=self.return_path, bitmaps=0, fault=self.fault)

    def at(self, fault: Fault | None) -> Case:
        """Return the same case with another fault."""
        return attrs.evolve(self, fault=fault)

    @property
    def data(self) -> dict[str, Any]:
        """Return the case as plain data, which ``of`` reads."""
        more: dict[str, Any] = {"full": True} if self.full else {}
        if self.then is not Then.QUIT:
            more["then"] = self.then.value
        return {
            **more,
            "mode": self.mode.value,
            "return_path": self.return_path,
            "storage": self.storage.value,
            "bitmaps": self.bitmaps,
            "nodes": self.nodes,
            "persistent": self.persistent,
            "disabled": self.disabled,
            "size": self.size,
            "granularity": self.granularity,
            "fault": fault_text(self.fault),
        }

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Case:
        """Return the case with these data; BadFileError if none."""
        return structured(cls, data)

    @property
    def id(self) -> str:
        """Return twelve hexadecimal digits, the same in every run."""
        text = json.dumps(self.data, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def options(self) -> tuple[str, ...]:
        """Return the options of ``qemu scenario`` that repeat it."""
        plain = Case()
        words = ["--mode", self.mode.value]
        words += ["--return-path"] if self.return_path else []
        if self.storage is not plain.storage:
            words += ["--storage", self.storage.value]
        for name in ("bitmaps", "nodes", "size", "granularity"):
            value = getattr(self, name)
            if value != getattr(plain, name):
                words += [f"--{name}", str(value)]
        words += ["--persistent"] if self.persistent else []
        words += ["--disabled"] if self.disabled else []
        words += ["--full"] if self.full else []
        if self.then is not plain.then:
            words += ["--then", self.then.value]
        if self.fault is not None:
            words += ["--fault", fault_text(self.fault)]
        return tuple(words)

    @property
    def command(self) -> str:
        """Return the whole command that repeats it."""
        return " ".join((_COMMAND, *self.options))

    def command_with(self, builds: Builds) -> str:
        """Return the command that repeats it with these builds."""
        chosen = shlex.join(builds.options)
        return " ".join(filter(None, [_COMMAND, chosen, *self.options]))
