"""What a person sees while it trains: on terminals of several widths, in logs, and not at all."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import upright
from upright.cli import arguments
from upright.cli.terminal import bar
from upright.cli.terminal.bar import Bar, Sparkline, rounded, short
from upright.cli.terminal.display import listener_for
from upright.cli.terminal.lines import LessonScores, Lines, Silent
from upright.judging.evaluation import Evaluation

SMALL: dict[str, Any] = {
    "preset": "default",
    "algo": "ppo",
    "num_envs": 8,
    "num_steps": 32,
    "total_timesteps": 512,
    "eval_every": 256,
    "media": False,
}
CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
# What a command line does with a listener; argument 1 is the settings, 2 says what goes wrong.
PROGRAM = """
import json, os, signal, sys, time
import upright
from upright.cli.terminal.display import listener_for

settings, fault = json.loads(sys.argv[1]), sys.argv[2]
with listener_for(sys.stderr, sys.stdout) as listener:
    drawn = listener.iterated
    def iterated(iteration, row):
        drawn(iteration, row)
        if iteration.number == 3 and fault == "raise":
            raise RuntimeError("the environment broke")
        if iteration.number == 3 and fault.startswith("signal"):
            for _ in range(int(fault[-1])):
                os.kill(os.getpid(), signal.SIGINT)
    listener.iterated = iterated
    if fault == "resume":
        upright.resume(settings["out"], listener=listener, media=False)
    else:
        upright.train("CartPole-v1", listener=listener, **settings)
