# SPDX-License-Identifier: GPL-2.0-or-later
"""Which QEMU to run: is it one, and can it do what is asked of it?

The rule: everything that can be wrong with what a person named is found
before the first scenario, and said in one line.  A build that is not
installed may need its own libraries: a ``prefix`` (a loader and its options)
or a library path goes before it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

import attrs

from checker.errors import InputError

PROGRAM: Final = "qemu-system-x86_64"
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
_ROOM_FOR_NAMES: Final = 24  # our directory below the work directory


@attrs.frozen
class Build:
    """A QEMU that can be run.

    ``program``: the command without options; ``image_tool``: qemu-img.
    """

    program: tuple[str, ...]
    version: tuple[int, int, int]
    image_tool: str

    @property
    def label(self) -> str:
        """The version, for people."""
        return ".".join(map(str, self.version))


def find_build(
    path: str = PROGRAM,
    prefix: tuple[str, ...] = (),
    library_path: str = "",
) -> Build:
    """The build at ``path``, a file or a command's name.

    ``prefix``: a loader and its options.  ``library_path``: where to look
    for libraries first.

    Raises InputError: no such file, not executable, no QEMU, too old.
    """
    program = _executable(path)
    for word in prefix[:1]:
        _executable(word)
    command = (*prefix, program)
    if library_path:
        command = ("env", f"LD_LIBRARY_PATH={library_path}", *command)
    said = _say_version(command)
    match = _VERSION.match(said)
    if match is None:
        words = " ".join(said.split())[:60] or "nothing"
        raise InputError(
            f"{path}: is no QEMU; asked for its version it says: {words}"
        )
    major, minor, micro = map(int, match.groups())
    if (major, minor) < OLDEST:
        raise InputError(
            f"{path}: QEMU {major}.{minor} is too old; before "
            f"{OLDEST[0]}.{OLDEST[1]} QMP shows neither busy nor inconsistent"
        )
    return Build(command, (major, minor, micro), _image_tool())


def _executable(path: str) -> str:
    """The full name of a program; InputError if it cannot be run."""
    found = shutil.which(path)
    if found is not None:
        return found
    if os.sep not in path:
        raise InputError(f"{path}: no such program; install it: {INSTALL}")
    if not Path(path).exists():
        raise InputError(f"{path}: no such file")
    if Path(path).is_dir():
        raise InputError(f"{path}: is a directory, name a program")
    raise InputError(f"{path}: is not executable")


def _say_version(command: tuple[str, ...]) -> str:
    """What the program prints; InputError if it does not run at all."""
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
    except OSError as error:
        name = command[-1]
        raise InputError(f"{name}: does not run: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise InputError(
            f"{command[-1]}: is no QEMU; it says no version in "
            f"{_PATIENCE:.0f} seconds"
        ) from None
    return done.stdout or done.stderr


def _image_tool() -> str:
    found = shutil.which("qemu-img")
    if found is None:
        raise InputError(f"qemu-img: no such program; install it: {INSTALL}")
    return found


def check_work_directory(path: Path | None = None) -> Path:
    """Where scenarios keep their files; the system's place by default.

    Raises InputError if nothing can be written there, or if the names of
    sockets would be too long.
    """
    place = Path(tempfile.gettempdir()) if path is None else path
    place = place.absolute()
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
