# SPDX-License-Identifier: GPL-2.0-or-later
"""Files with measures of ``dbmcheck prove``: written, and verified."""

from __future__ import annotations

from pathlib import Path

from checker.cli import page
from checker.cli.obligations import named, obligation_json, print_obligations
from checker.cli.progress import steps_shown
from checker.input.exit_codes import ExitCode
from checker.proof.obligation import Outcome
from checker.proof.termination.certificate import Claim, claim, read, write
from checker.proof.termination.terminates import Termination
from checker.proof.termination.verify import verify


def keep(found: Termination | None, path: Path) -> str:
    """Write the measures that were found; says what was done."""
    made = None if found is None else claim(found)
    if made is None or not made.forms:
        return "no run was proved to end, no measure written"
    write(made, path)
    size = page.number(path.stat().st_size)
    return f"measures written to {path}, {size} bytes"


def run_verify(
    path: Path, design: str, without: tuple[str, ...], as_json: bool
) -> int:
    """Check measures without the search for them; returns the exit code.

    ``design``: what they must be about, if anything is said of it.
    """
    expected = named(design, without) if design else None
    made = read(path, expected)
    with steps_shown() as report:
        obligations = verify(made, report)
    proved = all(o.proved for o in obligations)
    refuted = any(o.outcome is Outcome.REFUTED for o in obligations)
    verdict = "PROVED" if proved else "REFUTED" if refuted else "INCONCLUSIVE"
    if as_json:
        page.as_json(
            {
                "measures": str(path),
                "design": made.options.design,
                "without": sorted(made.options.without),
                "verdict": verdict,
                "properties": rows(made),
                "obligations": [obligation_json(o) for o in obligations],
                "seconds": sum(o.seconds for o in obligations),
            }
        )
    else:
        page.line(f"{path}: {verdict} ({made.options.name})")
        page.line()
        said = ", ".join(rows(made))
        page.fact("implies" if proved else "claims", said)
        page.line()
        print_obligations(obligations)
    return ExitCode.AS_EXPECTED if proved else ExitCode.INCONCLUSIVE


def rows(made: Claim) -> list[str]:
    """Return each property with its form: 'MigrationEnds (D >= M)'."""
    return [
        f"{name} ({one.form.name})" if one.form.name else name
        for one in made.forms
        for name in one.measures
    ]
