# SPDX-License-Identifier: GPL-2.0-or-later
"""``dbmcheck compare``: the table, the costs, the answer."""

from __future__ import annotations

from collections.abc import Sequence

from checker.answer.compare import compare
from checker.answer.conclusion import (
    assumptions,
    sentences,
)
from checker.answer.explorations import ASKED, NEVER_STOPS
from checker.answer.findings import gathered
from checker.answer.result import ROWS, SAFETY, Comparison, DesignResult
from checker.answer.standing import (
    BOUNDED,
    ENDS,
    FEW,
    FITS,
    KINDS_OF_ENDS,
    ROWS_OF_ENDS,
    THROTTLED,
    Standing,
)
from checker.cli import page
from checker.cli.compare_costs_view import print_costs, print_real_disks
from checker.cli.compare_json import to_json
from checker.cli.describe import failures, size
from checker.cli.progress import words_shown
from checker.engines.exploration import Limits
from checker.engines.verdict import FIRES, gravest_code
from checker.input.exit_codes import ExitCode
from checker.proof.termination.answers import CLAIM
from checker.proof.termination.forms import LEAST_THROTTLE
from checker.text import joined, plural
from model.guarantees import GUARANTEES
from model.scope import NOT_MODELLED

#: columns of the captions of the table of verdicts
CAPTION = 19
#: how a standing is written where there is little room
SHORT = {
    Standing.NOT_PROMISED: "-",
    Standing.NOT_ASKED: "?",
    Standing.INCONCLUSIVE: "OPEN",
}
#: how far verdicts go, and how that is said
SCOPES = {
    "proved": "proved, for every number of chunks, of granules and of "
    "messages in flight, with failures without end and one write at a time "
    "on each host; what is VIOLATED a disk has shown",
    "bounds": "explored within the bounds above",
}
#: behind a standing that a design which does not do its work cannot show
UNTESTED = "*"
GLOSSES = {
    **{key: f"{key} {GUARANTEES[key].short}" for key in SAFETY},
    **{key: f"{ENDS} {kind}" for key, kind in KINDS_OF_ENDS.items()},
}


def run(limits: Limits, as_json: bool) -> int:
    """Compare, print; returns the exit code."""
    with words_shown() as tell:
        comparison = compare(limits, tell)
    if as_json:
        page.as_json(to_json(comparison))
    else:
        print_all(comparison)
    return exit_code(comparison)


def exit_code(comparison: Comparison) -> int:
    """The gravest of all findings; 0 if there is an answer.

    That a design need not end for some guests is an answer, and so is what
    breaks in the code that exists.
    """
    codes: list[ExitCode] = []
    for result in comparison.results:
        codes += [told.finding.exit_code for told in result.told]
        if result.proof is not None and result.proof.wrong:
            codes.append(result.proof.code)
        if result.endless:
            codes.append(ExitCode.EVENTUALLY_VIOLATED)
        if result.not_asked:
            codes.append(ExitCode.UNREACHED)
        if result.missing or (result.as_built and result.as_built.undecided):
            codes.append(ExitCode.INCONCLUSIVE)
    return gravest_code(codes)


def print_all(comparison: Comparison) -> None:
    """The table, the costs, the answer and what it assumes."""
    results = comparison.results
    page.line("Which design for migrating dirty bitmaps is tenable?")
    page.line()
    _print_guarantees(results)
    _print_findings(results)
    print_costs(results)
    print_real_disks(results)
    page.line()
    for text in sentences(comparison):
        page.paragraph(text)
        page.line()
    _print_assumptions(comparison)
    page.paragraph(
        "Which mechanisms each design needs: dbmcheck ablate DESIGN. How "
        "'proved' is shown: dbmcheck prove DESIGN."
    )


# -- guarantees --------------------------------------------------------------


