# SPDX-License-Identifier: GPL-2.0-or-later
"""The control block: the words that Python and the kernel share.

Each part of a search has one.  Python writes where things lie and how far to
go, calls the kernel, and reads how far it came.
"""

from __future__ import annotations

from ctypes import Structure, c_uint64, c_void_p, sizeof

from checker.engines.native.value import I64, POINTER, Value


class ControlBlock(Structure):
    """The words by name; one of type c_void_p holds an address."""

    __slots__ = ()
    _fields_ = (
        ("arena", c_void_p),  # the states, in the order they were found
        ("count", c_uint64),  # states in the arena
        ("table", c_void_p),  # the slots
        ("shift", c_uint64),  # 64 - log2(lines of the table)
        ("next", c_uint64),  # the next state to expand
        ("end", c_uint64),  # where to stop expanding
        ("room", c_uint64),  # no block begins with more states than that
        ("fired", c_void_p),  # for each instance, its transitions
        ("stuck", c_void_p),  # the number of deadlocks
        ("seen", c_void_p),  # one bit for each watch that was true
        ("filter", c_void_p),  # rows that were met a moment ago
        ("successors", c_void_p),  # rows that a block leads to
        ("candidates", c_void_p),  # of these the fresh ones, each with a hash
        ("pending", c_void_p),  # pairs of a candidate and a line
        ("parts", c_uint64),  # how many parts the search has
        ("part", c_uint64),  # the number of this one
        ("outboxes", c_void_p),  # for each part, the address of its rows
        ("outgoing", c_void_p),  # for each part, how many rows go there
        ("outbox_room", c_uint64),  # no block begins with more rows to go
        ("most", c_uint64),  # nothing is expanded with more states than that
    )


class Control:
    """The control block as a routine sees it, at ``address``.

    To read a word (``control.count``) writes an instruction that loads it,
    to set one an instruction that stores it.
    """

    __slots__ = ("address",)
    address: Value

    def __init__(self, address: Value) -> None:
        object.__setattr__(self, "address", address)

    def __getattr__(self, name: str) -> Value:
        index, kind = _word(name)
        return self.address.word_at(index).read(kind)

    def __setattr__(self, name: str, value: Value) -> None:
        index, _ = _word(name)
        self.address[index] = value


def _word(name: str) -> tuple[int, str]:
    """Return the number of a word of the control block, and its type."""
    index = int(getattr(ControlBlock, name).offset) // sizeof(c_uint64)
    kinds = dict(ControlBlock._fields_)
    return index, POINTER if kinds[name] is c_void_p else I64
