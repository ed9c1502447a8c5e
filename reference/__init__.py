# SPDX-License-Identifier: GPL-2.0-or-later
"""The reference implementation: real bytes, all five designs.

    bitmap/     dirty bitmaps, vectorised; files
    wire/       the dirty-bitmap section and the stream around it
    host        a VM, its nodes and bitmaps, writes in flight; backup, disk
    protocol/   the roles, sans-IO; ``tables`` has their state machines
    loopback    both ends in memory, joined by a pipe that can fail
    transport/  the same over TCP and unix sockets

Read ``protocol/tables`` first.  Nothing is shared with ``model``: that is what
makes the comparison of the two worth something.
"""