def _print_guarantees(results: Sequence[DesignResult]) -> None:
    for text in _bounds(results):
        page.paragraph(text)
    page.line()
    page.table(
        ["", *(_in_lines(r.design) for r in results)],
        [
            [
                GLOSSES.get(key, key),
                *(_cell(result, key) for result in results),
            ]
            for key in ROWS
        ],
        first=CAPTION,
    )
    _print_legend(results)
    page.line()
    page.table(
        ["", "states", "transitions", "levels", "states (proof)", "seconds"],
        [
            [
                r.design,
                *(
                    _counted(r, name)
                    for name in ("states", "transitions", "levels")
                ),
                page.number(r.proof.states) if r.proof else "?",
                f"{r.seconds:.1f}",
            ]
            for r in results
        ],
        right=tuple(range(1, 6)),
    )
    derived = [r.design for r in results if THROTTLED in r.derived]
    if derived:
        page.line()
        page.paragraph(
            f"'{GLOSSES[THROTTLED]}' is not asked of {joined(derived)}: "
            "the model has no such guest there, so the row is that of "
            f"'{GLOSSES[ENDS]}'."
        )
    unproved = [
        f"{r.design} ({r.proof.open or 'see dbmcheck prove'})"
        for r in results
        if r.proof and not r.proof.guarantees
    ]
    if unproved:
        page.line()
        page.paragraph(f"Not proved for every size: {joined(unproved)}.")
    for result in results:
        for key, reason in result.not_promised.items():
            what = "only a part of" if _asked(result, key) else "nothing of"
            page.line()
            page.paragraph(f"{result.design} promises {what} {key}: {reason}.")


def _in_lines(design: str) -> str:
    """A design's name over lines that are no wider than a verdict."""
    lines = [""]
    for part in design.replace("-", " -").split():
        if len(lines[-1]) + len(part) > len(Standing.VIOLATED.value):
            lines.append("")
        lines[-1] += part
    return "\n".join(lines)


def _print_findings(results: Sequence[DesignResult]) -> None:
    """Every finding that is not as it should be, and where."""
    for result in results:
        for one in gathered(result.told):
            promise = f" ({one.guarantee})" if one.guarantee else ""
            places = ", ".join(t.explored.title for t in one.told)
            page.line()
            page.paragraph(
                f"{result.design}: {one.name}{promise}: "
                f"{one.told[0].standing.value}, in {places}.",
                indent="  ",
                first="",
            )

    for result in results:
        for key in result.endless:
            page.line()
            page.paragraph(
                f"{result.design}: {GLOSSES[key]}: VIOLATED, on a disk that "
                f"was not explored here: dbmcheck prove {result.design}.",
                indent="  ",
                first="",
            )


def _asked(result: DesignResult, key: str) -> bool:
    return result.standings.get(key) is not Standing.NOT_PROMISED


def _bounds(results: Sequence[DesignResult]) -> list[str]:
    """Return the bounds of the searches, those in common said once."""
    sizes: dict[str, list[str]] = {}
    for result in results:
        options = result.options
        # D is said of all designs together, below
        parts = size(options).split(", ")
        words = [word for word in parts if not word.startswith("stops at")]
        text = f"{', '.join(words)}; failures: {failures(options)}"
        sizes.setdefault(text, []).append(result.design)
    limits: dict[int, list[str]] = {}
    for result in results:
        limits.setdefault(result.options.bounds.downtime, []).append(
            result.design
        )
    said = [f"{text}{_only(names, results)}." for text, names in sizes.items()]
    said[0] = f"S1 to P1: {said[0]}"
    said.append(
        "D, chunks that may be pending when the VM stops: "
        + ", ".join(
            f"{limit}{_only(names, results)}"
            for limit, names in limits.items()
        )
        + "."
    )
    never = NEVER_STOPS
    said.append(
        f"L1: {plural(never.chunks, 'chunk')} of "
        f"{plural(never.granules, 'granule')}, D = "
        f"{never.downtime}, or {ASKED[FITS].downtime} where all fits; "
        f"{ASKED[BOUNDED].writes} writes where the guest stops, "
        f"{ASKED[FEW].writes} where it writes little (W <= D); no edits; the "
        "same failures, or none where it need not end even without failures."
    )
    return said


