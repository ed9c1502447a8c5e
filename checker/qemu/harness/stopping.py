# SPDX-License-Identifier: GPL-2.0-or-later
"""Long work that a person may stop: what is done by then stays.

The rule: the first Ctrl-C, SIGTERM or SIGHUP cancels the work, which ends its
processes on the way out; those that come later change nothing.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, Final

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

Work = Coroutine[Any, Any, None]


def run_until_stopped(work: Work) -> bool:
    """Return whether the work ends before a person stops it."""
    return asyncio.run(_run(work))


async def _run(work: Work) -> bool:
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    stopped = False

    def stop() -> None:
        nonlocal stopped
        if not stopped:
            stopped = True
            # work that breaks off complains, which says nothing
            loop.set_exception_handler(lambda *_: None)
            task.cancel()

    heard = [n for n in _SIGNALS if signal.getsignal(n) != signal.SIG_IGN]
    before = {number: signal.getsignal(number) for number in heard}
    for number in heard:
        loop.add_signal_handler(number, stop)
    loop.set_exception_handler(_complain)
    try:
        await task
    except asyncio.CancelledError:
        return False
    except BaseExceptionGroup:
        if not stopped:
            raise
        return False
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            if handler is not None:
                signal.signal(number, handler)
    return True


def _complain(
    loop: asyncio.AbstractEventLoop, context: dict[str, Any]
) -> None:
    """Report an error of the loop, but none that a dead peer leaves."""
    if "never retrieved" not in context.get("message", ""):
        loop.default_exception_handler(context)
