# SPDX-License-Identifier: GPL-2.0-or-later
"""``python -m checker`` is ``dbmcheck``.

Nothing is imported here but what every Python has loaded already: until the
command can answer a Ctrl-C, one ends it without a word.
"""

import signal
import sys


def main() -> int:
    """Run the command of this process; returns the exit code."""
    heard = signal.getsignal(signal.SIGINT)
    if heard is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from checker import cli

    # one that came meanwhile has ended us
    signal.signal(signal.SIGINT, heard)
    try:
        return cli.main()
    finally:
        _answer_no_more()


def _answer_no_more() -> None:
    """What comes while Python ends ends it, without a traceback."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.default_int_handler:
            signal.signal(number, signal.SIG_DFL)


if __name__ == "__main__":
    sys.exit(main())
