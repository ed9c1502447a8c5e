# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether an error means that there is no more memory.

Python, numpy, the system and z3 each say it in their own way.  Who runs out
of memory has found nothing out: that is INCONCLUSIVE, no mistake of the user
and no bug.  Nothing of our own is imported here, so that this is known while
memory is short.
"""

from __future__ import annotations

import errno
import mmap
import resource

OUT_OF_MEMORY = "out of memory"


def is_out_of_memory(error: BaseException) -> bool:
    """Whether ``error`` says that there is no more memory."""
    if _is_library_missing(error) and _is_memory_limited():
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    if type(error).__name__ == "Z3Exception":
        return "memory" in str(error)
    return isinstance(error, MemoryError)


def _is_library_missing(error: BaseException) -> bool:
    """Whether a shared library could not be loaded.

    Who loads it says "not found" or "failed to map", not why; an OSError
    with a number is of the system, which says why.
    """
    if isinstance(error, OSError) and error.errno is not None:
        return False
    told = isinstance(error, (OSError, ImportError))
    told = told or type(error).__name__ == "Z3Exception"
    return told and ".so" in str(error)


def _is_memory_limited() -> bool:
    """Whether somebody limits how much memory this process may have."""
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    return soft != resource.RLIM_INFINITY


def need_room(size: int) -> None:
    """Raise MemoryError unless ``size`` more bytes can be had now.

    For libraries that end the process where they get no memory: to ask
    before is the only way to say so.
    """
    try:
        mmap.mmap(-1, size).close()
    except OSError as error:
        raise MemoryError(OUT_OF_MEMORY) from error
