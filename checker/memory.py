# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether an error means that there is no more memory.

Python, numpy, the system and z3 each say it in their own way.  Who runs out
of memory has found nothing out: that is INCONCLUSIVE, no mistake of the user
and no bug.  Nothing is imported here, so that this is known while memory is
short.
"""

from __future__ import annotations

import errno

OUT_OF_MEMORY = "out of memory"


def is_out_of_memory(error: BaseException) -> bool:
    """Whether ``error`` says that there is no more memory."""
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    if type(error).__name__ == "Z3Exception":
        return "memory" in str(error)
    return isinstance(error, MemoryError)
