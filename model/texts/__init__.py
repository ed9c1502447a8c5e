# SPDX-License-Identifier: GPL-2.0-or-later
"""How a model text is run: once, before there is a size.

Each run is a process of its own that knows no size (``run`` starts it,
``schema_of`` has it forked); what comes back is a schema, plain data.  The
schema of a variant is kept, in memory and in the cache directory, under the
digest of the files that it was made of.
"""

from __future__ import annotations

import hashlib
import json
import sys
from functools import cache

from attrs import frozen

from model.language import Machine
from model.language.schema import digest
from model.language.schema_reading import from_text
from model.language.terms import check_terms
from model.texts import kept
from model.texts.sources import Sources, shipped
from model.variant import Variant


@frozen
class Schema:
    """The one term of a variant, and its name."""

    term: Machine
    digest: str

    @classmethod
    def read(cls, text: str | bytes) -> Schema:
        """The schema that ``text`` is; ModelError if it is none."""
        term = from_text(text)
        check_terms(term)
        return cls(term, digest(term))


@cache
def current() -> Sources:
    """The text, read once: a process speaks of one model."""
    return shipped()


@cache
def schema_of(variant: Variant) -> Schema:
    """The schema of a variant of the shipped text."""
    from model.texts.process import server

    sources = current()
    told = json.dumps(variant.table())
    parts = (sources.digest, told, sys.version)
    key = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    known = kept.find(key)
    if known is not None:
        return Schema.read(known)
    text = server().text(variant, sources)
    found = Schema.read(text)
    kept.store(key, text)
    return found


def run(
    variant: Variant, times: int = 1, sources: Sources | None = None
) -> list[Schema]:
    """Run the text anew, whatever is kept of earlier runs."""
    from model.texts.process import Run

    told = sources or current()
    runs = [Run(variant, told) for _ in range(times)]
    return [Schema.read(one.text()) for one in runs]
