# SPDX-License-Identifier: GPL-2.0-or-later
"""What is cited in a review: mails, charts, pages of the model."""
