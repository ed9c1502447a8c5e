# SPDX-License-Identifier: GPL-2.0-or-later
"""Certificates of ``dbmcheck prove``: find, write, print and verify them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import evolve, frozen

from checker.cli import page
from checker.cli.obligations import named, obligation_json, print_obligations
from checker.cli.progress import steps_shown
from checker.input.errors import InputError
from checker.input.exit_codes import ExitCode
from checker.input.files import check_writable, write_atomically
from checker.proof.certificate.certificate import (
    Certificate,
    certificate,
    read,
    verify,
    write,
)
from checker.proof.certificate.invariant import Mining, mine
from checker.proof.certificate.lifted import SIZES, check_lifted
from checker.proof.certificate.smtlib import script
from checker.proof.judgement import Provability
from checker.proof.obligation import Obligation, Outcome
from checker.proof.prove import (
    Proof,
    plan,
)
from model.language import Projected
from model.options import Options

Report = Callable[[str], None]


@frozen
class Found:
    """An invariant that was found for a proof, and how it checks."""

    claim: Certificate
    obligations: tuple[Obligation, ...]
    seconds: float


def check_plain(options: Options | None) -> None:
    """Raise InputError unless a certificate can say what is proved.

    It names a design and what that lacks, and no other choice.  None: no
    certificate is asked for.
    """
    if options is None:
        return
    plain = Options(design=options.design, without=options.without)
    chosen = options.variant.table()
    for key, usual in plain.variant.table().items():
        if chosen[key] != usual:
            raise InputError(
                "an invariant is kept of a design and of what it lacks, not "
                f"where {key} is '{chosen[key]}'"
            )


def find(proof: Proof, report: Report) -> Found | None:
    """The invariant of a design that is proved; None if it is not."""
    if proof.verdict is not Provability.PROVED:
        return None

    def mining(progress: Mining) -> None:
        report(
            f"invariant, {progress.stage}: {progress.clauses} clauses, "
            f"{progress.waiting} to go"
        )

    mined = mine(proof.machine, report=mining)
    claim = certificate(proof.options, mined.clauses)
    report("checking the invariant")
    return Found(claim, verify(claim), mined.seconds)


def keep(found: Found | None, path: Path) -> str:
    """Write the certificate if one was found; says what was done."""
    if found is None:
        return "not proved, no certificate written"
    open_ = [o.name for o in found.obligations if not o.proved]
    if open_:
        return f"'{open_[0]}' is not shown, no certificate written"
    write(found.claim, path)
    size = page.number(path.stat().st_size)
    return f"certificate written to {path}, {size} bytes"


def print_invariant(claim: Certificate) -> None:
    """The clauses, as sentences."""
    page.line()
    page.paragraph(
        "Invariant: these hold at the start and after every step, whatever "
        "the disk, and exclude every violation. c: any granule; k: its chunk."
    )
    page.line()
    for number, sentence in enumerate(claim.sentences(), 1):
        page.paragraph(f"{sentence}.", indent=" " * 5, first=f"{number:3}  ")


def found_json(found: Found | None) -> dict[str, Any] | None:
    """What was found, as plain data."""
    if found is None:
        return None
    return {
        "clauses": list(found.claim.sentences()),
        "longest": found.claim.literals,
        "seconds": found.seconds,
        "obligations": [obligation_json(o) for o in found.obligations],
    }


# -- verify ------------------------------------------------------------------


def run_verify(
    path: Path,
    design: str,
    without: tuple[str, ...],
    smtlib_file: Path | None,
    as_json: bool,
) -> int:
    """Check a certificate without any search; returns the exit code.

    ``design``: what it must be about, if anything is said of it.
    """
    expected = named(design, without) if design else None
    if smtlib_file is not None:
        check_writable(smtlib_file)
    claim = read(path, expected)
    with steps_shown() as report:
        obligations = checked(claim, report)
    if smtlib_file is not None:
        asked = script(claim.machine, claim.clauses)
        write_atomically(smtlib_file, asked.text)
    proved = all(o.proved for o in obligations)
    refuted = any(o.outcome is Outcome.REFUTED for o in obligations)
    verdict = "PROVED" if proved else "REFUTED" if refuted else "INCONCLUSIVE"
    if as_json:
        page.as_json(
            {
                "certificate": str(path),
                "design": claim.options.design,
                "without": sorted(claim.options.without),
                "verdict": verdict,
                "properties": list(claim.properties),
                "clauses": list(claim.sentences()),
                "obligations": [obligation_json(o) for o in obligations],
                "seconds": sum(o.seconds for o in obligations),
            }
        )
    else:
        page.line(f"{path}: {verdict} ({claim.options.name})")
        page.line()
        page.fact("clauses", str(len(claim.clauses)))
        implied = ", ".join(claim.properties)
        page.fact("implies" if proved else "claims", implied)
        page.line()
        print_obligations(obligations)
        if smtlib_file is not None:
            page.line()
            page.paragraph(
                f"The same questions as SMT-LIB: {smtlib_file}, for any "
                "solver of QF_BV. Each line of it that says check-sat is "
                "preceded by the answer that is expected."
            )
    return ExitCode.AS_EXPECTED if proved else ExitCode.INCONCLUSIVE


def checked(claim: Certificate, report: Report) -> tuple[Obligation, ...]:
    """All but the search: the projection, then disks of 4 to 64 granules."""
    report("on the machine that follows one granule")
    found = list(verify(claim))
    for name, work in plan(claim.options, claim.machine, Projected()):
        report(name)
        found.append(work())
    for size in SIZES:
        report(f"on a disk of {size.chunks * size.granules} granules")
        if any(o.outcome is not Outcome.PROVED for o in found):
            break  # what is refuted once needs no larger disk
        found += [
            evolve(o, name=f"N={size.chunks * size.granules}: {o.name}")
            for o in check_lifted(claim, size)
        ]
    return tuple(found)
