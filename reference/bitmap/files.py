# SPDX-License-Identifier: GPL-2.0-or-later
"""Bitmap files: read one, write one.

A name that ends in ``.json`` holds ranges of dirty bytes, for people and
scripts; any other file holds the bare words, as QEMU's
``hbitmap_serialize_part`` yields them for a whole bitmap.  The rule: what is
read is checked to the last byte, and a file is replaced as a whole or not at
all.  Whatever is wrong is a ``FileError`` of one line.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from reference.bitmap.bits import Bits
from reference.bitmap.dirty_bitmap import (
    LONGEST_NAME,
    MOST_DISK,
    DirtyBitmap,
    check_name,
)
from reference.bitmap.words import words_for
from reference.errors import BitmapError, FileError

#: a JSON file is for people; larger bitmaps fit a raw file
MOST_JSON_BYTES = 256 << 20
_SHOWN = 40
_REQUIRED = {"name": str, "disk_size": int, "granularity": int, "dirty": list}
_OPTIONAL = {"node": str, "enabled": bool, "persistent": bool}
_TYPES: dict[str, type] = {**_REQUIRED, **_OPTIONAL}
_TYPE_NAMES = {str: "a string", int: "an integer", bool: "true or false"}


def load(
    path: str | os.PathLike[str],
    disk_size: int | None = None,
    granularity: int | None = None,
    name: str | None = None,
) -> DirtyBitmap:
    """The bitmap in a file; of a raw file the arguments say the rest.

    A raw file needs ``disk_size`` and ``granularity``, in bytes; its bitmap
    records, and is called ``name`` or else as the file without its suffix.
    A JSON file is refused if it contradicts an argument that is given.
    Raises ``FileError``.
    """
    return load_with_node(path, disk_size, granularity, name)[1]


def load_with_node(
    path: str | os.PathLike[str],
    disk_size: int | None = None,
    granularity: int | None = None,
    name: str | None = None,
) -> tuple[str, DirtyBitmap]:
    """As ``load``, with the node's name before it; "" if the file has none."""
    place = Path(path)
    try:
        if _is_json(place):
            given = {
                "disk_size": disk_size,
                "granularity": granularity,
                "name": name,
            }
            return _from_json(_read(place, MOST_JSON_BYTES), given)
        if disk_size is None or granularity is None:
            raise FileError(
                "a raw bitmap file does not tell the disk's size and the "
                "granularity; both must be given"
            )
        bitmap = DirtyBitmap.create(
            place.stem if name is None else name, disk_size, granularity
        )
        size = words_for(bitmap.granules) * 8
        _fill(bitmap.bits, _read(place, size))
        return "", bitmap
    except (BitmapError, FileError) as error:
        raise FileError(f"{_shown(place)}: {error}") from error


def save(
    bitmap: DirtyBitmap,
    path: str | os.PathLike[str],
    node: str = "",
) -> None:
    """Write a bitmap, as JSON or raw; an existing file is replaced.

    ``enabled`` in JSON is whether guest writes were recorded.  Raises
    ``FileError`` if the file cannot be written, if something that is no
    regular file has its name, or if the bitmap is inconsistent or has a
    successor: then its bits are not all that is dirty.
    """
    place = Path(path)
    try:
        if bitmap.inconsistent:
            raise FileError(
                f"bitmap {bitmap.name!r} is inconsistent; its content is "
                "lost and is not written"
            )
        if bitmap.successor is not None:
            raise FileError(
                f"bitmap {bitmap.name!r} has a successor that holds the "
                "latest writes; reclaim it before"
            )
        if _is_json(place):
            _check_node(node)
            check_name(bitmap.name)
            _replace(place, _json_lines(bitmap, node))
        else:
            _replace(place, [bitmap.bits.words.view(np.uint8).data])
    except (BitmapError, FileError) as error:
        raise FileError(f"{_shown(place)}: {error}") from error


def _is_json(place: Path) -> bool:
    return place.suffix.lower() == ".json"


def _shown(place: Path) -> str:
    """A path that stays on its line."""
    text = str(place)
    return text if text.isprintable() else ascii(text)


