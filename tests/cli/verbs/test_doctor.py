"""`upright doctor`, as a person types it."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.conftest import Typed
from upright.cli import main
from upright.doctor import examination
from upright.doctor.examination import all_checks
from upright.doctor.fact import Fact
from upright.doctor.patient import Patient

LONG = "A sentence that is a good deal longer than a narrow terminal is wide, as some are here."


def one_of_each(found: str = "Seen.") -> dict[str, dict[str, examination.Look]]:
    """A table of a check that is fine, one with a note and one with a problem."""

    def ok(patient: Patient) -> Fact:
        return Fact("ok", found)

    def note(patient: Patient) -> Fact:
        return Fact("note", found, "Nothing to do.")

    def problem(patient: Patient) -> Fact:
        return Fact("problem", found, "Mend it.")

    return {"first": {"fine": ok, "lacking": note}, "second": {"broken": problem}}


@pytest.fixture
def three(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examination, "all_checks", one_of_each)


@pytest.mark.long
def test_this_machine_in_json(inside: Typed, tmp_path: Path) -> None:
    outcome = inside("doctor", "--json")
    said = json.loads(outcome.out)
    assert said.keys() == {"problems", "checks"}
    expected = [(group, name) for group, looks in all_checks().items() for name in looks]
    assert [(each["group"], each["name"]) for each in said["checks"]] == expected
    for each in said["checks"]:
        assert each.keys() == {"group", "name", "state", "found", "remedy"}
        assert each["state"] in ("ok", "note", "problem")
        assert each["found"]
        assert each["state"] == "ok" or each["remedy"]
    problems = [each for each in said["checks"] if each["state"] == "problem"]
    assert (outcome.code, said["problems"]) == (1 if problems else 0, len(problems))
    states = {each["name"]: each["state"] for each in said["checks"]}
    tried = (
        "required",
        "gymnasium",
        "numpy",
        "workers",
        "ffmpeg",
        "folder",
        "runs",
        "resume",
        "verdict",
    )
    assert {states[name] for name in tried} <= {"ok", "note"}
    assert list(tmp_path.iterdir()) == []


def test_a_problem_is_exit_code_1_and_is_named_last(three: None, inside: Typed) -> None:
    outcome = inside("doctor")
    assert outcome.code == 1
    assert outcome.out.splitlines() == [
        "first",
        "ok       fine         Seen.",
        "note     lacking      Seen.",
        "         try          Nothing to do.",
        "second",
        "problem  broken       Seen.",
        "         try          Mend it.",
        "1 problem: broken.",
    ]


def test_notes_alone_are_exit_code_0(inside: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examination, "all_checks", lambda: {"first": one_of_each()["first"]})
    outcome = inside("doctor")
    assert outcome.code == 0
    assert outcome.out.endswith("What Upright claims works here.\n")
    assert inside("doctor", "--json").code == 0


def test_json_says_what_the_screen_says(three: None, inside: Typed) -> None:
    outcome = inside("doctor", "--json")
    assert outcome.code == 1
    said = json.loads(outcome.out)
    assert said["problems"] == 1
    assert said["checks"][2] == {
        "group": "second",
        "name": "broken",
        "state": "problem",
        "found": "Seen.",
        "remedy": "Mend it.",
    }


@pytest.mark.parametrize("width", [80, 120])
def test_a_terminal_has_colours_and_folds_what_is_too_long(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        encoding = "utf-8"

        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(examination, "all_checks", lambda: one_of_each(LONG))
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert main(["doctor"]) == 1
    shown = sys.stdout.getvalue()  # type: ignore[attr-defined]
    assert "\x1b[1;31mproblem" in shown
    lines = re.sub(r"\x1b\[[\d;]*m", "", shown).splitlines()
    assert all(len(line) <= width for line in lines)
    first = next(number for number, line in enumerate(lines) if line.startswith("ok "))
    folded = lines[first + 1].startswith(" " * 22) and lines[first + 1].strip() in LONG
    assert folded is (width == 80)


def test_no_terminal_obeys_what_was_found(inside: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examination, "all_checks", lambda: one_of_each("a\x1b[2J[red]b\nc"))
    assert r"a\x1b[2J[red]b\nc" in inside("doctor").out


def test_a_check_that_raises_is_no_traceback(
    inside: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def raises(patient: Patient) -> Fact:
        raise RuntimeError("unforeseen")

    monkeypatch.setattr(examination, "all_checks", lambda: {"first": {"odd": raises}})
    outcome = inside("doctor")
    assert outcome.code == 1
    assert "RuntimeError: unforeseen" in outcome.out
    assert "Traceback" not in outcome.out + outcome.err


def test_what_cannot_be_imported_is_a_problem_and_the_rest_is_told(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "for name in ('numpy', 'gymnasium', 'filelock', 'packaging'):\n"
        "    sys.modules[name] = None\n"
        "from upright.cli import main\n"
        "from upright.doctor import examination\n"
        "table = examination.MACHINE_CHECKS\n"
        "looks = table['machine'] | table['disk'] | {'numpy': table['computing']['numpy']}\n"
        "looks['required'] = table['packages']['required']\n"
        "examination.all_checks = lambda: {'all': looks}\n"
        "sys.exit(main(['doctor', '--json']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        timeout=120,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    said = {each["name"]: each for each in json.loads(done.stdout)["checks"]}
    assert said["python"]["state"] == "ok"
    for name in ("folder", "numpy", "required"):
        assert said[name]["state"] == "problem"
        assert "ModuleNotFoundError" in said[name]["found"]
        assert said[name]["remedy"]


ASLEEP = """
import pathlib, time
pathlib.Path(__file__).with_name("begun").touch()
time.sleep(600)
"""
WAITING = """
import sys
from upright.cli import main
from upright.doctor import examination
from upright.doctor.asking import ask

looks = {"asleep": lambda patient: ask(patient.scratch, "step", sys.argv[1])}
examination.all_checks = lambda: {"all": looks}
sys.exit(main(["doctor"]))
"""


@pytest.fixture
def asleep(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """`upright doctor`, waiting for a process that answers nothing, with a temporary folder."""
    for name in ("here", "temporary"):
        (tmp_path / name).mkdir()
    (tmp_path / "mine.py").write_text(ASLEEP)
    with subprocess.Popen(
        [sys.executable, "-c", WAITING, f"{tmp_path / 'mine.py'}:Env"],
        cwd=tmp_path / "here",
        env=os.environ | {"TMPDIR": str(tmp_path / "temporary")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        while not (tmp_path / "begun").exists() and process.poll() is None:
            time.sleep(0.01)
        yield process
        process.kill()


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_nothing_behind(
    signum: signal.Signals, asleep: subprocess.Popen[str], tmp_path: Path
) -> None:
    assert len(list((tmp_path / "temporary").iterdir())) == 1
    asleep.send_signal(signum)
    out, err = asleep.communicate(timeout=60)
    assert asleep.returncode == 128 + signum
    assert out == ""
    first, last = err.splitlines()
    assert first.startswith("Looking at this machine")
    assert last == "error: interrupted."
    assert list((tmp_path / "temporary").iterdir()) == []
    assert list((tmp_path / "here").iterdir()) == []
    with pytest.raises(ProcessLookupError):
        os.killpg(asleep.pid, 0)
