# SPDX-License-Identifier: GPL-2.0-or-later
"""The reference with one thing wrong, and two judges that must see it."""
