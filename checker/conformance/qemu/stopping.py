# SPDX-License-Identifier: GPL-2.0-or-later
"""Long work that a person may stop: what is done by then stays.

The rule: the first Ctrl-C or SIGTERM cancels the work, which ends its
processes on the way out; those that come later change nothing.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, Final

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)

Work = Coroutine[Any, Any, None]


def run_until_stopped(work: Work) -> bool:
    """Does it come to its end before anybody stops it?"""
    return asyncio.run(_run(work))


async def _run(work: Work) -> bool:
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    stopped = False

    def stop() -> None:
        nonlocal stopped
        if not stopped:
            stopped = True
            # what breaks off in the middle complains, and nobody cares
            loop.set_exception_handler(lambda *_: None)
            task.cancel()

    for number in _SIGNALS:
        loop.add_signal_handler(number, stop)
    try:
        await task
    except asyncio.CancelledError:
        return False
    except BaseExceptionGroup:
        if not stopped:
            raise
        return False
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
    return True