def _only(names: Sequence[str], results: Sequence[DesignResult]) -> str:
    if len(names) == len(results):
        return ""
    return f" ({', '.join(names)})"


def _print_legend(results: Sequence[DesignResult]) -> None:
    there = {s for r in results for s in r.standings.values()}
    scopes: dict[str, list[str]] = {}
    for key in ROWS:
        scopes.setdefault(scope(key, results), []).append(
            GLOSSES[key] if key in ROWS_OF_ENDS else key
        )
    said = [
        f"{_of_rows(scopes[word])}: {text}"
        for word, text in SCOPES.items()
        if word in scopes
    ]
    said += _explored_only(results)
    if any(key in r.proved for r in results for key in ROWS_OF_ENDS):
        said.append(
            f"{GLOSSES[THROTTLED]}: one write or less for every "
            f"{LEAST_THROTTLE} chunks sent, and finitely many edits, as in "
            f"{GLOSSES[BOUNDED]}"
        )
    words = {
        Standing.IN_PART: "a part of it is promised, and that part holds",
        Standing.NOT_PROMISED: "not promised",
        Standing.NOT_ASKED: "neither asked nor refused",
        Standing.VACUOUS: "never tested",
        Standing.INCONCLUSIVE: "not decided",
    }
    said += [f"{shown(s)}: {text}" for s, text in words.items() if s in there]
    page.paragraph(f"{'; '.join(said)}.", indent="  ")
    if any(key in r.proved for r in results for key in ROWS_OF_ENDS):
        page.paragraph(CLAIM, indent="  ")
    for result in results:
        if result.idle and any(map(_untested, result.standings.values())):
            page.paragraph(_footnote(result), indent="  ")


def _of_rows(names: Sequence[str]) -> str:
    return "every row" if len(names) == len(ROWS) else joined(names)


def _explored_only(results: Sequence[DesignResult]) -> list[str]:
    """Rows that are proved for some designs: of which they are not."""
    said = []
    for key in ROWS:
        if scope(key, results) != "some":
            continue
        good = (Standing.HOLDS, Standing.IN_PART)
        names = [
            r.design
            for r in results
            if r.standings[key] in good and key not in r.proved
        ]
        if names:
            said.append(
                f"{GLOSSES[key]}: proved like that, but of {joined(names)} "
                "only explored"
            )
    return said


def _cell(result: DesignResult, key: str) -> str:
    """A standing, with a mark where the design does not do its work."""
    standing = result.standings[key]
    marked = result.idle and _untested(standing)
    return f"{shown(standing)}{UNTESTED}" if marked else shown(standing)


def _untested(standing: Standing) -> bool:
    """Whether it says more than a design that is idle can show."""
    return standing in (Standing.HOLDS, Standing.IN_PART)


def _footnote(result: DesignResult) -> str:
    first, *others = result.idle
    action = first.removesuffix(f" {FIRES}")
    what = (
        f"{first} is never met" if action == first else f"{action} never fires"
    )
    more = f", and {len(others)} more never happen" if others else ""
    return (
        f"{UNTESTED} {result.design}: nothing breaks, but little happens: "
        f"{what}{more}."
    )


def shown(standing: Standing) -> str:
    """A standing as the table has it."""
    return SHORT.get(standing, standing.value)


def _counted(result: DesignResult, name: str) -> str:
    if result.main is None:
        return "?"
    return page.number(getattr(result.main.coverage, name))


def scope(key: str, results: Sequence[DesignResult]) -> str:
    """How far the verdicts on a row go: proved, or the bounds.

    What is violated is so on a disk that was explored, which is enough.
    """
    asked = [
        key in r.proved
        for r in results
        if r.standings[key] not in (Standing.NOT_PROMISED, Standing.VIOLATED)
    ]
    if not any(asked):
        return "bounds"
    return "proved" if all(asked) else "some"


def _print_assumptions(comparison: Comparison) -> None:
    clauses = assumptions(comparison)
    if clauses:
        page.line("This assumes that")
        page.bullets(clauses)
        page.line()
    page.line("Not modelled:")
    page.bullets(NOT_MODELLED)
    page.line()
