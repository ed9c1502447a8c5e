# SPDX-License-Identifier: GPL-2.0-or-later
"""Obligations that were met in an earlier run of the same program.

What takes long in a proof is no search: it is the solver that says 'there is
no such step' some thousand times.  For that there is no certificate that is
quicker to check than to ask again (``prove --verify`` takes longer than
``prove``).  So an obligation that was met is kept under a digest of all that
decides it: every line of the model and of the checker, the machine, and the
versions of Python and of z3.  Whoever changes a letter proves anew.  The
exploration and the verdicts on the properties are never kept.

The directory is that of the compiled code, and is trusted as much: a file
that is damaged, or of another schema or program, is not used; one that
somebody forged for this very program would be.  ``prove`` itself keeps
nothing and uses nothing that was kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import sys
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

from attrs import define, field, frozen

from checker.engines.native.compile import cache_directory
from checker.input.errors import BadFileError, InputError
from checker.input.files import write_atomically
from checker.input.json_files import parsed, read_bytes
from checker.input.strict import structured
from checker.proof.obligation import Obligation, Outcome
from model.language import Machine

MAX_FILE = 1 << 16


@frozen
class _Met:
    """An obligation that was met."""

    name: str
    queries: int
    seconds: float


@frozen
class _File:
    """The keys of a file."""

    checksum: str
    program: str
    met: tuple[_Met, ...]


@cache
def program_digest() -> str:
    """SHA-256 of the text of the model and the checker, and of its tools."""
    import checker
    import model

    found = hashlib.sha256()
    for package in (model, checker):
        root = Path(str(package.__file__)).parent
        for path in sorted(root.rglob("*.py")):
            found.update(f"{root.name}/{path.relative_to(root)}\0".encode())
            found.update(path.read_bytes())
    import z3

    found.update(f"{sys.version}\0{z3.get_version_string()}".encode())
    return found.hexdigest()


@define
class Kept:
    """Obligations of one proof, kept in one file.

    ``used``: how many were not worked out again.
    """

    path: Path
    digest: str
    used: int = field(default=0, init=False)
    _met: dict[str, Obligation] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self._met = _read(self.path, self.digest)

    def met(
        self, name: str, work: Callable[[], Obligation]
    ) -> Callable[[], Obligation]:
        """``work``, or what came of it before if that is kept."""

        def known() -> Obligation:
            found = self._met.get(name)
            if found is None:
                return work()
            self.used += 1
            return found

        return known

    def keep(self, obligations: Iterable[Obligation]) -> None:
        """Have those that are met in the file; no error if it cannot be."""
        proved = {o.name: o for o in obligations if o.proved}
        if proved == self._met:
            return
        with contextlib.suppress(OSError, InputError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self.path, _text(self.digest, proved))


def kept_for(machine: Machine, design: str) -> Kept:
    """What is kept for the proof that explores ``machine``."""
    parts = f"{program_digest()} {machine.digest} {design}"
    digest = hashlib.sha256(parts.encode()).hexdigest()
    return Kept(cache_directory() / f"{digest}.proof", digest)


def _text(digest: str, met: dict[str, Obligation]) -> str:
    rows = [
        {"name": o.name, "queries": o.queries, "seconds": o.seconds}
        for o in met.values()
    ]
    body = {"program": digest, "met": rows}
    return json.dumps({"checksum": _checksum(body), **body}, indent=1) + "\n"


def _checksum(body: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body).encode()).hexdigest()


def _read(path: Path, digest: str) -> dict[str, Obligation]:
    """What the file holds; nothing if it is not sound."""
    try:
        table = parsed(read_bytes(path, MAX_FILE, "proof"), "proof")
        found = structured(_File, table)
    except BadFileError:
        return {}
    body = {"program": found.program, "met": table["met"]}
    if found.checksum != _checksum(body) or found.program != digest:
        return {}
    return {
        row.name: Obligation(
            name=row.name,
            outcome=Outcome.PROVED,
            seconds=row.seconds,
            queries=row.queries,
        )
        for row in found.met
    }
