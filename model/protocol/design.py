# SPDX-License-Identifier: GPL-2.0-or-later
"""What shared text asks of a design before anything happens.

A page under ``designs`` has one ``Design``; what it says decides which fields
and which actions there are.
"""

from __future__ import annotations

from attrs import frozen

from model.protocol.hosts import (
    APPEARS,
    EARLY,
    FROZEN,
    LEFT_OUT,
    ONES,
    SEVERAL,
)
from model.variant import Variant
from model.vocabulary import Message


@frozen(kw_only=True)
class Design:
    """What is said of a design before anything happens.

    ``last``: the last message of the stream, RUN or COMPLETE; where it is RUN
    the destination answers on the return path.  ``holds``: the migration
    holds the source's bitmap, so that no client may use it.  ``migrates``: the
    bitmap is migrated at all.  ``errors_drop``: a bitmap error drops the
    bitmap, so that a migration may succeed and lose it; else it fails.
    ``ones_first``: START creates the bitmap with every bit set, and a break
    after RUN keeps it.  ``bulk``: the source freezes the bitmap at setup and
    sends it while the guest runs.
    """

    last: Message
    holds: bool = True
    migrates: bool = True
    errors_drop: bool = True
    ones_first: bool = False
    bulk: bool = False

    @property
    def run_is_last(self) -> bool:
        """Whether everything else is sent before the VM may run."""
        return self.last is Message.RUN

    def freezes(self, options: Variant) -> bool:
        """Whether the source freezes the bitmap at setup."""
        return self.bulk or options.source == "bulk"

    def words(self, options: Variant) -> list[str]:
        """Which fields there are beside those that are always there."""
        words = []
        if options.bitmaps == "appears":
            words += [APPEARS, LEFT_OUT]
        elif options.bitmaps != "one":
            words.append(SEVERAL)
        if options.busy_bitmap == "leave-out":
            words.append(LEFT_OUT)
        if self.freezes(options):
            words.append(FROZEN)
        if self.ones_first:
            words.append(ONES)
        if self.ones_first and self.freezes(options):
            words.append(EARLY)
        return words
