# SPDX-License-Identifier: GPL-2.0-or-later
"""A text that runs in a process of its own."""

from __future__ import annotations

import atexit
import json
import subprocess
import sys
from functools import cache

from model.language import ModelError
from model.texts.allowed import why_refused
from model.texts.sources import ROOT, Sources
from model.variant import Variant

_START = (
    "import sys; sys.path.insert(0, {root!r}); "
    "from model.texts.child import {name}; {name}()"
)


class Run:
    """A text that runs; ``text`` waits for what comes of it.

    Its process is new: nothing of it was there before.
    """

    def __init__(self, variant: Variant, sources: Sources) -> None:
        self._sources = sources
        self._told = _told(variant, sources)
        self._process = _started("main")

    def text(self) -> str:
        """The schema as JSON; ModelError in one line if there is none."""
        refused = why_refused(self._sources)
        data, errors = self._process.communicate(self._told)
        if refused:
            raise ModelError(refused)
        lines = errors.decode(errors="replace").strip().splitlines()
        return _schema(
            data, lines[-1] if lines else f"ended {self._process.returncode}"
        )


class Server:
    """A process that runs one text after the other, each in a fork.

    It reads the language once, which takes longer than to run a text.
    """

    def __init__(self) -> None:
        self._process = _started("serve")
        atexit.register(self.close)

    def text(self, variant: Variant, sources: Sources) -> str:
        """The schema as JSON; ModelError in one line if there is none."""
        if refused := why_refused(sources):
            raise ModelError(refused)
        process = self._process
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write(_told(variant, sources) + b"\n")
            process.stdin.flush()
            data = process.stdout.readline()
        except BaseException:
            # the next answer would be to this question
            self.close()
            raise
        if not data:
            self.close()
        return _schema(data, "its process ended")

    def close(self) -> None:
        """End the process; the next text is run by another."""
        server.cache_clear()
        atexit.unregister(self.close)
        self._process.kill()
        self._process.communicate()


@cache
def server() -> Server:
    """The server of this process."""
    return Server()


def _told(variant: Variant, sources: Sources) -> bytes:
    told = {"variant": variant.table(), "files": dict(sources.files)}
    return json.dumps(told).encode()


def _started(name: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [
            sys.executable,
            "-I",
            "-c",
            _START.format(root=str(ROOT.parent), name=name),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL if name == "serve" else subprocess.PIPE,
        env={},
        cwd="/",
        # Ctrl-C is for the process that asks
        start_new_session=name == "serve",
    )


def _schema(data: bytes, reason: str) -> str:
    """The schema in an answer; ``reason``: why there may be no answer."""
    try:
        answer = json.loads(data)
        found, said = answer.get("schema"), answer.get("error", "")
    except (ValueError, AttributeError):
        found, said = None, ""
    if isinstance(found, str):
        return found
    raise ModelError(said or f"the model text made nothing: {reason}")
