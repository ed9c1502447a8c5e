# SPDX-License-Identifier: GPL-2.0-or-later
"""The language in which the protocol is written once.

It knows flags, enumerations, counters, sets of granules, cursors and
channels; it knows nothing of bitmaps or of QEMU.
"""

from model.language.builder import MachineBuilder
from model.language.channel import Channel
from model.language.domain import Chunk, Concrete, Domain, Granule
from model.language.errors import ModelError
from model.language.machine import (
    Action,
    Conjunct,
    Cost,
    Field,
    Instance,
    Machine,
    Property,
    Rank,
    State,
    Variable,
)
from model.language.over_step import after
from model.language.projected import Projected
from model.language.records import (
    anew,
    another,
    chunk_field,
    chunks_field,
    contents_field,
    cursor_field,
    declare,
    enum_field,
    flag_field,
    granules_field,
)
from model.language.schematic import Schematic
from model.language.sets import (
    ChunkName,
    ChunkSet,
    Contents,
    Cursor,
    GranuleSet,
    chunk_alone,
    every_chunk,
    every_granule,
    single,
)
from model.language.size import Size, size_of
from model.language.step import Effect, Guard, Part, Step, given
from model.language.tally import Tally
from model.language.types import ContentsType, Disk, EnumType, NameType, Type
from model.language.values import (
    NO,
    YES,
    Counter,
    EnumValue,
    Flag,
    Update,
    all_of,
    any_of,
    choose,
    effect,
)

__all__ = [
    "NO",
    "YES",
    "Action",
    "Channel",
    "Chunk",
    "ChunkName",
    "ChunkSet",
    "Concrete",
    "Conjunct",
    "Contents",
    "ContentsType",
    "Cost",
    "Counter",
    "Cursor",
    "Disk",
    "Domain",
    "Effect",
    "EnumType",
    "EnumValue",
    "Field",
    "Flag",
    "Granule",
    "GranuleSet",
    "Guard",
    "Instance",
    "Machine",
    "MachineBuilder",
    "ModelError",
    "NameType",
    "Part",
    "Projected",
    "Property",
    "Rank",
    "Schematic",
    "Size",
    "State",
    "Step",
    "Tally",
    "Type",
    "Update",
    "Variable",
    "after",
    "all_of",
    "anew",
    "another",
    "any_of",
    "choose",
    "chunk_alone",
    "chunk_field",
    "chunks_field",
    "contents_field",
    "cursor_field",
    "declare",
    "effect",
    "enum_field",
    "every_chunk",
    "every_granule",
    "flag_field",
    "given",
    "granules_field",
    "single",
    "size_of",
]
