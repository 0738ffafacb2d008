"""Many trainings as they go: a table that moves on a terminal, lines elsewhere, or nothing."""

import contextlib
import time
from collections import Counter
from collections.abc import Sequence
from typing import TextIO

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from upright.cli.arguments import plain
from upright.settings import Recipe
from upright.study import Onlooker, SeedProgress

DRAWING_SECONDS = 0.2
# Which trainings give way last where a terminal has not the height for all.
INTEREST = ("training", "failed", "stopped", "finished", "pruned", "waiting")
SHADES = {
    "training": "bold",
    "failed": "red",
    "waiting": "dim",
    "pruned": "dim",
    "stopped": "yellow",
}
OVER = ("finished", "pruned", "failed")


class SilentOnlooker(Onlooker, contextlib.AbstractContextManager["SilentOnlooker"]):
    """Says nothing."""

    def __exit__(self, *raised: object) -> None:
        """Take away what moves, whatever ended the trainings; here nothing does."""


class ManyLines(SilentOnlooker):
    """A line for each training that begins or ends."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._every: Sequence[SeedProgress] = ()
        self._is_stopping = False

    def began(self, recipe: Recipe, every: Sequence[SeedProgress], notes: Sequence[str]) -> None:
        """Say what trains, and what of it is there."""
        self._every, self._recipe = every, recipe
        states = Counter[str](one.state for one in every)
        there = sum(one.folder is not None and one.state == "waiting" for one in every)
        parts = [f"{states[state]} {state} before" for state in OVER if states[state]]
        parts += [f"{there} to be gone on with"] if there else []
        noun = f"{every[0].noun}{'s'[: len(every) > 1]}"
        self.say(
            f"{recipe.algo} (preset {recipe.preset}), {len(every)} {noun}"
            f"{': ' * bool(parts)}{', '.join(parts)}"
        )
        for note in notes:
            self.say(note)

    def changed(self, one: SeedProgress) -> None:
        """One line."""
        if one.state == "training":
            self.say(f"{_name(one)} goes on" if one.folder else f"{_name(one)} begins")
            return
        over = sum(each.state in OVER for each in self._every)
        so_far = f"   ({over} of {len(self._every)})"
        if one.state == "failed":
            self.say(f"{_name(one)} failed: {one.error}{so_far}")
        elif one.state == "stopped":
            self.say(f"{_name(one)} stopped after {one.timesteps:,} steps")
        elif one.state == "pruned":
            self.say(f"{_name(one)} pruned after {one.timesteps:,} steps{so_far}")
        else:
            self.say(f"{_name(one)} {in_a_word(one)}, {_reached(one)}{so_far}")

    def noted(self, one: SeedProgress, note: str) -> None:
        """One line."""
        self.say(f"{_name(one)}: {note}")

    def stopping(self, signum: int) -> None:
        """Remember to say that the signal was heard: a handler may interrupt any line."""
        self._is_stopping = True

    def moved(self) -> None:
        """Say what a handler left to be said."""
        if self._is_stopping:
            self._is_stopping = False
            self.say(
                "Every training finishes its iteration, then a checkpoint; a second signal leaves "
                "at once."
            )

    def say(self, text: str) -> None:
        """One line, in which nothing is a command to a terminal."""
        print(plain(text), file=self._stream, flush=True)


class ManyTable(ManyLines):
    """A row for each training, as long as there is room."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._console = Console(file=stream)
        self._live: Live | None = None
        self._drawn_at = 0.0

    def __exit__(self, *raised: object) -> None:
        """Leave the table as it is in the end."""
        if self._live is not None:
            self._live.update(self._table(), refresh=True)
            self._live.stop()
            self._live = None

    def began(self, recipe: Recipe, every: Sequence[SeedProgress], notes: Sequence[str]) -> None:
        """Draw it, below one of before."""
        self.__exit__()
        super().began(recipe, every, notes)
        self._live = Live(
            self._table(),
            console=self._console,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start(refresh=True)
        self._console.show_cursor(True)  # a process that is killed could not show it again

    def changed(self, one: SeedProgress) -> None:
        """What failed stays above the table, in full."""
        if one.state == "failed":
            super().changed(one)
        self._drawn_at = 0.0

    def moved(self) -> None:
        """Draw it again, now and then."""
        super().moved()
        if self._live is not None and time.monotonic() - self._drawn_at > DRAWING_SECONDS:
            self._drawn_at = time.monotonic()
            self._live.update(self._table(), refresh=True)

    def say(self, text: str) -> None:
        """One line, above the table."""
        self._console.print(plain(text), markup=False, highlight=False, emoji=False, soft_wrap=True)

    def _table(self) -> Table:
        room = max(3, self._console.height - 6)
        ranked = sorted(self._every, key=lambda one: INTEREST.index(one.state))
        shown = {one.number for one in ranked[:room]}
        table = Table(box=None, pad_edge=False, caption=self._caption(len(shown)))
        table.caption_justify, table.caption_style = "left", "dim"
        for name in (self._every[0].noun, "", "steps", "return", "evaluated"):
            table.add_column(name, justify="right", no_wrap=True)
        table.add_column("", no_wrap=True)
        budget = self._recipe.settings.total_timesteps
        for one in self._every:
            if one.number in shown:
                table.add_row(
                    str(one.number),
                    Text(in_a_word(one), SHADES.get(one.state, "green" if one.solved else "")),
                    f"{one.timesteps:,}" if one.folder or one.timesteps else "",
                    "" if one.mean is None else f"{one.mean:z,.1f}",
                    "" if one.evaluation is None else f"{one.evaluation:z,.1f}",
                    ProgressBar(budget, one.timesteps, 16) if one.state == "training" else "",
                )
        return table

    def _caption(self, shown: int) -> str:
        states = Counter[str](one.state for one in self._every)
        parts = [f"{states[name]} {name}" for name in reversed(INTEREST) if states[name]]
        hidden = len(self._every) - shown
        return ", ".join(parts) + (f"; {hidden} rows have no room" if hidden else "")


def in_a_word(one: SeedProgress) -> str:
    """What has become of a training."""
    if one.state != "finished":
        return one.state
    return {True: "solved", False: "not solved", None: "finished"}[one.solved]


def _name(one: SeedProgress) -> str:
    return f"{one.noun} {one.number}"


def _reached(one: SeedProgress) -> str:
    return f"mean return {one.evaluation:z,.1f} after {one.timesteps:,} steps"
