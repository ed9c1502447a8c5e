# SPDX-License-Identifier: GPL-2.0-or-later
"""What all designs share: the hosts, the guest, what ends an attempt."""
