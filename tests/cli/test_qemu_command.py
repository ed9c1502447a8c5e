# SPDX-License-Identifier: GPL-2.0-or-later
"""``dbmcheck qemu``: what is given wrongly, and what is printed."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import attrs
import pytest

from checker.cli.qemu import chosen as qemu_chosen
from checker.cli.qemu import interop_view as qemu_interop_view
from checker.cli.qemu import view as qemu_view
from checker.cli.qemu.known_view import by_gravity
from checker.qemu.campaign import campaign as campaigns
from checker.qemu.campaign.case import Case
from checker.qemu.campaign.known import shipped as deviations
from checker.qemu.campaign.matrix import Spot
from checker.qemu.campaign.result import Result
from checker.qemu.campaign.violation import Violation
from checker.qemu.harness.binary import Build
from checker.qemu.harness.builds import Builds
from checker.qemu.harness.progress import Limits
from checker.qemu.harness.scenario import Mode
from checker.qemu.interop import interop
from checker.qemu.interop.cut_ones import Cut
from checker.qemu.interop.known_streams import shipped as streams
from checker.qemu.interop.malformed import Kind, Outcome, Results
from checker.qemu.interop.mutations import Malformed
from checker.stateful.adapter import Side
from checker.text import command_lines
from tests.command import run, run_process, too_wide
from tests.json_shapes import check_shape

BUILD = Build((sys.executable,), (7, 2, 22))
LOST = Violation("S1", "source, end", "bitmap 'b0' of 'drive0' lacks bits")
BAD = "cut at bits:0+middle"


@pytest.fixture
def qemu(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A QEMU that is none: it loses bits in the middle of a chunk."""
    violating = [BAD]

    async def run_case(
        case: Case, builds: Builds, limits: Limits, work: Path | None
    ) -> Result:
        bad = case.fault is not None and str(case.fault) in violating
        items = ("header", "eof", *(["bits"] if case.bitmaps else []))
        return Result(
            case,
            "on the source",
            struck=case.fault is not None,
            violations=(LOST,) if bad and case.bitmaps else (),
            seconds=0.1,
            last=("failed", "failed"),
            recovery="destination fenced, cont on the source",
            spots=() if case.fault else tuple(Spot(i, 0) for i in items),
        )

    def find_build(given: str) -> Build:
        return attrs.evolve(BUILD, given=given)

    monkeypatch.setattr(qemu_chosen, "find_build", find_build)
    monkeypatch.setattr(qemu_view, "shipped", lambda: ())
    monkeypatch.setattr(campaigns, "run_case", run_case)
    monkeypatch.setattr("checker.qemu.campaign.shorten.run_case", run_case)
    return violating


@pytest.mark.parametrize("option", ["qemu", "destination", "fault", "trace"])
def test_an_option_with_nothing_in_it(
    capsys: pytest.CaptureFixture[str], option: str
) -> None:
    """A variable that is not set is not taken for no option at all."""
    result = run(["qemu", "scenario", f"--{option}", ""], capsys)
    assert result.code == 2 and not result.out
    assert f"--{option} ''" in result.err and result.err.count("\n") == 1


def test_a_command_can_be_pasted() -> None:
    """Also if what is in quotes is longer than a line."""
    loader = f"/{'x' * 70}/ld.so --library-path /{'y' * 70} /some/qemu"
    words = ["dbmcheck", "qemu", "scenario", "--qemu", loader, "--full"]
    command = shlex.join([*words, "--mode", "postcopy"])
    lines = command_lines(command, indent=0, prompt="")
    said = subprocess.run(
        ["sh", "-c", "set -- " + "\n".join(lines) + '\nprintf "%s|" "$@"'],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("|")
    assert said[:4] == words[:4]
    assert said[5:8] == ["--full", "--mode", "postcopy"]
    assert said[4].split() == loader.split()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("/nonexistent/qemu", "no such file"),
        ("no-such-qemu", "no such program; install it"),
        ("/tmp", "is a directory"),
        ("/bin/true", "is no QEMU"),
        ("/etc/passwd", "is not executable"),
        ("env 'no-such-qemu", "no closing quotation"),
        ("no-such-loader /bin/true", "no such program"),
    ],
)
@pytest.mark.parametrize(
    "command",
    [
        "faults --qemu",
        "faults --destination",
        "scenario --qemu",
        "scenario --destination",
        "interop --qemu",
        "random --qemu",
    ],
)
def test_no_such_qemu(
    capsys: pytest.CaptureFixture[str],
    command: str,
    given: str,
    said: str,
) -> None:
    """It is said of every option that names one, in one line."""
    result = run(["qemu", *command.split(), given], capsys)
    assert result.code == 2 and not result.out
    assert said in result.err and result.err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["scenario", "--fault", "melt@eof"], "no fault; like cut@"),
        (["scenario", "--fault", "cut"], "no fault; like cut@"),
        (["scenario", "--fault", "cut@bits:x"], "no place; like bits"),
        (["scenario", "--granularity", "1000"], "a power of two"),
        (["scenario", "--size", "1000"], "a multiple of 512"),
        (["scenario", "--bitmaps", "-1"], "--bitmaps -1"),
        (["scenario", "--mode", "hot"], "hot"),
        (["faults", "--quick", "--storage", "shared"], "--quick: has no"),
        (["faults", "--record", "/nonexistent/f"], "there is no directory"),
        (["faults", "--record", "/tmp"], "is a directory"),
        (["faults", "--workers", "0"], "dbmcheck"),
        (["melt"], "No such command"),
    ],
)
def test_usage(
    capsys: pytest.CaptureFixture[str],
    qemu: list[str],
    arguments: list[str],
    said: str,
) -> None:
    result = run(["qemu", *arguments], capsys)
    assert result.code == 2 and not result.out
    assert said in result.err and result.err.count("\n") == 1


