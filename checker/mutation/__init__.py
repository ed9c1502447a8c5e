# SPDX-License-Identifier: GPL-2.0-or-later
"""Small changes to the model's actions: does the checker notice each?"""
