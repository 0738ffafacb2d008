"""A training in a process of this machine, and the pipes to it."""

import json
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import IO, Any

from upright.ground import ONE_THREAD, shortened, usable_cores
from upright.settings import Recipe
from upright.study.process import Ending

READING_SECONDS, LONGEST_LINE = 2.0, 1 << 16


class LocalProcess:
    """A training in a process of this machine; it ends in good order with the one that began it.

    Args:
        task: What `study.child` takes.
        path: Where it imports from; None for where this process does.
    """

    def __init__(self, task: dict[str, Any], path: Sequence[str] | None = None) -> None:
        self._told: SimpleQueue[bytes] = SimpleQueue()
        self._last_words: deque[str] = deque(maxlen=1)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "upright.study.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_environment(sys.path if path is None else path),
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

    def heard(self) -> list[bytes]:
        """The lines that it told since."""
        lines: list[bytes] = []
        with suppress(Empty):
            while True:
                lines.append(self._told.get_nowait())
        return lines

    def ended(self) -> Ending | None:
        """How it ended; None while it goes on."""
        code = self._process.poll()
        if code is None:
            return None
        for reader in self._readers:  # a process that it left behind may hold the pipes open
            reader.join(READING_SECONDS)
        self.hang_up()
        return Ending(code, "".join(self._last_words))

    def hang_up(self) -> None:
        """Ask it to write a checkpoint and end."""
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()

    def kill(self) -> None:
        """End it now, and wait until it has."""
        self.hang_up()
        self._process.kill()
        self._process.wait()

    def _remember(self, line: bytes) -> None:
        text = line.decode(errors="replace").strip()
        if text:
            self._last_words.append(shortened(text, 600))


def usual_jobs(recipe: Recipe) -> int:
    """As many trainings at a time as there are cores for their threads."""
    return max(1, usable_cores() // recipe.threads)


def thread_limits() -> dict[str, str]:
    """What a training's process is told of threads for matrices: one, where nothing is said."""
    return {name: os.environ.get(name, "1") for name in ONE_THREAD}


def _read(pipe: IO[bytes], take: Any) -> None:
    with suppress(OSError, ValueError), pipe:
        for line in iter(lambda: pipe.readline(LONGEST_LINE), b""):
            take(line)


def _environment(path: Sequence[str]) -> dict[str, str]:
    """One thread for matrices, and imports from there."""
    folders = [each or str(Path.cwd()) for each in path]
    return os.environ | thread_limits() | {"PYTHONPATH": os.pathsep.join(folders)}
