# SPDX-License-Identifier: GPL-2.0-or-later
"""Bitmaps from files into a host, and from a host into a directory.

The rule: all of them or none are read; what is not whole is never written.
A file's name is made of the node's and the bitmap's in such a way that no two
bitmaps share one.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from urllib.parse import quote

from reference.bitmap import DirtyBitmap, load_with_node, save
from reference.bitmap.dirty_bitmap import LONGEST_NAME
from reference.errors import FileError
from reference.host import Host

#: longer names of files are cut
LONGEST = 200
#: a JSON file of more granules, and as many dirty ones, would not fit memory
MOST_GRANULES = 1 << 24
MOST_DIRTY = 1 << 23


def load_all(
    host: Host,
    paths: list[Path],
    node: str,
    disk_size: int | None,
    granularity: int | None,
) -> None:
    """Put the bitmaps of these files into ``host``, and their nodes.

    ``node`` for files that do not name one; the sizes, in bytes, are for raw
    files.  Raises FileError for a file that is wrong, or two that do not fit
    each other.
    """
    for path in paths:
        raw = path.suffix.lower() != ".json"
        named, bitmap = load_with_node(
            path,
            disk_size if raw else None,
            granularity if raw else None,
        )
        name = named or node
        if not name:
            raise FileError(f"{path}: does not name a node; use --node")
        if len(name.encode(errors="replace")) > LONGEST_NAME:
            raise FileError(
                f"{path}: the node's name has more than {LONGEST_NAME} bytes"
            )
        if not named and not name.isprintable():
            raise FileError(f"{path}: the node's name is not printable")
        if name in host.nodes and host.nodes[name].size != bitmap.disk_size:
            raise FileError(
                f"{path}: node '{name}' has {bitmap.disk_size} bytes here "
                f"and {host.nodes[name].size} in another file"
            )
        if host.has_bitmap(name, bitmap.name):
            raise FileError(
                f"{path}: a second bitmap '{bitmap.name}' of node '{name}'"
            )
        if name not in host.nodes:
            host.add_node(name, bitmap.disk_size)
        host.nodes[name].bitmaps[bitmap.name] = bitmap


def check_directory(place: Path | None) -> None:
    """FileError unless files can be made there."""
    if place is None:
        return
    if not place.is_dir():
        raise FileError(f"{place}: is not a directory")
    if not os.access(place, os.W_OK | os.X_OK):
        raise FileError(f"{place}: is not writable")


def save_all(
    host: Host, labels: list[tuple[str, str]], place: Path, raw: bool
) -> dict[tuple[str, str], Path]:
    """Write these bitmaps into the directory; where each one is.

    JSON, unless ``raw`` is wanted or there are too many ranges.  Raises
    FileError.
    """
    written = {}
    for node, name in labels:
        bitmap = host.bitmap(node, name)
        suffix = ".bin" if raw or _is_large(bitmap) else ".json"
        path = place / f"{_file_name(node, name)}{suffix}"
        save(bitmap, path, node)
        written[node, name] = path
    return written


def _is_large(bitmap: DirtyBitmap) -> bool:
    return bitmap.granules > MOST_GRANULES and bitmap.bits.count() > MOST_DIRTY


def _file_name(node: str, name: str) -> str:
    # "+" is quoted in either of them, so it stands between them only
    text = f"{quote(node, safe='')}+{quote(name, safe='')}"
    if len(text) <= LONGEST:
        return text
    return f"{text[:LONGEST]}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
