# SPDX-License-Identifier: GPL-2.0-or-later
"""Which QEMU to run: is it a QEMU, and can it do what is asked of it?

The rule: everything that can be wrong with what a person named is found
before the first scenario, and said in one line.  A build that is not
installed may need its own libraries: then what is named is a command, the
program with a loader and its options, or ``env``, before it.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

import attrs

from checker.input.errors import InputError

PROGRAM: Final = "qemu-system-x86_64"
IMAGE_TOOL: Final = "qemu-img"
INSTALL: Final = (
    "apt-get install -y --no-install-recommends qemu-system-x86 qemu-utils"
)
#: QMP shows since 4.0 whether a bitmap is busy, recording, inconsistent,
#: and only there may bitmaps be merged, which is how one is read
OLDEST: Final = (4, 0)
_VERSION: Final = re.compile(r"^QEMU emulator version (\d+)\.(\d+)\.(\d+)")
_PATIENCE: Final = 20.0  # seconds to say a version
#: bytes of a unix socket's path, one less than the kernel has room for
LONGEST_SOCKET: Final = 107
#: bytes of the longest name of a socket below the work directory
_ROOM_FOR_NAMES: Final = len("/dbmq-12345678/next-destination.nbd")


#: asked for the version in the words of QEMU, at most so many characters
_SAID: Final = 200
_ELSE: Final = 40  # characters of what another program says
#: this and later sources tell when they switch over, in a command of their
#: own; an older destination takes it for an error
_SWITCHOVER_START: Final = (10, 0)


@attrs.frozen
class Build:
    """A QEMU that can be run.

    ``program``, ``image_tool``: QEMU and qemu-img, commands without options.
    ``given``: as the command named it; '' for the installed one.
    """

    program: tuple[str, ...]
    version: tuple[int, int, int]
    image_tool: tuple[str, ...] = ("qemu-img",)
    given: str = attrs.field(default="", eq=False)

    @property
    def label(self) -> str:
        """Return the version, for people."""
        return ".".join(map(str, self.version))

    def options_towards(self, destination: Build) -> tuple[str, ...]:
        """Return options so that an older destination understands this one."""
        if destination.version[:2] < _SWITCHOVER_START <= self.version[:2]:
            return ("-global", "migration.send-switchover-start=off")
        return ()


def find_build(given: str = "") -> Build:
    """Return the build that is named; '' means the installed one.

    ``given``: a file, the name of a command, or the words of a command, of
    which the last is the program: ``LOADER --library-path DIRS PROGRAM``.

    Raises InputError: no such file, not executable, no QEMU, too old.
    """
    *before, name = _words(given or PROGRAM)
    prefix = tuple(before)
    if prefix:
        prefix = (_executable(prefix[0]), *prefix[1:])
    program = _executable(name)
    said = _say_version((*prefix, program))
    match = _VERSION.match(said)
    if match is None:
        words = " ".join(said.split())[:_ELSE] or "nothing"
        raise InputError(
            f"{name}: is no QEMU; asked for its version it says: {words}"
        )
    major, minor, micro = map(int, match.groups())
    if (major, minor) < OLDEST:
        raise InputError(
            f"{name}: QEMU {major}.{minor} is too old; before "
            f"{OLDEST[0]}.{OLDEST[1]} QMP shows neither busy nor inconsistent"
        )
    return Build(
        (*prefix, program),
        (major, minor, micro),
        _image_tool(prefix, program),
        given,
    )


def _words(given: str) -> list[str]:
    """Return the words of a command; a file's name is one word."""
    if os.access(given, os.F_OK):
        return [given]
    try:
        words = shlex.split(given)
    except ValueError as error:
        shown = " ".join(given.split())
        raise InputError(f"{shown}: {str(error).lower()}") from None
    if not words:
        raise InputError(f"{given!r}: names no program")
    return words


def _executable(path: str) -> str:
    """Return a program's full name; InputError if it cannot be run."""
    found = shutil.which(path)
    if found is not None:
        return found
    if os.sep not in path:
        raise InputError(f"{path}: no such program; install it: {INSTALL}")
    if not os.access(path, os.F_OK):
        raise InputError(f"{path}: no such file")
    if Path(path).is_dir():
        raise InputError(f"{path}: is a directory, name a program")
    raise InputError(f"{path}: is not executable")


def _say_version(command: tuple[str, ...]) -> str:
    """Return what the program prints; InputError if it does not run."""
    name = command[-1]
    try:
        done = subprocess.run(
            [*command, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PATIENCE,
            check=False,
        )
    except FileNotFoundError:
        # the file is there, so what is missing is what is to load it
        raise InputError(
            f"{name}: does not run: its loader is missing; name another one "
            "before it"
        ) from None
    except OSError as error:
        raise InputError(f"{name}: does not run: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise InputError(
            f"{name}: is no QEMU; it says no version in {_PATIENCE:.0f} "
            "seconds"
        ) from None
    if done.returncode:
        words = " ".join((done.stderr or done.stdout).split())[:_SAID]
        raise InputError(
            f"{name}: does not run: {words or f'exit {done.returncode}'}"
        )
    return done.stdout or done.stderr


def _image_tool(prefix: tuple[str, ...], program: str) -> tuple[str, ...]:
    """Return the one beside the program, else the installed one."""
    beside = Path(program).with_name(IMAGE_TOOL)
    if os.access(beside, os.X_OK):
        return (*prefix, str(beside))
    found = shutil.which(IMAGE_TOOL)
    if found is None:
        raise InputError(
            f"{IMAGE_TOOL}: no such program; install it: {INSTALL}"
        )
    return (found,)


def check_work_directory(path: Path | None = None) -> Path:
    """Return where scenarios keep their files, by default the system's.

    Raises InputError if nothing can be written there, or if the names of
    sockets would be too long.
    """
    place = Path(tempfile.gettempdir()) if path is None else path
    place = place.absolute()
    wanted = os.environ.get("TMPDIR")
    if path is None and wanted and Path(wanted).absolute() != place:
        raise InputError(f"{wanted}: TMPDIR is nothing to write in")
    if not place.is_dir():
        raise InputError(f"{place}: is no directory")
    if not os.access(place, os.W_OK | os.X_OK):
        raise InputError(f"{place}: no permission to write there")
    longest = LONGEST_SOCKET - _ROOM_FOR_NAMES
    if len(os.fsencode(place)) > longest:
        raise InputError(
            f"{place}: the name is too long for sockets; at most {longest} "
            "bytes"
        )
    return place