"""


def curve(points: int = 100) -> Sparkline:
    made = Sparkline()
    for value in range(points):
        made.add(float(value))
    return made


def shown(kind: Callable[..., Lines], out: Path, **settings: Any) -> tuple[str, str]:
    """What goes to the screen, and what is a result."""
    stream, results = StringIO(), StringIO()
    settings = {"media": False} | settings
    with kind(stream, results) as listener:
        upright.train("CartPole-v1", out=out, listener=listener, **settings)
    return stream.getvalue(), results.getvalue()


def test_lines_say_what_trains_how_it_goes_and_what_to_type_next(tmp_path: Path) -> None:
    stream, results = shown(Lines, tmp_path, **SMALL)
    folder = str(tmp_path / "CartPole-v1" / "ppo-s0")
    first, device, backend, *evaluations = stream.splitlines()
    assert "ppo" in first
    assert "seed 0" in first
    assert folder in first
    assert device.startswith("device cpu: ")
    assert backend.startswith("backend auto: vector, its own vector form; measured to be ")
    assert len(evaluations) >= 2
    assert all("steps   greedy policy: " in line for line in evaluations)
    verdict, note, *rest = results.splitlines()
    assert verdict.startswith("Not solved: mean return ")
    assert note.startswith("Note: Nothing has approached the threshold, 475: ")
    assert "threshold 475" in verdict
    assert rest == [
        f"Run:  {folder}",
        f"Next: {arguments.program()} watch {folder}",
        f"      {arguments.program()} verify {folder}",
    ]


def test_what_is_unusual_is_told_while_it_trains_and_once(tmp_path: Path) -> None:
    unmoved = {"learning_rate": 1e-6, "num_epochs": 1, "total_timesteps": 10_240}
    unmoved |= {"eval_every": 2048}
    stream, _ = shown(Lines, tmp_path, **SMALL | unmoved)
    noted = [line for line in stream.splitlines() if "steps   note: " in line]
    assert len(noted) == 1
    assert "note: The value function explains nothing: " in noted[0]
    assert stream.splitlines()[-1] != noted[0]  # it was said before the end
    quiet, results = shown(lambda *_: Silent(), tmp_path, **SMALL | unmoved)
    assert quiet + results == ""


def test_what_to_type_next_works_in_an_activated_environment_and_outside_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arguments.shutil, "which", lambda name: f"/bin/{name}")
    assert arguments.program() == "upright"
    monkeypatch.setattr(arguments.shutil, "which", lambda name: None)
    monkeypatch.setattr(arguments.sys, "executable", str(tmp_path / ".venv" / "bin" / "python"))
    assert arguments.program() == "python -m upright"
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "upright").touch()
    monkeypatch.chdir(tmp_path)
    assert arguments.program() == str(Path(".venv") / "bin" / "upright")


def test_the_verdict_in_words_depends_on_the_threshold(tmp_path: Path, easy: str) -> None:
    results = StringIO()
    settings = SMALL | {"learning_rate": 0.02, "total_timesteps": 50_000}
    upright.train(easy, out=tmp_path, listener=Lines(StringIO(), results), **settings)
    assert results.getvalue().startswith("Solved and verified: mean return 1.0 over 100 fresh")


def test_without_a_threshold_it_is_done(tmp_path: Path, unjudged: str) -> None:
    results = StringIO()
    upright.train(unjudged, out=tmp_path, listener=Lines(StringIO(), results), **SMALL)
    assert results.getvalue().startswith("Judged, no threshold: ")
    assert "no threshold" in results.getvalue()


@pytest.mark.parametrize("mean", [470.0, 480.0])
def test_a_proof_is_told_and_so_is_one_that_failed(mean: float) -> None:
    stream = StringIO()
    Lines(stream, StringIO()).proven(Evaluation((mean,) * 100, 1, True, 475.0), 12_000)
    word = "verified" if mean > 475 else "not verified, training goes on"
    assert stream.getvalue() == f"    12,000 steps   {word}: {mean} of 475 on 100 other episodes\n"


def test_pictures_are_told_by_name() -> None:
    stream = StringIO()
    Lines(stream, StringIO()).illustrated([Path("a/curve.png"), Path("a/b.mp4")], ["No c: why."])
    assert stream.getvalue() == "Left in the run: curve.png, b.mp4\nNo c: why.\n"


def test_no_text_of_a_strangers_file_commands_the_terminal() -> None:
    stream, results = StringIO(), StringIO()
    for kind in (Lines, Bar):
        listener = kind(stream, results)
        listener.say("note \x1b[2Jgone\nforged")
        listener.already_finished(Path("runs\x1b]0;x\x07"), {"timesteps": "\x1b[2J"})
        assert r"note \x1b[2Jgone\nforged" in stream.getvalue()
    assert "\x1b" not in stream.getvalue() + results.getvalue()


def test_the_silent_one_says_nothing_and_keeps_the_summary(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with listener_for(sys.stderr, sys.stdout, quiet=True) as listener:
        upright.train("CartPole-v1", out=tmp_path, listener=listener, **SMALL)
    listener.stopping(signal.SIGINT)
    listener.already_finished(tmp_path, listener.summary | {"seed": 7})
    assert listener.summary["timesteps"] >= 512
    assert listener.summary["seed"] == 7
    assert capfd.readouterr() == ("", "")


def test_the_lessons_reinforce_prints_every_hundredth_score(tmp_path: Path) -> None:
    stream, _ = shown(LessonScores, tmp_path, algo="reinforce", preset="lesson", total_episodes=102)
    scores = [line for line in stream.splitlines() if " -> " in line and "steps" not in line]
    assert [line.split(" -> ")[0] for line in scores] == ["0", "100"]
    assert all(float(line.split(" -> ")[1]) >= 8 for line in scores)


def test_the_lessons_actor_critic_prints_every_score(tmp_path: Path) -> None:
    stream, _ = shown(
        LessonScores, tmp_path, algo="actor-critic", preset="lesson", total_episodes=3
    )
    scores = [line for line in stream.splitlines() if line.startswith("Iteration: ")]
    assert [line.split(",")[0] for line in scores] == [f"Iteration: {k}" for k in range(3)]
    assert all(float(line.split("Score: ")[1]) >= 8 for line in scores)


@pytest.mark.parametrize("points", [1, 2, 7, 8, 511, 512, 513, 5_000, 100_000])
def test_a_curve_of_any_length_is_whole_and_its_memory_bounded(points: int) -> None:
    line = curve(points)
    for width in (1, 8, 40):
        text = line.sparkline(width)
        assert len(text) == width
        assert list(text) == sorted(text)
        if min(points, width) > 1:
            assert (text[0], text[-1]) == (bar.LEVELS[0], bar.LEVELS[-1])
    assert len(line._means) < Sparkline.LIMIT


def test_a_curve_of_one_height_is_flat_and_one_without_points_is_none() -> None:
    flat = Sparkline()
    assert flat.sparkline(8) == ""
    for value in (3.0, None, 3.0):
        flat.add(value)
    assert flat.sparkline(8) == bar.LEVELS[0] * 8
    assert flat.sparkline(0) == ""


def test_numbers_are_short() -> None:
    assert [rounded(n) for n in (950, 42_000, 999_499, 999_500)] == ["950", "42k", "999k", "1.0M"]
    assert [short(x) for x in (-0.04, 123.45, 1.5e9)] == ["0.0", "123.5", "1.5e+09"]


class Seen(NamedTuple):
    """What a terminal was sent, and the exit code."""

    code: int
    text: str

    @property
    def drawings(self) -> list[str]:
        """Each line that moved, as it stood, without colours."""
        lines = [CODES.sub("", line) for line in re.split(r"[\r\n]", self.text)]
        return [line for line in lines if re.search(r"\d%(?! interval)", line)]


def everything(master: int) -> Iterator[bytes]:
    """What comes out of a terminal until its last user has gone."""
    while True:
        try:
            data = os.read(master, 65536)
        except OSError:  # Linux's way to say that the other end is closed
            return
        if not data:
            return
        yield data


def in_terminal(
    folder: Path, columns: int = 80, fault: str = "", env: dict[str, str] | None = None, **more: Any
) -> Seen:
    """A training in a terminal of that width."""
    pty, termios = pytest.importorskip("pty"), pytest.importorskip("termios")
    master, slave = pty.openpty()
    try:
        termios.tcsetwinsize(slave, (24, columns))
        settings = json.dumps(
            SMALL | {"out": str(folder), "total_timesteps": 2048, "eval_every": 1024} | more
        )
        command = [sys.executable, "-W", "error", "-c", PROGRAM, settings, fault]
        clean = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "TERM", "COLUMNS")}
        clean |= {"TERM": "xterm-256color"} | (env or {})
        with subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, env=clean, start_new_session=True
        ) as process:
            os.close(slave)
            slave = -1
            sent = b"".join(everything(master))
    finally:
        os.close(master)
        if slave >= 0:
            os.close(slave)
    return Seen(process.returncode, sent.decode().replace("\r\n", "\n"))


# The parts of the bar, and how each can be told.
SIGNS = {
    "percent": r"\d%",
    "return": r"return \d",
    "bar": "━━",
    "curve": f"[{bar.LEVELS}]{{{bar.CURVE_WIDTH}}}",
    "left": r"≤ *(\d+:|-:)",
    "evaluation": r"eval [\d.]+",
    "speed": r"\dk?( steps)?/s",
}


@pytest.mark.parametrize(
    ("columns", "last"),
    [
        (80, "speed"),
        *(
            pytest.param(*each, marks=pytest.mark.long)
            for each in (
                (20, "return"),
                (40, "bar"),
                (60, "left"),
                (72, "evaluation"),
                (200, "speed"),
            )
        ),
    ],
)
def test_a_terminal_of_any_width_shows_a_line_that_moves_and_goes(
    tmp_path: Path, columns: int, last: str
) -> None:
    seen = in_terminal(tmp_path, columns)
    assert seen.code == 0
    assert "0%" in seen.drawings[0]
    assert "100%" in seen.drawings[-1]
    assert all(len(line.rstrip()) < columns for line in seen.drawings)
    assert not any("…" in line for line in seen.drawings)
    parts = list(bar.PARTS)
    for number, name in enumerate(parts):
        there = re.search(SIGNS[name], seen.drawings[-1]) is not None
        assert there == (number <= parts.index(last)), name
    room = columns > sum((bar.PARTS | bar.LONGER).values())
    for longer in (r"eval [\d.]+ of 475 at \dk", r"\d steps/s"):
        assert (re.search(longer, seen.drawings[-1]) is not None) == room
    assert "greedy policy: " in seen.text
    assert "Not solved: " in CODES.sub("", seen.text.split("100%")[-1])
    assert seen.text.rfind("\x1b[?25h") > seen.text.rfind("\x1b[?25l")


@pytest.mark.long
def test_without_colour_it_moves_all_the_same(tmp_path: Path) -> None:
    seen = in_terminal(tmp_path, env={"NO_COLOR": "1"})
    assert seen.drawings
    assert not re.search(r"\x1b\[3\d", seen.text)


@pytest.mark.parametrize(
    "env",
    [{"TERM": "dumb"}, pytest.param({"PYTHONIOENCODING": "ascii"}, marks=pytest.mark.long)],
)
@pytest.mark.long
def test_a_terminal_that_cannot_show_it_gets_lines(tmp_path: Path, env: dict[str, str]) -> None:
    seen = in_terminal(tmp_path, env=env)
    assert seen.code == 0
    assert seen.text.isascii()
    assert "\x1b" not in seen.text
    assert "greedy policy: " in seen.text


@pytest.mark.parametrize(
    "fault",
    [pytest.param("raise", marks=pytest.mark.long), "signal1", "signal2"],
)
def test_the_line_is_gone_however_it_ends(tmp_path: Path, fault: str) -> None:
    seen = in_terminal(tmp_path, fault=fault)
    assert seen.code != 0
    assert seen.drawings
    notice = "\x1b[2KFinishing the iteration, then a checkpoint;"
    assert (notice in seen.text) == fault.startswith("signal")
    before, _, _ = seen.text.partition("Traceback")
    assert re.search(r"\x1b\[2K[^\w━]*$", CODES.sub(lambda m: m[0] * (m[0][-1] == "K"), before))
    assert seen.text.rfind("\x1b[?25h") > seen.text.rfind("\x1b[?25l")


@pytest.mark.long
def test_a_resumed_run_begins_where_it_stands_with_the_curve_that_it_had(tmp_path: Path) -> None:
    in_terminal(tmp_path, fault="signal1", total_timesteps=1024)
    seen = in_terminal(tmp_path / "CartPole-v1" / "ppo-s0", fault="resume")
    first, *_ = seen.drawings
    assert 50 < int(re.search(r"(\d+)%", first)[1]) < 100  # type: ignore[index]
    assert bar.LEVELS[-1] in first


@pytest.mark.parametrize(("seconds", "most"), [(1e9, 1), (0.0, 100)])
def test_it_is_drawn_only_as_often_as_the_clock_allows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, most: int
) -> None:
    monkeypatch.setattr(bar, "REFRESH_SECONDS", seconds)
    drawn: list[str] = []
    monkeypatch.setattr(bar.Progress, "refresh", lambda self: drawn.append(""))
    monkeypatch.setattr(Bar, "evaluated", Lines.evaluated)
    shown(Bar, tmp_path, **SMALL)
    assert len(drawn) <= most + 2


def test_a_log_file_and_a_terminal_get_what_suits_them(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(StringIO):
        encoding = "utf-8"

        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")
    assert type(listener_for(StringIO(), StringIO())) is Lines
    assert type(listener_for(Terminal(), StringIO(), lesson=True)) is LessonScores
    assert type(listener_for(Terminal(), StringIO(), lesson=True, quiet=True)) is Silent
    assert type(listener_for(Terminal(), StringIO())) is Bar


@pytest.mark.long
def test_what_draws_is_loaded_where_something_moves_and_not_elsewhere() -> None:
    code = "import sys, upright.cli.terminal.display; print('rich' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
