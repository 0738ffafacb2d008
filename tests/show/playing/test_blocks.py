"""Pictures and numbers in a terminal, in a real one of several sizes."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.cells import cell_len

from show.playing.test_pace import StillPlayer, moment
from upright.ground.errors import UprightError
from upright.show.playing.blocks import (
    ENTER,
    LEAVE,
    Screen,
    Terminal,
    blocks,
    composed,
    fitted,
    numbers,
)
from upright.show.playing.pace import Show

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
SIZES = [(80, 24), (200, 50), (34, 12), (12, 5), (3, 2), (1, 1)]


def text_of(line: str) -> str:
    return ESCAPES.sub("", line)


def picture(height: int, width: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def show(actions: tuple[str, ...] = ("left", "right")) -> Show:
    return Show(StillPlayer(), "CartPole-v1", actions)  # type: ignore[arg-type]


@pytest.mark.parametrize("truecolor", [True, False])
@pytest.mark.parametrize("shape", [(400, 600), (84, 84), (1, 1), (3, 500), (500, 3)])
@pytest.mark.parametrize("size", SIZES)
def test_blocks_fit_and_keep_their_proportions(
    size: tuple[int, int], shape: tuple[int, int], truecolor: bool
) -> None:
    columns, rows = size
    lines = blocks(picture(*shape), columns, rows, truecolor).split("\n")
    widths = {len(text_of(line)) for line in lines}
    (width,) = widths
    assert 1 <= width <= columns
    assert 1 <= len(lines) <= rows
    scale = min(columns / shape[1], 2 * rows / shape[0])
    assert abs(width - shape[1] * scale) <= 1
    assert abs(2 * len(lines) - shape[0] * scale) <= 2
    assert all(set(text_of(line)) == {"▀"} for line in lines)


def test_each_cell_is_two_pixels_one_above_the_other() -> None:
    image = np.array([[[255, 0, 0], [1, 2, 3]], [[0, 0, 255], [4, 5, 6]]], np.uint8)
    assert blocks(image, 2, 1) == (
        "\x1b[38;2;255;0;0;48;2;0;0;255m▀\x1b[38;2;1;2;3;48;2;4;5;6m▀\x1b[0m"
    )


def test_a_colour_is_said_once_for_all_cells_that_have_it() -> None:
    white = np.full((4, 40, 3), 255, np.uint8)
    line, _ = blocks(white, 40, 2).split("\n")
    assert line == f"\x1b[38;2;255;255;255;48;2;255;255;255m{'▀' * 40}\x1b[0m"


@pytest.mark.parametrize(
    ("colour", "number"),
    [
        ((0, 0, 0), 16),
        ((255, 255, 255), 231),
        ((255, 0, 0), 196),
        ((0, 0, 255), 21),
        ((128, 128, 128), 244),
        ((8, 8, 8), 232),
        ((238, 238, 238), 255),
        ((95, 135, 175), 67),
    ],
)
def test_older_terminals_get_the_nearest_of_256_colours(
    colour: tuple[int, int, int], number: int
) -> None:
    image = np.full((2, 1, 3), colour, np.uint8)
    assert blocks(image, 1, 1, truecolor=False) == f"\x1b[38;5;{number};48;5;{number}m▀\x1b[0m"


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("probabilities", [None, (0.25, 0.75), tuple([0.05] * 20)])
def test_what_is_composed_is_never_larger_than_the_terminal(
    size: tuple[int, int], probabilities: Any
) -> None:
    now = moment(499, "truncated", probabilities)._replace(image=picture(40, 60), value=12.5)
    lines = composed(show(), now, os.terminal_size(size), status="paused 2×")
    assert 1 <= len(lines) <= size[1]
    assert max(cell_len(text_of(line)) for line in lines) <= size[0]


def test_the_numbers_say_what_happens() -> None:
    now = moment(12, "terminated", (0.25, 0.75))._replace(value=3.21)
    first, bars, title = numbers(show(), now, 90, "paused")
    assert first.split() == (
        ["episode", "1", "step", "12", "return", "12.0", "V(s)", "3.21", "terminated", "paused"]
    )
    assert "left " in bars
    assert " 25%" in bars
    assert " 75%" in bars
    assert title.strip() == "CartPole-v1 · step 8"


def test_no_text_is_obeyed_and_wide_letters_count_twice() -> None:
    assert fitted("a\x1b[2Jb\n", 10) == "a?[2Jb?   "
    assert cell_len(fitted("日本語の環境", 7)) == 7


def test_only_changed_lines_are_written_again(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = StringIO()
    screen, size = Screen(stream), os.terminal_size((10, 3))

    def written(lines: list[str], size: os.terminal_size = size) -> str:
        stream.seek(0)
        stream.truncate()
        screen.show(lines, size)
        return stream.getvalue()

    assert written(["one", "two"]) == "\x1b[2J\x1b[1;1H\x1b[2Kone\x1b[2;1H\x1b[2Ktwo"
    assert written(["one", "two"]) == ""
    assert written(["one", "TWO"]) == "\x1b[2;1H\x1b[2KTWO"
    assert written(["one"]) == "\x1b[2;1H\x1b[2K"
    assert written(["one"], os.terminal_size((9, 3))).startswith("\x1b[2J\x1b[1;1H")


def test_what_is_no_terminal_is_refused() -> None:
    with pytest.raises(UprightError, match="There is no terminal") as refused:
        Terminal(show(), StringIO())
    assert "--as page" in refused.value.hint


class Typewriter(StringIO):
    encoding = "ascii"

    def isatty(self) -> bool:
        return True


def test_a_terminal_that_cannot_draw_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    with pytest.raises(UprightError, match="TERM=dumb"):
        Terminal(show(), Typewriter())
    monkeypatch.setenv("TERM", "xterm")
    with pytest.raises(UprightError, match="encoding ascii"):
        Terminal(show(), Typewriter())


# Ctrl-C is a signal to whom the terminal belongs, and it belongs to nobody at first.
OWNER = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "os.execv(sys.executable, [sys.executable, '-m', 'upright', *sys.argv[1:]])"
)


class Pty:
    """`upright watch` in a terminal of its own, with keys and a size."""

    def __init__(self, cwd: Path, size: tuple[int, int], *words: str, colours: str = "") -> None:
        self._master, slave = pty.openpty()
        self._slave, self.data = slave, b""
        self.before = termios.tcgetattr(slave)
        self.resize(size)
        self.process = subprocess.Popen(
            [sys.executable, "-c", OWNER, "watch", *words, "--as", "terminal"],
            stdin=slave,
            stdout=slave,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env=os.environ | {"TERM": "xterm", "COLORTERM": colours, "PYTHONWARNINGS": "error"},
            start_new_session=True,
        )

    def resize(self, size: tuple[int, int]) -> None:
        packed = struct.pack("HHHH", size[1], size[0], 0, 0)
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, packed)

    def press(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def until(self, found: Any, seconds: float = 30.0) -> None:
        """Read until something is found in what was written."""
        end = time.monotonic() + seconds
        while not found(self.data):
            assert time.monotonic() < end, self.data[-300:]
            if select.select([self._master], [], [], 0.05)[0]:
                self.data += os.read(self._master, 65536)

    def ended(self) -> tuple[int, str]:
        """Read what is left; the exit code, and what went to stderr."""
        self.until(lambda _: self.process.poll() is not None)
        while select.select([self._master], [], [], 0.05)[0]:
            self.data += os.read(self._master, 65536)
        assert self.process.stderr is not None
        assert termios.tcgetattr(self._slave) == self.before
        return self.process.returncode, self.process.stderr.read().decode()

    def close(self) -> None:
        """Leave nothing behind, however the test went."""
        self.process.kill()
        self.process.communicate()
        os.close(self._master)
        os.close(self._slave)


Opened = Callable[..., Pty]


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Opened]:
    """Opens terminals with `upright watch` in them."""
    opened = []

    def watching(size: tuple[int, int], *words: str, colours: str = "") -> Pty:
        opened.append(Pty(tmp_path, size, *words, colours=colours))
        return opened[-1]

    yield watching
    for each in opened:
        each.close()


def widest(data: bytes) -> tuple[int, int]:
    """The longest line that was written, and the lowest."""
    body = data.decode().split(ENTER)[1].split(LEAVE)[0]
    written = re.findall(r"\x1b\[(\d+);1H\x1b\[2K([^\n]*?)(?=\x1b\[\d+;1H|\x1b\[2J|$)", body)
    assert written
    return max(cell_len(text_of(line)) for _, line in written), max(int(row) for row, _ in written)


CARTPOLE = ("CartPole-v1", "--random", "--episodes", "1", "--speed", "8")


def test_real_terminals_of_any_size_are_filled_and_restored(terminal: Opened) -> None:
    kinds = [((80, 24), "truecolor"), ((31, 9), ""), ((5, 2), "")]
    opened = [terminal(size, *CARTPOLE, colours=colours) for size, colours in kinds]
    for shown, (size, colours) in zip(opened, kinds, strict=True):
        code, said = shown.ended()
        assert code == 0, said
        assert "In this terminal" in said
        assert shown.data.startswith(ENTER.encode())
        assert shown.data.endswith(LEAVE.encode())
        columns, rows = widest(shown.data)
        assert columns <= size[0]
        assert rows <= size[1]
        assert (b"38;2;" in shown.data) == (colours == "truecolor")
        assert (b"38;5;" in shown.data) == (size == (31, 9))


def test_a_run_answers_keys_and_sizes_and_ctrl_c_ends_it(
    finished_run: Path, terminal: Opened
) -> None:
    shown = terminal((80, 24), str(finished_run))
    shown.until(lambda data: b"push left" in data and b"step 3" in data)
    shown.press(b" ")
    shown.until(lambda data: b"paused" in data)
    cleared = shown.data.count(b"\x1b[2J")
    shown.resize((40, 12))
    shown.until(lambda data: data.count(b"\x1b[2J") > cleared)
    assert widest(ENTER.encode() + shown.data.rpartition(b"\x1b[2J")[2])[0] <= 40
    shown.press(b"\x03")
    code, said = shown.ended()
    assert code == 0
    assert said.endswith("Stopped.\n")
    assert b"Traceback" not in shown.data
    assert shown.data.endswith(LEAVE.encode())


@pytest.mark.long
def test_q_ends_it_too_and_sigterm_restores_the_terminal(terminal: Opened) -> None:
    first, second = (terminal((60, 20), "CartPole-v1", "--random") for _ in range(2))
    for shown in (first, second):
        shown.until(lambda data: b"step 2" in data)
    first.press(b"q")
    second.process.send_signal(signal.SIGTERM)
    for shown in (first, second):
        assert shown.ended()[0] == 0
        assert shown.data.endswith(LEAVE.encode())


@pytest.mark.long
def test_a_fault_restores_the_terminal_before_it_is_said(terminal: Opened, tmp_path: Path) -> None:
    (tmp_path / "faulty.py").write_text(
        "import numpy as np\n"
        "from gymnasium.envs.classic_control import CartPoleEnv\n"
        "class Faulty(CartPoleEnv):\n"
        "    def render(self):\n"
        "        self.drawn = getattr(self, 'drawn', 0) + 1\n"
        "        return np.zeros((8, 8, 3 if self.drawn < 4 else 4), np.uint8)\n"
    )
    shown = terminal((60, 20), "faulty.py:Faulty", "--random")
    code, said = shown.ended()
    assert code == 2
    assert "faulty.py:Faulty drew uint8 of shape [8, 8, 4]." in said
    assert shown.data.endswith(LEAVE.encode())


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (80, "episode 1  step 152  return 152.0  V(s) 80.25  terminated  paused"),
        (55, "episode 1  step 152  return 152.0  terminated  paused"),
        (46, "episode 1  return 152.0  terminated  paused"),
        (25, "return 152.0  paused"),
        (14, "return 152.0"),
    ],
)
def test_a_narrow_terminal_loses_whole_words_and_the_return_last(columns: int, said: str) -> None:
    here = moment(152, "terminated")._replace(value=80.25)
    assert numbers(show(), here, columns, "paused")[0].rstrip() == said


def test_the_smallest_terminal_names_both_actions() -> None:
    shown = moment(probabilities=(0.25, 0.75))
    lines = composed(show(), shown, os.terminal_size((20, 5)))
    assert len(lines) == 5
    assert [text_of(line).split()[0] for line in lines[2:]] == ["return", "left", "right"]
