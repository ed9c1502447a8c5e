# SPDX-License-Identifier: GPL-2.0-or-later
"""A text that runs in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys

from model.language import ModelError
from model.texts.allowed import why_refused
from model.texts.sources import ROOT, Sources
from model.variant import Variant

_START = (
    "import sys; sys.path.insert(0, {root!r}); "
    "from model.texts.child import main; main()"
)


class Run:
    """A text that runs; ``schema`` waits for what comes of it."""

    def __init__(self, variant: Variant, sources: Sources) -> None:
        start = _START.format(root=str(ROOT.parent))
        self._sources = sources
        self._told = {
            "variant": variant.table(),
            "files": dict(sources.files),
        }
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-c", start],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={},
            cwd="/",
        )

    def text(self) -> str:
        """The schema as JSON; ModelError in one line if there is none."""
        refused = why_refused(self._sources)
        told = json.dumps(self._told).encode()
        data, errors = self._process.communicate(told)
        if refused:
            raise ModelError(refused)
        try:
            answer = json.loads(data)
            found = answer.get("schema")
            said = answer.get("error", "")
        except (ValueError, AttributeError):
            lines = errors.decode(errors="replace").strip().splitlines()
            said = lines[-1] if lines else f"ended {self._process.returncode}"
            raise ModelError(f"the model text made nothing: {said}") from None
        if not isinstance(found, str):
            raise ModelError(said)
        return found
