# SPDX-License-Identifier: GPL-2.0-or-later
"""The files that make up the model text, and those that read it.

What reads the text (the language, this package, the options with their
numbers) is the same for every model; all else below ``model`` is text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path

from attrs import frozen

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "model"
#: what is no text, as paths from ``ROOT``
READERS = (
    "__init__.py",
    "designs/__init__.py",
    "lookup.py",
    "options.py",
    "variant.py",
    "language/",
    "texts/",
)


@frozen(eq=False)
class Sources:
    """``files``: each module of the text, by its name in Python.

    Two of them are told apart by who they are: what is asked of a text is
    remembered for it, and ``digest`` compares texts.
    """

    files: Mapping[str, str]
    readers: str = ""

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all that a schema is made of and made by."""
        found = hashlib.sha256(self.readers.encode())
        for name, text in sorted(self.files.items()):
            found.update(f"\n{name} {len(text)}\n{text}".encode())
        return found.hexdigest()


def shipped() -> Sources:
    """The text as it is on the disk now."""
    files: dict[str, str] = {}
    readers = hashlib.sha256()
    for path in sorted(ROOT.rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        if _is_reader(name):
            readers.update(f"\n{name}\n".encode() + path.read_bytes())
        else:
            files[_module(name)] = path.read_text("utf-8")
    return Sources(files, readers.hexdigest())


def _is_reader(name: str) -> bool:
    return any(
        name.startswith(one) if one.endswith("/") else name == one
        for one in READERS
    )


def _module(name: str) -> str:
    parts = name.removesuffix(".py").split("/")
    if parts[-1] == "__init__":
        parts.pop()
    return ".".join((PACKAGE, *parts))


def place(module: str, line: int) -> str:
    """Where a line of the text is, as people write it."""
    return f"{module.replace('.', '/')}.py:{line}"


def numbered(sources: Sources) -> Iterator[tuple[str, str]]:
    """Each module and its text, in order."""
    yield from sorted(sources.files.items())
