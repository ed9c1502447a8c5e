# SPDX-License-Identifier: GPL-2.0-or-later
"""Every error that the reference raises on purpose.

The class says what follows: a ``StreamError`` fails the migration, a
``DroppedError`` drops the incoming bitmaps while the stream is read on, a
``BitmapError`` refuses an operation and changes nothing.  The text is one
line for people: what, where, what is allowed.
"""

from __future__ import annotations


class DirtyBitmapError(Exception):
    """The root of the tree."""


class BitmapError(DirtyBitmapError):
    """An operation on a bitmap was refused; nothing has changed."""


class BusyError(BitmapError):
    """The bitmap is held by somebody else: a migration or a job."""


class InconsistentError(BitmapError):
    """The bitmap's content is lost; it can only be removed."""


class UnknownBitmapError(BitmapError):
    """No such node, or no bitmap of that name on it."""


class StreamError(DirtyBitmapError):
    """The stream cannot be read on: the migration fails.

    ``offset``: where in the stream, in bytes, -1 if it is not known.
    """

    def __init__(self, text: str, offset: int = -1) -> None:
        super().__init__(text)
        self.offset = offset


class TruncatedError(StreamError):
    """The stream ended in the middle of something."""


class CorruptError(StreamError):
    """The stream holds what its format does not allow."""


class VersionError(StreamError):
    """A version that this code does not speak."""


class LimitError(StreamError):
    """Something is larger than the format or the reader allows."""


class DroppedError(DirtyBitmapError):
    """A bitmap cannot be loaded: drop the bitmaps, read the stream on."""


class ProtocolError(DirtyBitmapError):
    """The event is not allowed in the state that the role is in."""


class TransportError(DirtyBitmapError):
    """The connection could not be made, or the peer is gone."""


class FileError(DirtyBitmapError):
    """A bitmap file cannot be read or written."""
