"""A terminal: pictures as coloured half blocks, and below them the numbers of the moment."""

import os
import select
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import groupby, zip_longest
from typing import Any, TextIO

import numpy as np
from PIL import Image
from rich.cells import cell_len, set_cell_size

from upright.ground import UprightError, printable
from upright.show.playing.pace import Pace, Show, play_here
from upright.show.playing.player import Moment

try:
    import termios
    import tty
except ImportError:  # Windows has neither, and is watched without keys
    termios = tty = None  # type: ignore[assignment]

HALF = "▀"
# The colours of a half block: its upper and its lower pixel, as red, green, blue or as a number.
IN_RGB, IN_256 = "\x1b[38;2;%d;%d;%d;48;2;%d;%d;%dm", "\x1b[38;5;%d;48;5;%dm"
# Another screen, no cursor, and nothing that is too long begins a line of its own.
ENTER, LEAVE = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J", "\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l"
NAME_COLUMNS, BAR_COLUMNS, PERCENT_COLUMNS = 12, 14, 4
SMALLEST_PICTURE = 2


def blocks(image: Any, columns: int, rows: int, truecolor: bool = True) -> str:
    """A picture as lines of half blocks, each cell two pixels, one above the other.

    Args:
        image: [height, width, 3] uint8.
        columns: The most that a line may have.
        rows: The most lines.
        truecolor: 24-bit colours, or the 256 of older terminals.
    """
    height, width = image.shape[:2]
    scale = min(columns / width, 2 * rows / height)
    across = min(columns, max(1, round(width * scale)))
    down = min(rows, max(1, round(height * scale / 2)))
    small = Image.fromarray(np.asarray(image)).resize((across, 2 * down), Image.Resampling.BOX)
    pixels = np.asarray(small)
    cells = np.concatenate([pixels[0::2], pixels[1::2]], axis=-1)
    codes, colours = (cells, IN_RGB) if truecolor else (_in_256(cells), IN_256)
    return "\n".join(_line(row.tolist(), colours) for row in codes)


def _line(cells: list[list[int]], colours: str) -> str:
    """One line; a colour is said once for all the cells in a row that have it."""
    said = [colours % tuple(cell) + HALF * len(list(run)) for cell, run in groupby(cells)]
    return "".join(said) + "\x1b[0m"


