# SPDX-License-Identifier: GPL-2.0-or-later
"""Where a cut may fall: between two messages, or inside the next one.

Only parts that have no consequence are taken: one that the destination can
act on is, to the model, the message itself.  What such a part leaves out (the
footer after a chunk) is cut at every byte by the tests of the loopback.
"""

from __future__ import annotations

from checker.conformance.rig import Rig
from checker.conformance.snapshot import freeze, thaw
from model.language.machine import Instance
from reference.host import RunState


def variants(rig: Rig, instance: Instance) -> list[Rig]:
    """The reference before this step, in every way that the step allows.

    One, except for a cut: it may fall inside the message that comes next, so
    that a part of it has arrived (its first byte, half, all that is not yet
    the message).  A part that is enough to act on is the message itself.
    """
    found = [rig]
    if instance.action != "channel_cut":
        return found
    loopback = rig.loopback
    dead = loopback.destination_host.vm is RunState.GONE
    if loopback.forward.is_empty or dead:
        return found
    whole = _bytes_before_event(thaw(freeze(rig)))
    for prefix in sorted({1, whole // 2, whole} - {0}):
        if prefix <= whole:
            partly: Rig = thaw(freeze(rig))
            partly.loopback.deliver(prefix)
            found.append(partly)
    return found


def _bytes_before_event(rig: Rig) -> int:
    """How much of the next message may arrive without any consequence."""
    size = len(rig.loopback.forward.messages[0])
    arrived = 0
    while arrived < size - 1 and not rig.loopback.deliver(1):
        if rig.loopback.destination.error:
            break
        arrived += 1
    return arrived
