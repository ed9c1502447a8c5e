# SPDX-License-Identifier: GPL-2.0-or-later
"""What the terms of a mail mean, for a reader who has no glossary.

``model/docs/glossary.md`` has more, and each of these terms.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

#: pattern of a term, the term, and a few words
_TERMS: tuple[tuple[str, str, str], ...] = (
    (r"granules?", "granule", "what one bit stands for"),
    (r"chunks?", "chunk", "the granules of one BITS message"),
    (r"RUN", "RUN", "the device state and the right to run"),
    (r"COMPLETE", "COMPLETE", "every chunk of the bitmap was sent"),
    (r"SHUT", "SHUT", "the destination's answer that it has all"),
    (
        r"successors?(-records)?",
        "successor",
        "a bitmap that records in the place of a busy one",
    ),
    (
        r"true_dirty",
        "true dirty set",
        "granules that the next backup has to copy",
    ),
    (r"meta", "meta bitmap", "one bit a chunk, set when the chunk changes"),
    (r"fence[sd]?|fencing", "fencing", "ending one side for certain"),
    (r"drains?|drained", "drain", "to wait until no write is in flight"),
    (r"as built", "as built", "as QEMU is"),
)
TERMS: Mapping[str, str] = {term: words for _, term, words in _TERMS}


def glossary(text: str) -> str:
    """Return the terms that occur in ``text``, explained in one line."""
    found = [
        f"{term}: {words}"
        for pattern, term, words in _TERMS
        if re.search(rf"(?<![\w-])({pattern})(?![\w-])", text)
    ]
    return f"Terms: {'; '.join(found)}." if found else ""
