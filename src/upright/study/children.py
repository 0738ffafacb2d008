"""Trainings as processes: started, listened to, stopped in good order, and buried."""

import json
import signal
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from upright.judging import Verdict
from upright.settings import Recipe
from upright.study.process import Beginning, Ending, TrainingProcess

Fate = Literal["waiting", "training", "finished", "pruned", "stopped", "failed"]


@dataclass
class SeedProgress:
    """How far the training of a seed is.

    Attributes:
        seed: Its own.
        state: What has become of it.
        folder: Its run, once there is one.
        timesteps: The transitions behind it.
        mean: The recent training episodes' mean return.
        evaluation: The greedy policy's, when it was last evaluated.
        verdict: What held against all of its run's files, once it came to one.
        error: Why it failed.
        is_lost: Whether it failed since its process was ended, which says nothing of what it did.
        solved: What its verdict says.
        evaluations: What every evaluation since it began gave, by the timesteps behind it.
    """

    noun: ClassVar[str] = "seed"

    seed: int
    state: Fate = "waiting"
    folder: Path | None = None
    timesteps: int = 0
    mean: float | None = None
    evaluation: float | None = None
    verdict: Verdict | None = None
    error: str = ""
    is_lost: bool = False
    solved: bool | None = None
    evaluations: dict[int, float] = field(default_factory=dict)

    @property
    def number(self) -> int:
        """Which of its kind it is."""
        return self.seed


class Onlooker:
    """What may look on while many trainings go; every method may be overridden."""

    def began(self, recipe: Recipe, every: Sequence[SeedProgress], notes: Sequence[str]) -> None:
        """It is known what is there already; `notes` are sentences that a person should read."""

    def changed(self, one: SeedProgress) -> None:
        """A training began, or came to an end."""

    def noted(self, one: SeedProgress, note: str) -> None:
        """A training says something that a person should read."""

    def moved(self) -> None:
        """Time has passed; called some ten times a second."""

    def stopping(self, signum: int) -> None:
        """A signal asked to stop; checkpoints are written first. Called in a signal handler."""


class Child:
    """A training in a process of its own, and what it tells.

    Args:
        progress: Is kept up to date with it.
        process: Its own, wherever it runs.
    """

    def __init__(self, progress: SeedProgress, process: TrainingProcess) -> None:
        self.progress, self._process = progress, process
        self._is_asked = False
        self._ended: Ending | None = None

    def stop(self) -> None:
        """Ask it to write a checkpoint and end."""
        self._is_asked = True
        self._process.hang_up()

    def kill(self) -> None:
        """End it now, and wait until it has."""
        self._process.kill()

    def is_over(self) -> bool:
        """Whether it has ended; what it said last is known then."""
        self._ended = self._process.ended()
        return self._ended is not None

    def listen(self) -> list[str]:
        """Take in what it told since; what of it is for a person."""
        notes: list[str] = []
        for line in self._process.heard():
            event = json.loads(line)
            if note := event.pop("note", ""):
                notes.append(note)
            if "evaluation" in event:
                self.progress.evaluations[event["timesteps"]] = event["evaluation"]
            if folder := event.pop("folder", None):
                self.progress.folder = Path(folder)
            for name, value in event.items():
                setattr(self.progress, name, value)
        return notes

    @property
    def was_stopped(self) -> bool:
        """Whether it ended because it was asked to."""
        assert self._ended is not None
        return self._is_asked and self._ended.code == 128 + signal.SIGTERM

    @property
    def was_lost(self) -> bool:
        """Whether something ended its process."""
        assert self._ended is not None
        return self._ended.code is None or self._ended.code < 0

    @property
    def failure(self) -> str:
        """Why it ended otherwise than well: its last words, or what ended it; nothing if well."""
        assert self._ended is not None
        code, said = self._ended
        if code == 0:
            return ""
        if code is None:
            return f"it was lost: its process {said}"
        if code > 0:
            return said or f"its process ended with exit code {code}, and said nothing"
        with suppress(ValueError):
            how = f"its process was ended by {signal.Signals(-code).name}"
            return f"{how}; its last words: {said}" if said else how
        return said or f"its process was ended by signal {-code}"


class Children:
    """The trainings that go on now; leaving it ends those that still do.

    Args:
        begin: Begins the process of each.
    """

    def __init__(self, begin: Beginning) -> None:
        self._begin = begin
        self._children: list[Child] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        for child in self._children:
            child.kill()

    def __len__(self) -> int:
        return len(self._children)

    def start(self, progress: SeedProgress, task: dict[str, Any]) -> None:
        """Begin one more."""
        self._children.append(Child(progress, self._begin(task)))

    def stop(self, only: SeedProgress | None = None) -> None:
        """Ask all of them, or one, to write a checkpoint and end."""
        for child in self._children:
            if only is None or child.progress is only:
                child.stop()

    def listen(self) -> list[tuple[SeedProgress, str]]:
        """Take in what all of them told since; what of it is for a person."""
        return [(child.progress, note) for child in self._children for note in child.listen()]

    def bury(self) -> list[Child]:
        """Those that have ended, which are none of them any more."""
        over = [child for child in self._children if child.is_over()]
        self._children = [child for child in self._children if child not in over]
        return over