def test_a_record_of_something_else(
    capsys: pytest.CaptureFixture[str], qemu: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "notes"
    path.write_text("milk\nbread\n")
    result = run(["qemu", "faults", "--record", str(path)], capsys)
    assert result.code == 2 and result.err.count("\n") == 1
    assert path.read_text() == "milk\nbread\n"


def test_help_needs_no_qemu() -> None:
    done = run_process(["qemu", "--help"])
    assert done.code == 0 and "faults" in done.out
    code = (
        "import sys; from checker.cli import main; main(['qemu', '--help']);"
        "sys.exit('asyncio' in sys.modules or 'qemu' in sys.modules)"
    )
    assert (
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, check=False
        ).returncode
        == 0
    )


def test_faults(capsys: pytest.CaptureFixture[str], qemu: list[str]) -> None:
    result = run(["qemu", "faults"], capsys)
    assert result.code == 14 and not too_wide(result.out)
    assert result.out.startswith("QEMU 7.2.22: NEW VIOLATIONS\n")
    assert "S1 no missing bit: NEW" in result.out
    assert "a guarantee of bitmaps only" in result.out
    assert "--fault cut@bits:0+middle" in result.out


def test_nothing_is_violated(
    capsys: pytest.CaptureFixture[str], qemu: list[str]
) -> None:
    qemu.clear()
    result = run(["qemu", "faults", "--mode", "precopy"], capsys)
    assert result.code == 0
    assert result.out.startswith("QEMU 7.2.22: NO VIOLATION\n")


def test_faults_as_json(
    capsys: pytest.CaptureFixture[str], qemu: list[str]
) -> None:
    result = run(["qemu", "faults", "--format", "json"], capsys)
    data = json.loads(result.out)
    assert result.code == 14 and data["complete"]
    check_shape("faults", data)
    assert data["scenarios"] == data["planned"] == data["run_now"]
    assert {each["guarantee"] for each in data["distinct"]} == {"S1"}
    (row,) = [row for row in data["table"] if row["new"]]
    # 8 bases, and each then quits, crashes or migrates again
    assert (row["fault"], row["place"], row["new"]) == ("cut", "bitmap", 24)


def test_several(capsys: pytest.CaptureFixture[str], qemu: list[str]) -> None:
    arguments = ["qemu", "faults", "--qemu", "a", "--qemu", "b", "--quick"]
    result = run(arguments, capsys)
    assert result.out.count("QEMU 7.2.22: NEW VIOLATIONS") == 2
    data = run([*arguments, "--format", "json"], capsys)
    assert len(json.loads(data.out)) == 2


def test_one_record_of_several(
    capsys: pytest.CaptureFixture[str], qemu: list[str], tmp_path: Path
) -> None:
    arguments = ["qemu", "faults", "--qemu", "a", "--quick"]
    arguments += ["--record", str(tmp_path / "r")]
    first = run([*arguments, "--qemu", "b"], capsys)
    assert not too_wide(first.out)
    assert "7.2.22 #1" in first.out and "7.2.22 #2" in first.out
    assert first.out.count("NEW: bitmap 'b0'") == 1
    again = run(arguments, capsys)
    assert "0 run now" in again.out


def test_a_command_says_which_qemu(
    capsys: pytest.CaptureFixture[str], qemu: list[str]
) -> None:
    loader = "/some/where/ld.so --library-path /some/where/lib /some/qemu"
    arguments = ["qemu", "scenario", "--fault", "cut@bits:0+middle"]
    arguments += ["--qemu", loader, "--destination", "other qemu", "--mail"]
    result = run(arguments, capsys)
    assert not too_wide(result.out)
    _, _, command = result.out.partition("again with:\n\n")
    words = shlex.split(command.replace("\\\n", ""))
    assert words[:3] == ["dbmcheck", "qemu", "scenario"]
    assert words[4].split() == loader.split()
    assert words[5:7] == ["--destination", "other qemu"]


