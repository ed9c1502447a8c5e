# SPDX-License-Identifier: GPL-2.0-or-later
"""The process in which a model text runs, and nothing else does.

It is told a variant and the files of the text, runs the text and writes the
schema.  No size, no option and no argument of a command is in it.  ``serve``
answers for one variant after the other: it has read the language, no text,
and forks for each, so one text never sees what another has done.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import json
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

from model.language import Machine, ModelError
from model.language.schema import as_text
from model.language.terms import check_terms
from model.texts.sources import place
from model.variant import Variant

DESIGNS = "model.designs"
#: what a text has no use for: files, other processes, connections, memory
OUTSIDE = (
    "open",
    "os.",
    "subprocess.",
    "socket.",
    "ctypes.",
    "mmap.",
    "gc.",
    "sys.addaudithook",
    "sys.settrace",
    "sys.setprofile",
)


class _Texts(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds the modules of the text among the files that came."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self.files = files

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None,
        target: ModuleType | None = None,
    ) -> importlib.machinery.ModuleSpec | None:
        if name not in self.files and name != DESIGNS:
            return None
        inside = any(one.startswith(f"{name}.") for one in self.files)
        return importlib.machinery.ModuleSpec(name, self, is_package=inside)

    def exec_module(self, module: ModuleType) -> None:
        name = module.__name__
        code = compile(self.files.get(name, ""), name, "exec")
        exec(code, module.__dict__)


class _Guard:
    """Keeps a text from looking outside, also where its source is sly.

    What is done cannot be undone: an audit hook stays until the process ends.
    """

    def __init__(self) -> None:
        self.closed = True
        sys.addaudithook(self._see)

    def _see(self, event: str, _: object) -> None:
        if self.closed and event.startswith(OUTSIDE):
            raise ModelError(f"looks outside of the model: {event}")


def module_of(design: str) -> str:
    """The module whose ``build`` makes the design."""
    return f"{DESIGNS}.{design.replace('-', '_')}"


def made(told: Mapping[str, Any]) -> Machine:
    """Run the text; ModelError in one line if it makes no schema."""
    files: Mapping[str, str] = told["files"]
    variant = Variant.told(told["variant"])
    sys.meta_path.insert(0, _Texts(files))
    guard = _Guard()
    try:
        build = importlib.import_module(module_of(variant.design)).build
        schema = build(variant)
        if not isinstance(schema, Machine):
            raise ModelError(f"the text made {schema!r}, no machine")
        check_terms(schema)
        return schema
    except ModelError as error:
        guard.closed = False
        raise ModelError(f"{_where(error, files)}{error}") from None
    except Exception as error:
        guard.closed = False
        said = f"{type(error).__name__}: {error}".replace("\n", " ")
        raise ModelError(f"{_where(error, files)}{said}") from None


def _where(error: BaseException, files: Mapping[str, str]) -> str:
    """The innermost line of the text that led to ``error``."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [f for f in frames if f.filename in files]
    if not lines:
        return ""
    return f"{place(lines[-1].filename, lines[-1].lineno or 0)}: "


def main() -> None:
    """Read what to run from standard input, write what came of it."""
    _answer(sys.stdin.read())


def serve() -> None:
    """Read what to run, one in a line; write what came of each, in a line."""
    for line in sys.stdin:
        if child := os.fork():
            _, status = os.waitpid(child, 0)
            if status:
                ended = os.waitstatus_to_exitcode(status)
                print(json.dumps({"ended": ended}), flush=True)
            continue
        _answer(line)
        os._exit(0)


def _answer(line: str) -> None:
    out = sys.stdout
    told = json.loads(line)
    sys.stdout = sys.stderr
    answer: dict[str, str]
    try:
        answer = {"schema": as_text(made(told))}
    except ModelError as error:
        answer = {"error": str(error)}
    out.write(json.dumps(answer) + "\n")
    out.flush()
