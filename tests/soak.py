"""A training that saves at every iteration for a while, and watches its own memory and files.

Run as a script: seconds, a backend and a folder; one JSON object ends stdout.
"""

import gc
import json
import sys
import time
from pathlib import Path
from typing import Any

import upright
from upright.experiment.listener import Listener

SETTINGS: dict[str, Any] = {
    "preset": "default",
    "until": "budget",
    "total_timesteps": 10**12,
    "eval_every": 20_000,
    "checkpoint_every": 1,
    "keep": 3,
    "num_envs": 2,
    "num_steps": 32,
    "num_epochs": 1,
}


FEWEST_ITERATIONS = 20  # on however slow a machine


class EnoughError(Exception):
    """The time is over."""


class Watch(Listener):
    """Samples resident KiB and open files, a few hundred times."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._began, self._next = seconds, time.monotonic(), 0.0
        self.memory: list[int] = []
        self.files: list[int] = []
        self.iterations = 0

    def iterated(self, iteration: Any, row: dict[str, Any]) -> None:
        self.iterations = iteration.number
        spent = time.monotonic() - self._began
        if spent >= self._next:
            self._next += self._seconds / 400
            gc.collect()
            self.memory.append(resident())
            self.files.append(len(list(Path("/proc/self/fd").iterdir())))
        if spent > self._seconds and self.iterations > FEWEST_ITERATIONS:
            raise EnoughError


def resident() -> int:
    """KiB of this process in memory."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith("VmRSS:")]
    return int(line.split()[1])


def main() -> None:
    seconds, backend, out = float(sys.argv[1]), sys.argv[2], sys.argv[3]
    watch = Watch(seconds)
    try:
        upright.train(
            "CartPole-v1", "ppo", out=out, backend=backend, listener=watch, seed=0, **SETTINGS
        )
    except EnoughError:
        told = {"iterations": watch.iterations, "memory": watch.memory, "files": watch.files}
        print(json.dumps(told))


if __name__ == "__main__":
    main()
