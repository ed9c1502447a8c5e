# SPDX-License-Identifier: GPL-2.0-or-later
"""The bytes on the wire: the dirty-bitmap section and the stream around it.

Encoders return bytes, decoders take bytes in any fragments; nothing here
does any input or output.  The format is in DOMAIN.md, section 7.
"""
