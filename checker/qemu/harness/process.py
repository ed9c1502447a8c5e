# SPDX-License-Identifier: GPL-2.0-or-later
"""One QEMU process, its monitor and its events.

The rule: a process lives no longer than its ``async with`` block, and not
longer than we do: the kernel kills it when we are gone.  QMP goes over one
end of a socket pair.  Every call has a time limit; a monitor that does not
answer is *hung*, is not asked again, and is ended by SIGKILL like any other.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import attrs
from qemu.qmp import (
    ConnectError,
    EventListener,
    ExecInterruptedError,
    ExecuteError,
    Message,
    QMPClient,
    QMPError,
)

from checker.qemu.harness.binary import Build
from checker.qemu.harness.wakeup import Bell
from checker.stateful.adapter import RefusedError

# what goes wrong with a monitor is told by our own errors
logging.getLogger("qemu.qmp").addHandler(logging.NullHandler())

LIMIT: Final = 5.0  # seconds for one answer of a monitor
START_LIMIT: Final = 60.0  # seconds to start, on a very busy machine
#: of util-linux: the kernel kills the process when we die, however we do
_GUARD: Final = "setpriv"


class QemuError(Exception):
    """A process did not do what it was told; ``str()`` is one line."""


class QemuRefusedError(QemuError, RefusedError):
    """QEMU answered with an error; nothing else is wrong."""


class HungError(QemuError):
    """The monitor did not answer within its limit."""


class GoneError(QemuError):
    """The process is dead."""


@attrs.frozen
class Event:
    """An event; ``seconds`` by QEMU's own clock, the epoch's."""

    name: str
    data: dict[str, Any]
    seconds: float


class _Listener(EventListener):
    """Hands on what comes, at once."""

    def __init__(self, hear: Callable[[Message], None]) -> None:
        super().__init__()
        self.hear = hear

    async def put(self, event: Message) -> None:
        self.hear(event)


def _guard() -> list[str]:
    found = shutil.which(_GUARD)
    return [] if found is None else [found, "--pdeathsig", "KILL", "--"]


@attrs.define(eq=False)
class Qemu:
    """A process with block devices and without a machine.

    ``options``: more options for the command line.  ``incoming``: it waits
    for a migration.  ``room``: its directory, for its messages.
    """

    name: str
    build: Build
    room: Path
    blockdevs: Sequence[str] = ()
    incoming: bool = False
    options: Sequence[str] = ()
    bell: Bell = attrs.field(factory=Bell)
    limit: float = LIMIT
    events: list[Event] = attrs.field(factory=list)
    #: the command that was not answered; '' if all were
    hung: str = ""
    #: as in ``subprocess``, None while it lives
    exit_code: int | None = None
    #: did we kill it?
    killed: bool = False
    _client: QMPClient | None = None
    _process: subprocess.Popen[bytes] | None = None
    _pidfd: int = -1

    # -- beginning and end -------------------------------------------------

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.end()

    def _command(self, monitor: int) -> list[str]:
        words = [
            *_guard(),
            *self.build.program,
            "-nodefaults",
            "-display",
            "none",
        ]
        words += ["-no-user-config", "-machine", "none", "-accel", "tcg"]
        words += ["-chardev", f"socket,id=qmp0,fd={monitor}"]
        words += ["-mon", "chardev=qmp0,mode=control", *self.options]
        for blockdev in self.blockdevs:
            words += ["-blockdev", blockdev]
        return words + (["-incoming", "defer"] if self.incoming else [])

    async def start(self) -> None:
        """Start the process; GoneError or HungError if it does not come up."""
        try:
            await self._start()
        except BaseException:
            await self.end()
            raise

    async def _start(self) -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        try:
            with (
                theirs,
                self.log.open("wb") as log,
                self.out.open("wb") as out,
            ):
                self._process = subprocess.Popen(
                    self._command(theirs.fileno()),
                    pass_fds=(theirs.fileno(),),
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=log,
                    # a Ctrl-C is for us; we end the process
                    start_new_session=True,
                )
            self._pidfd = os.pidfd_open(self._process.pid)
            loop = asyncio.get_running_loop()
            loop.add_reader(self._pidfd, self._died)
            self._client = QMPClient(self.name)
            self._client.register_listener(_Listener(self._hear))
            async with asyncio.timeout(START_LIMIT):
                await self._client.connect(ours)
        except TimeoutError:
            raise HungError(f"{self.name}: QEMU does not start") from None
        except (ConnectError, OSError, AssertionError) as error:
            # the library asserts that QEMU does not die meanwhile
            said = self.messages or str(error) or "it died at once"
            raise GoneError(
                f"{self.name}: QEMU did not start: {said}"
            ) from None
        finally:
            if self._client is None:
                ours.close()

    async def end(self) -> None:
        """End the process by SIGKILL, and release everything."""
        self.kill()
        if self._process is not None and self.exit_code is None:
            await self.bell.until(lambda: not self.alive, self.limit)
        if self._process is not None and self.exit_code is None:
            self._process.wait()
            self._died()
        if self._client is not None:
            client, self._client = self._client, None
            with contextlib.suppress(
                QMPError, EOFError, OSError, AssertionError
            ):
                await client.disconnect()

    def kill(self) -> None:
        """Send SIGKILL, and do not wait."""
        if self._process is not None and self.alive:
            self.killed = True
            self._sweep()

    def _died(self) -> None:
        if self._process is None or self.exit_code is not None:
            return
        self._sweep()  # before its number can be another's
        self.exit_code = self._process.wait()
        asyncio.get_running_loop().remove_reader(self._pidfd)
        os.close(self._pidfd)
        self.bell.ring()

    def _sweep(self) -> None:
        """Kill it and what it started: a wrapper need not be QEMU itself."""
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    @property
    def alive(self) -> bool:
        """Return whether the process exists."""
        return self._process is not None and self.exit_code is None

    @property
    def pid(self) -> int:
        """Return the process's number; 0 before it starts."""
        return 0 if self._process is None else self._process.pid

    @property
    def log(self) -> Path:
        """Return the file with its messages."""
        return self.room / f"{self.name}.log"

    @property
    def out(self) -> Path:
        """Return the file to which ``qemu-io`` in the monitor writes."""
        return self.room / f"{self.name}.out"

    @property
    def messages(self) -> str:
        """Return its messages, as one line."""
        if not self.log.exists():
            return ""
        text = self.log.read_text("utf-8", errors="replace")
        return "; ".join(filter(None, map(str.strip, text.splitlines())))

    # -- the monitor -------------------------------------------------------

    def _hear(self, message: Message) -> None:
        stamp = message.get("timestamp", {})
        assert isinstance(stamp, dict)
        seconds = stamp.get("seconds", 0) + stamp.get("microseconds", 0) / 1e6
        data = message.get("data", {})
        assert isinstance(data, dict)
        self.events.append(Event(str(message["event"]), data, seconds))
        self.bell.ring()

    def saw(self, name: str, **data: Any) -> bool:
        """Return whether such an event came, with these data."""
        return any(
            event.name == name and data.items() <= event.data.items()
            for event in self.events
        )

    async def call(
        self, command: str, arguments: dict[str, Any] | None = None
    ) -> Any:
        """Return QEMU's answer to a command.

        Raises QemuRefusedError, HungError or GoneError.
        """
        if self.hung:
            raise HungError(f"{self.name}: hung in {self.hung}")
        if not self.alive or self._client is None:
            raise GoneError(f"{self.name}: is dead, asked for {command}")
        try:
            async with asyncio.timeout(self.limit):
                return await self._client.execute(command, arguments)
        except TimeoutError:
            self.hung = command
            raise HungError(
                f"{self.name}: no answer to {command} in {self.limit:g} s"
            ) from None
        except ExecuteError as error:
            text = " ".join(str(error).split())
            raise QemuRefusedError(f"{self.name}: {command}: {text}") from None
        except (ExecInterruptedError, QMPError, EOFError, OSError):
            await self.bell.until(lambda: not self.alive, self.limit)
            raise GoneError(f"{self.name}: died in {command}") from None

    async def human(self, line: str) -> str:
        """Return what the human monitor prints."""
        answer = await self.call(
            "human-monitor-command", {"command-line": line}
        )
        return str(answer).strip()

    async def status(self) -> str:
        """Return the VM's run state, in QEMU's words."""
        return str((await self.call("query-status"))["status"])

    async def quit(self) -> bool:
        """Tell it to quit; return whether it ends within the limit."""
        with contextlib.suppress(QemuError):
            await self.call("quit")
        return await self.bell.until(lambda: not self.alive, self.limit)
