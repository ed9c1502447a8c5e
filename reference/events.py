# SPDX-License-Identifier: GPL-2.0-or-later
"""What happened, as a log tells it.

A role returns an ``Event`` for every step that it takes.  The names are
QEMU's functions or QMP commands, so that a log reads like a trace of them.
"""

from __future__ import annotations

from typing import Any

from attrs import frozen


@frozen(kw_only=True)
class Event:
    """One step of one actor.

    ``bitmap`` is 'node/name' where the step concerns one bitmap;  ``chunk``
    is the first of ``chunks`` chunks that the step concerns, -1 if none;
    ``offset`` and ``length``, in bytes, are where a guest write goes;
    ``detail`` says more to people.
    """

    actor: str
    action: str
    bitmap: str = ""
    chunk: int = -1
    chunks: int = 1
    offset: int = -1
    length: int = 0
    detail: str = ""

    def as_dict(self) -> dict[str, Any]:
        """The event as plain data, without what is empty."""
        found: dict[str, Any] = {"actor": self.actor, "action": self.action}
        if self.bitmap:
            found["bitmap"] = self.bitmap
        if self.chunk >= 0:
            found["chunk"] = self.chunk
            if self.chunks > 1:
                found["chunks"] = self.chunks
        if self.offset >= 0:
            found["offset"], found["length"] = self.offset, self.length
        if self.detail:
            found["detail"] = self.detail
        return found
