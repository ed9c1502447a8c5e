# SPDX-License-Identifier: GPL-2.0-or-later
"""``python -m reference``: migrate dirty bitmaps between two processes."""

import sys

from reference.cli import main

if __name__ == "__main__":
    sys.exit(main())
