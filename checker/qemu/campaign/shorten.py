# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs each new violation again, with a smaller scenario and longer limits.

The rule: a violation counts from its first sight on; but its reader wants the
smallest scenario that shows it, and wants to know whether it came again.  The
fault stays where it is; other things are left out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import attrs

from checker.qemu.campaign.campaign import PATIENT, Campaign, run_case
from checker.qemu.campaign.case import Case
from checker.qemu.campaign.result import Result
from checker.qemu.campaign.summary import Distinct, Summary, wording
from checker.qemu.campaign.violation import Violation
from checker.qemu.harness.scenario import Then


def candidates(case: Case) -> Iterator[Case]:
    """Yield smaller cases, the smallest first, the case itself last."""
    one = attrs.evolve(case, bitmaps=min(case.bitmaps, 1))
    less = [
        attrs.evolve(one, persistent=persistent, then=then)
        for then in dict.fromkeys([Then.QUIT, case.then])
        for persistent in dict.fromkeys([False, case.persistent])
    ]
    yield from (each for each in dict.fromkeys(less) if each != case)
    yield case


def same(result: Result, violation: Violation) -> Violation | None:
    """Return the violation as another result has it, None if it does not."""
    for each in result.violations:
        alike = wording(each) == wording(violation)
        if each.guarantee == violation.guarantee and alike:
            return each
    return None


def shorten(campaign: Campaign, summary: Summary) -> Summary:
    """Return the summary with the smallest scenario of all that is new."""
    found: list[Distinct] = list(summary.distinct)

    async def work() -> None:
        free = asyncio.Semaphore(campaign.workers)

        async def one(number: int) -> None:
            async with free:
                found[number] = await _look(campaign, found[number])

        async with asyncio.TaskGroup() as group:
            for number, each in enumerate(found):
                if each.known is None:
                    group.create_task(one(number))

    campaign.run_more(work())
    return attrs.evolve(summary, distinct=tuple(found))


async def _look(campaign: Campaign, distinct: Distinct) -> Distinct:
    for case in candidates(distinct.result.case):
        campaign.report(f"again: {case.scenario}")
        result = await run_case(case, campaign.builds, PATIENT, campaign.work)
        violation = same(result, distinct.violation)
        if violation is not None:
            least = (result, violation)
            return attrs.evolve(distinct, least=least, again=True)
    return attrs.evolve(distinct, again=False)
