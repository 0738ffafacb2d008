"""A training run on a terminal: lines that scroll, above a bar that moves."""

import contextlib
import time
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from upright.cli.arguments import plain
from upright.cli.terminal.lines import Lines, of_threshold
from upright.ground import UprightError
from upright.judging import Evaluation, Verdict
from upright.learning import Iteration, Trainer
from upright.runs import Metric, Run

REFRESH_SECONDS = 0.1
LEVELS = "▁▂▃▄▅▆▇█"
CURVE_WIDTH = 16
# The parts from the one that gives way last to the one that does so first, and their columns.
PARTS = {
    "percent": 4,
    "return": 14,
    "bar": 13,
    "curve": CURVE_WIDTH + 1,
    "left": 10,
    "evaluation": 13,
    "speed": 8,
}
# Where there is room for everything, these say more.
LONGER = {"evaluation": 27, "speed": 18}


class Bar(Lines):
    """Time left, the return and its history, the speed and the last evaluation, in one line.

    It is drawn by the training's own thread, at most ten times a second. The cursor stays visible:
    a process that is killed could not show it again.
    """

    before_notice = "\r\x1b[2K"

    def __init__(self, stream: TextIO, results: TextIO) -> None:
        super().__init__(stream, results)
        self._console = Console(file=stream)
        self._curve, self._bar = Sparkline(), Progress(disable=True)
        self._task, self._drawn_at = TaskID(0), 0.0

    def __exit__(self, *raised: object) -> None:
        """Take the moving line away."""
        self._bar.stop()

    def started(self, trainer: Trainer, folder: Path) -> None:
        """Say what trains, and draw the bar where the run stands."""
        super().started(trainer, folder)
        self._trainer = trainer
        self._wide = self._console.width > sum((PARTS | LONGER).values())
        self._bar = Progress(
            *_columns(self._console.width, trainer.recipe.until == "solved"),
            console=self._console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        curve = self._curve.sparkline()
        self._task = self._bar.add_task("", mean="", curve=curve, evaluation="", speed="")
        self._bar.update(self._task, total=1.0, completed=trainer.progress)
        self._bar.start()
        self._console.show_cursor(True)

    def resumed(self, trainer: Trainer, folder: Path, notes: Sequence[str]) -> None:
        """The curve goes on from what the run has recorded."""
        with contextlib.suppress(UprightError):
            for row in Run(folder).metrics():
                self._curve.add(row.get(Metric.EPISODE_RETURN))
        super().resumed(trainer, folder, notes)

    def iterated(self, iteration: Iteration, row: dict[str, Any]) -> None:
        """Move the line, now and then."""
        mean = row.get(Metric.EPISODE_RETURN)
        self._curve.add(mean)
        if time.monotonic() - self._drawn_at < REFRESH_SECONDS:
            return
        self._drawn_at = time.monotonic()
        self._bar.update(
            self._task,
            completed=self._trainer.progress,
            mean="" if mean is None else f"return {short(mean)}",
            curve=self._curve.sparkline(),
            speed=f"{row[Metric.FPS]:,} steps/s" if self._wide else f"{rounded(row[Metric.FPS])}/s",
            refresh=True,
        )

    def evaluated(self, evaluation: Evaluation, timesteps: int) -> None:
        """A line above, and what the moving one remembers of it."""
        remembered = f"eval {short(evaluation.mean)}"
        if self._wide:
            remembered = f"eval {of_threshold(evaluation)} at {rounded(timesteps)}"
        self._bar.update(self._task, evaluation=remembered, completed=self._trainer.progress)
        super().evaluated(evaluation, timesteps)

    def concluded(self, verdict: Verdict, summary: dict[str, Any]) -> None:
        """The verdict, with no half line left behind."""
        self._bar.stop()
        super().concluded(verdict, summary)

    def say(self, text: str) -> None:
        """One line, above the moving one."""
        self._console.print(plain(text), markup=False, highlight=False, emoji=False, soft_wrap=True)


class Sparkline:
    """A curve of any length in bounded memory: neighbours are merged when there are too many."""

    LIMIT = 512

    def __init__(self) -> None:
        self._means: list[float] = []
        self._stride, self._sum, self._count = 1, 0.0, 0

    def add(self, value: float | None) -> None:
        """One more point; None is none."""
        if value is None:
            return
        self._sum, self._count = self._sum + value, self._count + 1
        if self._count == self._stride:
            self._means.append(self._sum / self._count)
            self._sum, self._count = 0.0, 0
        if len(self._means) == self.LIMIT:
            pairs = zip(self._means[::2], self._means[1::2], strict=True)
            self._means = [(a + b) / 2 for a, b in pairs]
            self._stride *= 2

    def sparkline(self, width: int = CURVE_WIDTH) -> str:
        """All of it in `width` characters, from its lowest to its highest; empty before a point."""
        points = len(self._means)
        if not points or not width:
            return ""
        columns = []
        for column in range(width):
            first = column * points // width
            part = self._means[first : max((column + 1) * points // width, first + 1)]
            columns.append(sum(part) / len(part))
        low, high = min(columns), max(columns)
        steps = (len(LEVELS) - 1) / (high - low) if high > low else 0.0
        return "".join(LEVELS[round((value - low) * steps)] for value in columns)


def _columns(width: int, at_most: bool) -> list[ProgressColumn]:
    """What there is room for; `at_most` says that the run may end before its budget does."""
    bound = TextColumn("≤" if at_most else "")
    everything: dict[str, list[ProgressColumn]] = {
        "bar": [BarColumn(12, complete_style="cyan", finished_style="cyan")],
        "percent": [TaskProgressColumn()],
        "left": [bound, TimeRemainingColumn(compact=True)],
        "return": [TextColumn("{task.fields[mean]}", style="bold")],
        "curve": [TextColumn("{task.fields[curve]}", style="green")],
        "evaluation": [TextColumn("{task.fields[evaluation]}")],
        "speed": [TextColumn("{task.fields[speed]}", style="dim")],
    }
    taken = accumulate(PARTS.values())
    kept = {name for name, columns in zip(PARTS, taken, strict=True) if columns < width}
    return [column for name, columns in everything.items() if name in kept for column in columns]


def short(value: float) -> str:
    """A return in few characters."""
    return f"{value:z.1f}" if abs(value) < 1e6 else f"{value:.3g}"


def rounded(count: int) -> str:
    """A number of steps in few characters: 950, 42k, 1.2M."""
    if count < 1_000:
        return str(count)
    return f"{count / 1e3:.0f}k" if count < 999_500 else f"{count / 1e6:.1f}M"
