"""What a person sees while many seeds train: a table on a terminal, lines elsewhere, or nothing."""

import io
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cli.terminal.test_progress import CODES, Seen, everything
from upright.cli.terminal.display import onlooker_for
from upright.cli.terminal.many import ManyLines, ManyTable, SilentOnlooker
from upright.settings.resolving import resolve
from upright.study.children import SeedProgress
from upright.study.trials import TrialProgress

RECIPE = resolve("CartPole-v1", "ppo")
WORDS = (
    "seeds", "CartPole-v1", "--preset", "default", "--num-envs=4", "--num-steps=32",
    "--num-epochs=1", "--eval-episodes=10", "--no-media",
)  # fmt: skip


class Terminal(io.StringIO):
    """Rich writes to it as to one, whose size the environment says."""

    def isatty(self) -> bool:
        return True


def shown(text: str) -> str:
    return CODES.sub("", text)


@pytest.fixture
def height(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"LINES": "16", "COLUMNS": "80", "TERM": "xterm"}.items():
        monkeypatch.setenv(name, value)


def test_a_stream_that_cannot_move_gets_lines_and_a_quiet_one_nothing(height: None) -> None:
    assert type(onlooker_for(io.StringIO())) is ManyLines
    assert type(onlooker_for(io.StringIO(), quiet=True)) is SilentOnlooker


def test_lines_say_each_beginning_and_each_end() -> None:
    stream = io.StringIO()
    every = [
        SeedProgress(3, "finished", Path("runs/a"), 100, solved=False, evaluation=9.0),
        SeedProgress(4, "waiting", Path("runs/b")),
        SeedProgress(5),
        SeedProgress(6),
    ]
    with ManyLines(stream) as lines:
        lines.began(RECIPE, every, ["a note"])
        for one in every[1:]:
            one.state = "training"
            lines.changed(one)
        every[1].state, every[1].solved = "finished", True
        every[1].evaluation, every[1].timesteps = 499.55, 12_345
        every[2].state, every[2].error = "failed", "the\x1b[31m pole broke"
        every[3].state, every[3].timesteps = "stopped", 1024
        for one in every[1:]:
            lines.changed(one)
        lines.noted(every[1], "Going on from step 5.")
        lines.stopping(signal.SIGINT)
        lines.moved()
        lines.moved()
    assert stream.getvalue().splitlines() == [
        "ppo (preset tuned), 4 seeds: 1 finished before, 1 to be gone on with",
        "a note",
        "seed 4 goes on",
        "seed 5 begins",
        "seed 6 begins",
        "seed 4 solved, mean return 499.6 after 12,345 steps   (3 of 4)",
        "seed 5 failed: the\\x1b[31m pole broke   (3 of 4)",
        "seed 6 stopped after 1,024 steps",
        "seed 4: Going on from step 5.",
        "Every training finishes its iteration, then a checkpoint; a second signal leaves at once.",
    ]


def test_a_table_has_a_row_for_each_as_long_as_there_is_room(height: None) -> None:
    stream = Terminal()
    every = [SeedProgress(seed) for seed in range(40)]
    with ManyTable(stream) as table:
        table.began(RECIPE, every, [])
        every[30].state, every[30].folder, every[30].mean = "training", Path("x"), 21.5
        every[2].state, every[2].error = "failed", "the pole broke"
        table.changed(every[2])
        table.moved()
    last = shown(stream.getvalue()).split("seed ")[-1]
    rows = [line.split() for line in last.splitlines()[1:] if line.strip()]
    assert [row[:2] for row in rows[:3]] == [["0", "waiting"], ["1", "waiting"], ["2", "failed"]]
    assert rows[9][:4] == ["30", "training", "0", "21.5"]
    assert len(rows) == 11
    assert " ".join(rows[-1]) == "38 waiting, 1 failed, 1 training; 30 rows have no room"
    assert "seed 2 failed: the pole broke   (1 of 40)" in shown(stream.getvalue())


def in_terminal(folder: Path, columns: int, *more: str) -> Seen:
    """`upright seeds` in a terminal of that width."""
    pty, termios = pytest.importorskip("pty"), pytest.importorskip("termios")
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (24, columns))
    clean = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "TERM", "COLUMNS")}
    command = [sys.executable, "-W", "error", "-m", "upright", *WORDS, *more, "--out", str(folder)]
    with subprocess.Popen(
        command, stdin=slave, stdout=slave, stderr=slave, env=clean | {"TERM": "xterm-256color"},
        start_new_session=True,
    ) as process:  # fmt: skip
        os.close(slave)
        sent = b"".join(everything(master))
    os.close(master)
    return Seen(process.returncode, sent.decode().replace("\r\n", "\n"))


@pytest.mark.parametrize("columns", [80, pytest.param(20, marks=pytest.mark.long)])
def test_a_terminal_shows_a_table_that_moves_and_stays(tmp_path: Path, columns: int) -> None:
    seen = in_terminal(tmp_path, columns, "--seeds=0,7", "--total-timesteps=1024")
    assert seen.code == 0
    assert "\x1b[1A" in seen.text  # it moves
    assert seen.text.count("\x1b[?25h") >= 1  # and the cursor is there
    if columns == 80:
        text = shown(seen.text)
        assert "2 waiting" in text
        assert re.search(r"\n *7 +training", text)
        assert re.search(r"\n *7 +not solved +1,\d{3} +[\d.]+ +[\d.]+", text)
        assert "Interquartile mean: " in text.split("2 finished")[-1]


def test_trials_are_called_by_their_numbers_and_a_pruned_one_is_over(height: None) -> None:
    every = [TrialProgress(1_000_000, trial=number) for number in range(3)]
    every[0].state, every[0].solved, every[0].evaluation = "finished", True, 480.0
    for stream in (io.StringIO(), Terminal()):
        table = isinstance(stream, Terminal)
        with ManyTable(stream) if table else ManyLines(stream) as shows:
            shows.began(RECIPE, every, ["The search is in searches."])
            every[1].state, every[1].timesteps = "pruned", 1024
            shows.changed(every[1])
            shows.noted(every[0], "the best")
            shows.began(RECIPE, [SeedProgress(0)], [])
        text = shown(stream.getvalue())
        assert "ppo (preset tuned), 3 trials: 1 finished before\nThe search is in searches." in text
        assert "trial 0: the best\n" in text
        assert "ppo (preset tuned), 1 seed\n" in text
        assert "1 waiting, 1 pruned, 1 finished" in text or not table
        assert "trial 1 pruned after 1,024 steps   (2 of 3)" in text or table
        every[1].state = "waiting"
