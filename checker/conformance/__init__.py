# SPDX-License-Identifier: GPL-2.0-or-later
"""The reference against the model: every step, and logs of real runs."""