def _in_256(cells: Any) -> Any:
    """Colours as numbers of the 6 x 6 x 6 cube, or of the 24 greys where these are nearer."""
    rgb = cells.reshape(*cells.shape[:-1], 2, 3).astype(np.int64)
    levels = np.array([0, 95, 135, 175, 215, 255])
    cube = np.abs(rgb[..., None] - levels).argmin(axis=-1)
    step = np.clip((rgb.mean(axis=-1) - 3) // 10, 0, 23).astype(np.int64)
    far_cube = np.square(levels[cube] - rgb).sum(axis=-1)
    far_grey = np.square((8 + 10 * step)[..., None] - rgb).sum(axis=-1)
    return np.where(far_grey < far_cube, 232 + step, 16 + cube @ np.array([36, 6, 1]))


def numbers(show: Show, moment: Moment, columns: int, status: str = "") -> list[str]:
    """The lines below the picture: who plays, the numbers, the probabilities."""
    words = {"episode": f"episode {moment.episode}", "step": f"step {moment.step}"}
    words["return"] = f"return {moment.episode_return:z.1f}"
    words["value"] = "" if moment.value is None else f"V(s) {moment.value:z.2f}"
    words |= {"end": moment.end, "status": status}
    for least in ("value", "step", "episode", "end", "status"):
        if cell_len(_joined(words)) > columns:
            del words[least]
    lines = _bars(show.probabilities(moment), columns)
    title = f"{show.title} · {moment.label}".strip(" ·")
    return [fitted(line, columns) for line in [_joined(words), *lines, title]]


def _joined(words: dict[str, str]) -> str:
    return "  ".join(filter(None, words.values()))


def _bars(shares: list[tuple[str, float]], columns: int) -> list[str]:
    """Each action's probability as a bar, as many in a line as have room."""
    names = min(NAME_COLUMNS, max((cell_len(name) for name, _ in shares), default=0))
    length = min(BAR_COLUMNS, max(0, columns - names - PERCENT_COLUMNS - 2))
    bars = []
    for name, share in shares:
        filled = round(length * share)
        bar = "█" * filled + "░" * (length - filled)
        bars.append(f"{set_cell_size(name, names)} {bar} {share:{PERCENT_COLUMNS}.0%}")
    beside = max(1, (columns + 3) // (names + length + PERCENT_COLUMNS + 5))
    return ["   ".join(bars[n : n + beside]) for n in range(0, len(bars), beside)]


def fitted(text: str, columns: int) -> str:
    """Text in exactly so many columns, without anything that a terminal obeys."""
    return set_cell_size(printable(text, "?"), columns)


class Screen:
    """Lines on a terminal, of which only those are written that changed."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lines: list[str] = []
        self._size = os.terminal_size((0, 0))

    @property
    def size(self) -> os.terminal_size:
        """Columns and rows, at least one each."""
        with suppress(OSError, ValueError):
            if min(size := os.get_terminal_size(self._stream.fileno())) > 0:
                return size
        return os.terminal_size((80, 24))

    @property
    def outgrown(self) -> bool:
        """Whether the size is another one than when the lines were put there."""
        return self.size != self._size

    def show(self, lines: list[str], size: os.terminal_size) -> None:
        """Put these lines there, from the top."""
        written = []
        if size != self._size:
            self._size, self._lines = size, []
            written.append("\x1b[2J")
        changes = zip_longest(self._lines, lines, fillvalue="")
        for row, (old, new) in enumerate(changes, start=1):
            if old != new:
                # Erased first: at the end of a full line it would take the last cell away.
                written.append(f"\x1b[{row};1H\x1b[2K{new}")
        self._lines = lines
        self._stream.write("".join(written))
        self._stream.flush()


class Terminal:
    """A terminal that plays.

    Args:
        show: What is shown.
        stream: The terminal.

    Raises:
        UprightError: It is none, or one that cannot draw.
    """

    def __init__(self, show: Show, stream: TextIO) -> None:
        if not stream.isatty():
            raise UprightError(
                "There is no terminal to draw in: the output goes elsewhere.",
                "`--as page` shows it in a browser.",
            )
        if os.environ.get("TERM") == "dumb":
            raise UprightError("This terminal (TERM=dumb) cannot draw.", "Try --as page.")
        try:
            HALF.encode(stream.encoding or "ascii")
        except UnicodeEncodeError as error:
            raise UprightError(
                f"This terminal's encoding {stream.encoding} has no block characters.",
                "PYTHONUTF8=1 makes it UTF-8.",
            ) from error
        self._show, self._stream = show, stream
        self._pace = Pace(show.player.fps, show.speed)
        self._screen = Screen(stream)
        self._truecolor = os.environ.get("COLORTERM") in ("truecolor", "24bit")

    def play(self) -> None:
        """Play until the episodes are over, or q is pressed."""
        with _other_screen(self._stream), _unechoed():
            play_here(self._show, self._pace, self._draw, self._listen)

    def _draw(self, moment: Moment) -> None:
        size, status = self._screen.size, self._pace.status
        lines = composed(self._show, moment, size, self._truecolor, status)
        self._screen.show(lines, size)

    def _listen(self, seconds: float) -> bool:
        """Answer keys for at most so many seconds; whether they, or another size, change a line."""
        pressed = _pressed(min(seconds, 0.2))
        for key in pressed:
            self._pace.press(key)
        return bool(pressed) or self._screen.outgrown


def composed(
    show: Show,
    moment: Moment,
    size: os.terminal_size,
    truecolor: bool = True,
    status: str = "",
) -> list[str]:
    """Picture and numbers, in no more lines and columns than there are."""
    columns, rows = size
    below = numbers(show, moment, columns, status)
    below = below[: max(1, rows - SMALLEST_PICTURE)]
    if rows - len(below) < SMALLEST_PICTURE:
        return below[:rows]
    picture = blocks(moment.image, columns, rows - len(below), truecolor).split("\n")
    margin = " " * ((columns - picture[0].count(HALF)) // 2)
    return [*(margin + line for line in picture), *below]


@contextmanager
def _other_screen(stream: TextIO) -> Iterator[None]:
    """The screen that a terminal has for this, and the old one back whatever happens."""
    try:
        stream.write(ENTER)
        stream.flush()
        yield
    finally:
        with suppress(OSError, ValueError):
            stream.write(LEAVE)
            stream.flush()


@contextmanager
def _unechoed() -> Iterator[None]:
    """Keys arrive one by one and are not written over the picture; Ctrl-C stays what it is."""
    if termios is None or not sys.stdin.isatty():
        yield
        return
    keyboard = sys.stdin.fileno()
    before = termios.tcgetattr(keyboard)
    try:
        tty.setcbreak(keyboard)
        yield
    finally:
        with suppress(termios.error):
            termios.tcsetattr(keyboard, termios.TCSAFLUSH, before)


def _pressed(seconds: float) -> str:
    """The keys that were pressed within so many seconds, or until the first of them."""
    if termios is None or not sys.stdin.isatty():
        time.sleep(seconds)
        return ""
    ready, _, _ = select.select([sys.stdin], [], [], seconds)
    return os.read(sys.stdin.fileno(), 64).decode("ascii", "replace") if ready else ""
