# SPDX-License-Identifier: GPL-2.0-or-later
"""Is a design that does not end any more refused, and only such a one?"""

from __future__ import annotations

import pytest

from model.designs import schema
from model.options import Failures, Options
from tests.designs import one_in
from tests.proof.termination.searched import counted, form_of, on_disk
from tests.proof.termination.twins import (
    CURSOR,
    TWINS,
    changed,
    sets,
    starts_over,
)

ENDS = "MigrationEnds"


@pytest.mark.parametrize("name", one_in(2, TWINS))
def test_a_twin(name: str) -> None:
    design, form, action, change, ends = TWINS[name]
    options = Options(design=design)
    term = changed(schema(options).term, action, change)
    asked = form_of(term, form)
    assert counted(term, asked).ends(ENDS) is ends
    disks = (
        on_disk(term, options, asked, downtime=downtime)
        for downtime in ((0, 1) if form == "bounded" else (1,))
    )
    assert all(disk.ends(ENDS) for disk in disks) is ends


@pytest.mark.slow
def test_two_chunks_do_not_show_what_three_do() -> None:
    """Slow: three chunks and a throttled guest have 940,890 states.

    A write that makes the source start over is outrun on two chunks, not on
    three; the count, which knows no number, refuses it.
    """
    options = Options(design="live")
    term = changed(
        schema(options).term, "source_set_dirty", sets(CURSOR, starts_over)
    )
    form = form_of(term, "throttled")
    assert not counted(term, form).ends(ENDS)
    for chunks, ends in ((2, True), (3, False)):
        disk = on_disk(term, options, form, chunks, failures=Failures())
        assert disk.ends(ENDS) is ends
