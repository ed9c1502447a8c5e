# SPDX-License-Identifier: GPL-2.0-or-later
"""``python -m checker`` is ``dbmcheck``."""

import sys

from checker.cli import main

if __name__ == "__main__":
    sys.exit(main())
