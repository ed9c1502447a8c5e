# SPDX-License-Identifier: GPL-2.0-or-later
"""Which dbmcheck this is: its version, its commit and its address.

What is not known is left out: a mail must not send its reader to another
commit than the one that made it.
"""

from __future__ import annotations

import json
import subprocess
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from attrs import frozen

NAME = "dbmcheck"
#: labels of [project.urls], the one that a reader needs most first
LABELS = ("repository", "source", "homepage")
DIGITS = 12
_ROOT = Path(__file__).resolve().parents[2]


@frozen(kw_only=True)
class Provenance:
    """``commit`` and ``address``: '' if not known.

    ``changed``: the working tree differs from the commit.
    """

    version: str
    commit: str = ""
    changed: bool = False
    address: str = ""

    def __str__(self) -> str:
        parts = [f"{NAME} {self.version}".rstrip()]
        if self.commit:
            changed = " with changes" if self.changed else ""
            parts.append(f"commit {self.commit}{changed}")
        return ", ".join([*parts, *filter(None, [self.address])])


def provenance(root: Path = _ROOT) -> Provenance:
    """Return what is known of the dbmcheck that runs.

    ``root``: the folder that the package is in.  The commit is that of a
    ``.git`` there, else the one that pip has noted when it installed.
    """
    try:
        installed = distribution(NAME)
    except PackageNotFoundError:
        commit, changed = _checked_out(root)
        return Provenance(version="", commit=commit, changed=changed)
    commit, changed = _checked_out(root)
    if not commit and Path(str(installed.locate_file(""))).resolve() == root:
        commit = _noted(installed.read_text("direct_url.json") or "{}")
    return Provenance(
        version=installed.version,
        commit=commit,
        changed=changed,
        address=_address(installed.metadata.get_all("Project-URL") or []),
    )


def _noted(direct_url: str) -> str:
    """The commit in a ``direct_url.json`` (PEP 610), or ''."""
    try:
        found = json.loads(direct_url)["vcs_info"]["commit_id"]
    except (ValueError, KeyError, TypeError):
        return ""
    return str(found)[:DIGITS]


def _checked_out(root: Path) -> tuple[str, bool]:
    """The commit of the working tree, and whether it was changed since."""
    if not (root / ".git").exists():
        return "", False
    try:
        said = subprocess.run(
            [
                *("git", "-C", str(root), "describe", "--always", "--dirty"),
                *("--exclude=*", f"--abbrev={DIGITS}"),
            ],
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return "", False
    return said.removesuffix("-dirty"), said.endswith("-dirty")


def _address(urls: list[str]) -> str:
    """Of entries such as 'Homepage, https://...' the first of LABELS."""
    found = {}
    for entry in urls:
        label, _, url = entry.partition(",")
        found[label.strip().lower()] = url.strip()
    return next((found[label] for label in LABELS if label in found), "")