def test_mail(capsys: pytest.CaptureFixture[str], qemu: list[str]) -> None:
    result = run(["qemu", "faults", "--mail"], capsys)
    assert result.code == 14 and not too_wide(result.out)
    for words in ("Severity: not judged yet", "Steps:", "What breaks:"):
        assert words in result.out
    assert " 3. cut at bits:0+middle of the stream" in result.out


def test_scenario(capsys: pytest.CaptureFixture[str], qemu: list[str]) -> None:
    arguments = ["qemu", "scenario", "--fault", "cut@bits:0+middle"]
    result = run(arguments, capsys)
    assert result.code == 14 and not too_wide(result.out)
    assert "QEMU 7.2.22: VIOLATED" in result.out and "(new)" in result.out
    data = json.loads(run([*arguments, "--format", "json"], capsys).out)
    check_shape("scenario", data)
    assert data["violations"][0]["known"] is None
    assert data["command"] == (
        "dbmcheck qemu scenario --mode precopy --fault cut@bits:0+middle"
    )
    assert run(["qemu", "scenario"], capsys).code == 0


def test_known(capsys: pytest.CaptureFixture[str]) -> None:
    """Every entry has a line, and a page of its own."""
    result = run(["qemu", "known"], capsys)
    assert result.code == 0 and not too_wide(result.out)
    entries = by_gravity()
    assert len(entries) == len(deviations()) + len(streams())
    said = [line.split() for line in result.out.splitlines()]
    for entry in entries:
        assert [entry.severity, entry.id] in said
        one = run(["qemu", "known", entry.id], capsys)
        assert one.code == 0 and not too_wide(one.out)
        words = " ".join(one.out.split())
        assert " ".join(entry.what.split()) in words


def test_known_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    result = run(["qemu", "known", "--format", "json"], capsys)
    data = json.loads(result.out)
    assert [each["id"] for each in data] == [e.id for e in by_gravity()]
    (both,) = [each for each in data if each["id"] == "both-run-after-cancel"]
    assert (both["since"], both["until"]) == ("5.2", "11.1")
    (one,) = json.loads(
        run(
            ["qemu", "known", "granularity-aborts", "--format", "json"], capsys
        ).out
    )
    assert bytes.fromhex(one["stream"]).startswith(b"QEVM")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("both-run-after-cance", "did you mean 'both-run-after-cancel'?"),
        ("", "'': no known deviation has this name"),
    ],
)
def test_not_known(
    capsys: pytest.CaptureFixture[str], name: str, said: str
) -> None:
    result = run(["qemu", "known", name], capsys)
    assert result.code == 2 and not result.out
    assert said in result.err
    assert result.err.count("\n") == 1


def test_interop_as_json(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = Malformed("bad", Mode.PRECOPY, b"QE")
    one = Outcome(bad, Kind.CRASHED, -6, "", "it aborts")
    result = interop.Result("one", Mode.PRECOPY, True, Side.SOURCE, ("lacks",))
    found = qemu_interop_view._Found(
        BUILD,
        *([result], Results((one,), (one,)), True),
        passes=[result],
        cuts=[Cut("one", "cut", ("lost",))],
    )
    monkeypatch.setattr(qemu_interop_view, "_found", lambda *_: found)
    code = qemu_interop_view.run([BUILD], as_json=True)
    assert code == 14
    check_shape("interop", json.loads(capsys.readouterr().out))


def test_interop_shows_designs_that_qemu_does_not_have(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = interop.Result(
        "one", Mode.PRECOPY, True, Side.SOURCE, (), "stop-copy-bulk", again=3
    )
    kept = Cut("one", "cut at bits:0+after", (), degraded=1)
    lost = Cut("one", "cut at bits:1+after", ("drive0/b0: lost",))
    for cuts, code in (([kept], 0), ([kept, lost], 14)):
        found = qemu_interop_view._Found(
            BUILD, [], None, True, passes=[sent], cuts=cuts
        )
        monkeypatch.setattr(
            qemu_interop_view, "_found", lambda *_, found=found: found
        )
        assert qemu_interop_view.run([BUILD]) == code
        said = capsys.readouterr().out
        assert "3 chunks sent again" in said
        assert "1 kept, degraded" in said
        assert ("b0: lost" in said) == (code == 14)


def test_long_commands_are_broken_as_a_shell_reads_them() -> None:
    case = Case(bitmaps=3, nodes=2, persistent=True, disabled=True)
    lines = command_lines(case.command, indent=0, prompt="")
    assert len(lines) > 1 and all(line.endswith("\\") for line in lines[:-1])
    assert all(line.startswith("    --") for line in lines[1:])
    joined = " ".join(line.rstrip("\\").strip() for line in lines)
    assert joined == case.command
