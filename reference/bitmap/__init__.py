# SPDX-License-Identifier: GPL-2.0-or-later
"""Dirty bitmaps as QEMU has them, on numpy arrays.

``Bits`` is an array of bits, ``DirtyBitmap`` one bitmap of a disk with its
successor, ``MetaBitmap`` tells which chunks of one have changed, ``load`` and
``save`` read and write bitmap files.  Nothing here knows of a migration.
"""

from reference.bitmap.bits import Bits
from reference.bitmap.dirty_bitmap import DirtyBitmap
from reference.bitmap.files import load, load_with_node, save
from reference.bitmap.meta import MetaBitmap

__all__ = [
    "Bits",
    "DirtyBitmap",
    "load",
    "load_with_node",
    "save",
    "MetaBitmap",
]
