"""Trainings as processes: started, listened to, stopped in good order, and buried."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import IO, Any, ClassVar, Literal, Self

from upright.ground import ONE_THREAD, shortened
from upright.judging import Verdict
from upright.settings import Recipe

READING_SECONDS, LONGEST_LINE = 2.0, 1 << 16
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
    """A training in a process of its own, which no Ctrl-C reaches but through `stop`.

    Args:
        progress: Is kept up to date with what it tells.
        task: What `study.child` takes.
    """

    def __init__(self, progress: SeedProgress, task: dict[str, Any]) -> None:
        self.progress = progress
        self._is_asked = False
        self._told: SimpleQueue[bytes] = SimpleQueue()
        self._last_words: deque[str] = deque(maxlen=1)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "upright.study.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_environment(),
            start_new_session=True,
        )
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # it died at once, which is seen when it is asked
            self._process.stdin.write(json.dumps(task).encode() + b"\n")
            self._process.stdin.flush()
        self._readers = [
            threading.Thread(target=_read, args=args, daemon=True)
            for args in (
                (self._process.stdout, self._told.put),
                (self._process.stderr, self._remember),
            )
        ]
        for reader in self._readers:
            reader.start()

    def stop(self) -> None:
        """Ask it to write a checkpoint and end."""
        self._is_asked = True
        self._hang_up()

    def _hang_up(self) -> None:
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()

    def kill(self) -> None:
        """End it now, and wait until it has."""
        self._hang_up()
        self._process.kill()
        self._process.wait()

    def is_over(self) -> bool:
        """Whether it has ended; what it said last is known then."""
        if self._process.poll() is None:
            return False
        for reader in self._readers:  # a process that it left behind may hold the pipes open
            reader.join(READING_SECONDS)
        self._hang_up()
        return True

    def listen(self) -> list[str]:
        """Take in what it told since; what of it is for a person."""
        notes: list[str] = []
        with suppress(Empty):
            while True:
                event = json.loads(self._told.get_nowait())
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
        return self._is_asked and self._process.returncode == 128 + signal.SIGTERM

    @property
    def failure(self) -> str:
        """Why it ended otherwise than well: its last words, or what ended it; nothing if well."""
        code, said = self._process.returncode, "".join(self._last_words)
        if code == 0:
            return ""
        if code >= 0:
            return said or f"its process ended with exit code {code}, and said nothing"
        with suppress(ValueError):
            how = f"its process was ended by {signal.Signals(-code).name}"
            return f"{how}; its last words: {said}" if said else how
        return said or f"its process was ended by signal {-code}"

    def _remember(self, line: bytes) -> None:
        text = line.decode(errors="replace").strip()
        if text:
            self._last_words.append(shortened(text, 600))


class Children:
    """The trainings that go on now; leaving it ends those that still do."""

    def __init__(self) -> None:
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
        self._children.append(Child(progress, task))

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


def _read(pipe: IO[bytes], take: Any) -> None:
    with suppress(OSError, ValueError), pipe:
        for line in iter(lambda: pipe.readline(LONGEST_LINE), b""):
            take(line)


def _environment() -> dict[str, str]:
    """One thread for matrices, and imports from where they come here."""
    here = [path or str(Path.cwd()) for path in sys.path]
    threads = {name: os.environ.get(name, "1") for name in ONE_THREAD}
    return os.environ | threads | {"PYTHONPATH": os.pathsep.join(here)}
