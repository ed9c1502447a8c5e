# SPDX-License-Identifier: GPL-2.0-or-later
"""From a configuration to a verdict, by one of the engines."""