def _read(place: Path, most: int) -> bytes:
    """A regular file's bytes, ``most`` and at most one more."""
    try:
        # a pipe would block the opening itself
        descriptor = os.open(place, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise FileError("is not a regular file")
            return file.read(most + 1)
    except (OSError, ValueError, MemoryError) as error:
        raise FileError(f"cannot be read: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


def _fill(bits: Bits, content: bytes) -> None:
    """Take a raw file's content; ``content`` may be a byte too long."""
    size = bits.words.nbytes
    if len(content) != size:
        found = f"more than {size}" if len(content) > size else len(content)
        raise FileError(
            f"has {found} bytes; the bitmap's {bits.granules} granules take "
            f"{size}"
        )
    bits.deserialize(0, bits.granules, content)
    # only the last word can hold more than the bitmap does
    if bits.words[-1:].tobytes() != content[-8:]:
        raise FileError(
            f"has bits past the bitmap's {bits.granules} granules; they must "
            "be zero"
        )


def _from_json(
    content: bytes, given: dict[str, int | str | None]
) -> tuple[str, DirtyBitmap]:
    if len(content) > MOST_JSON_BYTES:
        raise FileError(
            f"has more than {MOST_JSON_BYTES} bytes; use a raw bitmap file"
        )
    try:
        found = json.loads(content, object_pairs_hook=_no_key_twice)
    except RecursionError:
        raise FileError("is not valid JSON: nested too deep") from None
    except ValueError as error:
        raise FileError(f"is not valid JSON: {_one_line(error)}") from None
    _check_keys(found)
    for key, value in given.items():
        if value is not None and found[key] != value:
            raise FileError(
                f"'{key}' is {_brief(found[key])}, but {_brief(value)} was "
                "asked for"
            )
    node = found.get("node", "")
    _check_node(node)
    bitmap = DirtyBitmap.create(
        found["name"],
        found["disk_size"],
        found["granularity"],
        recording=found.get("enabled", True),
        persistent=found.get("persistent", False),
    )
    _mark_ranges(bitmap, found["dirty"])
    return node, bitmap


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise FileError(f"has the key {_brief(key)} twice")
        found[key] = value
    return found


def _check_keys(found: object) -> None:
    if not isinstance(found, dict):
        raise FileError("is not a JSON object with the keys of a bitmap")
    for key in found:
        if key not in _TYPES:
            raise FileError(
                f"unknown key {_brief(key)}; allowed are {', '.join(_TYPES)}"
            )
    for key in _REQUIRED:
        if key not in found:
            raise FileError(f"the key '{key}' is missing")
    for key, value in found.items():
        # true and false count as integers in Python, not here
        if type(value) is not _TYPES[key]:
            wanted = _TYPE_NAMES.get(_TYPES[key], "a list of ranges")
            raise FileError(f"'{key}' is {_brief(value)}; it must be {wanted}")
        if isinstance(value, int) and abs(value) > MOST_DISK:
            raise FileError(
                f"'{key}' is {_brief(value)}; at most {MOST_DISK} is possible"
            )


def _brief(value: object) -> str:
    """A value as it stood in the file, cut to a readable length."""
    try:
        text = json.dumps(value)
    except (ValueError, RecursionError):
        # an integer of thousands of digits has no text, nor has deep nesting
        text = f"a {type(value).__name__}"
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."


def _check_node(node: str) -> None:
    try:
        size = len(node.encode())
    except UnicodeEncodeError:
        raise FileError(
            f"the node name {_brief(node)} cannot be written as UTF-8"
        ) from None
    if size > LONGEST_NAME:
        raise FileError(
            f"the node name has {size} bytes; a migration carries at most "
            f"{LONGEST_NAME}"
        )


def _mark_ranges(bitmap: DirtyBitmap, ranges: list[Any]) -> None:
    """Mark the byte ranges of a file; they must ascend, without overlap."""
    past = 0
    for number, item in enumerate(ranges):
        fault = _fault(bitmap, item, past)
        if fault:
            raise FileError(f"'dirty' range {number}, {_brief(item)}, {fault}")
        offset, length = item
        past = offset + length
        first = offset // bitmap.granularity
        bitmap.mark(first, -(-past // bitmap.granularity) - first)


def _fault(bitmap: DirtyBitmap, item: Any, past: int) -> str:
    """What is wrong with a range after one that ended at ``past``."""
    if not isinstance(item, list) or [type(part) for part in item] != [
        int,
        int,
    ]:
        return "is not [offset, length] in bytes"
    offset, length = item
    if offset < 0 or length <= 0:
        return "needs an offset of at least 0 and a length of at least 1"
    size, granularity = bitmap.disk_size, bitmap.granularity
    end = offset + length
    if end > size:
        return f"reaches beyond the disk's {size} bytes"
    if offset % granularity or (end % granularity and end != size):
        return f"is not made of whole granules of {granularity} bytes"
    if offset < past:
        return "overlaps the one before it or is out of order"
    return ""


def _json_lines(bitmap: DirtyBitmap, node: str) -> Iterable[bytes]:
    """The file's text: one line for each key and for each range."""
    head = {
        "node": node,
        "name": bitmap.name,
        "disk_size": bitmap.disk_size,
        "granularity": bitmap.granularity,
        "enabled": bitmap.recording,
        "persistent": bitmap.persistent,
    }
    lines = [f"  {json.dumps(k)}: {json.dumps(v)}," for k, v in head.items()]
    ranges = bitmap.dirty_ranges()
    yield ("{\n" + "\n".join(lines) + '\n  "dirty": [').encode()
    for at in range(0, len(ranges), 4096):
        some = ranges[at : at + 4096]
        text = ",".join(f"\n    [{start}, {size}]" for start, size in some)
        yield ("," * bool(at) + text).encode()
    yield b"\n  ]\n}\n" if ranges else b"]\n}\n"


def _replace(place: Path, parts: Iterable[bytes | memoryview]) -> None:
    """Write a file under a new name, then let it take its place."""
    try:
        # a link stays; what it points to is replaced
        target = place.resolve()
        if target.exists() and not target.is_file():
            raise FileError("exists and is not a regular file")
        draft = target.with_name(f".{secrets.token_hex(8)}.tmp")
        try:
            with draft.open("xb") as file:
                for part in parts:
                    file.write(part)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(target)
        except BaseException:
            with contextlib.suppress(OSError):
                draft.unlink()
            raise
    except (OSError, RuntimeError, ValueError, MemoryError) as error:
        raise FileError(f"cannot be written: {_reason(error)}") from error
