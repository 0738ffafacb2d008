"""A training as Ray runs it, on this machine or another: its process, and an actor beside it."""

import os
import platform
import sys
import time
from pathlib import Path
from typing import Any

from upright.ground import UprightError, in_a_line
from upright.scale import Whereabouts, go_there
from upright.study.local_process import LocalProcess
from upright.study.process import Ending

ANSWERING_SECONDS, NAP_SECONDS = 0.2, 0.02
REFUSED = 2  # an exit code of `study.child`
# The lines that a training told, and how it ended.
Told = tuple[list[bytes], Ending | None]


class RayTraining:
    """What becomes an actor of Ray's: it begins the process of a training, and hands on its lines.

    Where it ends, its process does: with a checkpoint, since the pipe to it is closed then.

    Args:
        there: Where the driver is.
    """

    def __init__(self, there: Whereabouts) -> None:
        self._there = there
        self._process: LocalProcess | None = None

    def arrive(self, mark: str, out: str) -> Told:
        """Say that it is there, or refuse a node that does not see where the runs go."""
        if sees(self._there, mark):
            return [], None
        return [], Ending(REFUSED, in_a_line(str(unseen(platform.node(), out))))

    def begin(self, task: dict[str, Any], threads: dict[str, str]) -> Told:
        """Begin the training."""
        os.environ.update(threads)
        self._process = LocalProcess(task, _path())
        return [], None

    def listen(self, is_asked: bool) -> Told:
        """What it told since, as soon as there is something.

        Args:
            is_asked: Whether it is to write a checkpoint and end.
        """
        assert self._process is not None
        if is_asked:
            self._process.hang_up()
        until = time.monotonic() + ANSWERING_SECONDS
        while True:
            ended = self._process.ended()
            lines = self._process.heard()
            if lines or ended or time.monotonic() > until:
                return lines, ended
            time.sleep(NAP_SECONDS)

    def kill(self) -> None:
        """End the training now, and wait until it has."""
        if self._process is not None:
            self._process.kill()


def sees(there: Whereabouts, mark: str) -> bool:
    """Whether a file that the driver made is on this node too."""
    go_there(there)
    return Path(mark).is_file()


def unseen(node: str, out: str) -> UprightError:
    """Of a node that does not see where the runs go."""
    return UprightError(
        f"The node {node} does not see {out}, where the runs go.",
        "--out should lie on a disk that every node sees, at the same path; docs/scale.md says "
        "more.",
    )


def _path() -> list[str]:
    """Where this process imports from, without what Ray put before all that is installed."""
    import ray

    own = Path(ray.__file__).parent
    return [each for each in sys.path if not Path(each).is_relative_to(own)]
