# SPDX-License-Identifier: GPL-2.0-or-later
"""Both ends together, and a pipe that fails at any byte."""
