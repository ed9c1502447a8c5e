# SPDX-License-Identifier: GPL-2.0-or-later
"""``dbmcheck compare``: the designs side by side, and the answer."""
