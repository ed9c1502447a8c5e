# SPDX-License-Identifier: GPL-2.0-or-later
"""The reference with one thing wrong, and two judges that must see it."""

from tests.defects import destination, host, link, source

#: where the defects are; to import them has registered them
ROOMS = (destination, host, link, source)
