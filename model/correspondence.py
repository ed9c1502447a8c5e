# SPDX-License-Identifier: GPL-2.0-or-later
"""Which test of QEMU exercises what an action of the model stands for.

The QEMU function is in the action's docstring; tests are named here.  An
action that is missing is exercised by no test of QEMU that we know of.
"""

from __future__ import annotations

POSTCOPY = "iotest 199, test_postcopy_success"
SHUTDOWN = "iotest 199, test_early_shutdown_destination"
KILL = "iotest 199, test_early_kill_source"
PRECOPY = "migrate-bitmaps-test (once iotest 169)"
ALIAS = "iotest 300"

QEMU_TESTS = {
    "source_set_dirty": PRECOPY,
    "destination_set_dirty": POSTCOPY,
    "migrate": PRECOPY,
    "dirty_bitmap_save_setup": PRECOPY,
    "migration_completion": PRECOPY,
    "bdrv_drain_all": PRECOPY,
    "send_bitmap_bits": PRECOPY,
    "send_bitmap_complete": PRECOPY,
    "send_device_state": PRECOPY,
    "dirty_bitmap_load_start": PRECOPY,
    "dirty_bitmap_load_bits": PRECOPY,
    "dirty_bitmap_load_complete": PRECOPY,
    "dirty_bitmap_mig_before_vm_start": POSTCOPY,
    "loadvm_run": POSTCOPY,
    "vm_start": POSTCOPY,
    "migrate_start_postcopy": POSTCOPY,
    "postcopy_start": POSTCOPY,
    "send_postcopy_run": POSTCOPY,
    "dirty_bitmap_load_complete_reclaim": POSTCOPY,
    "dirty_bitmap_mig_cancel_incoming": KILL,
    "source_killed": KILL,
    "destination_killed": SHUTDOWN,
    "dirty_bitmap_load_start_refused": ALIAS,
    "skip_bits": ALIAS,
    "skip_complete": ALIAS,
}
