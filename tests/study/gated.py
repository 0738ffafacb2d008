"""Seeds of a pole whose trainings wait, in the midst of them, as long as a file is there."""

import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from study.test_training import TINY, Heard

GATED = """
import pathlib, time
from gymnasium.envs.classic_control.cartpole import CartPoleEnv

class Gated(CartPoleEnv):
    steps = 0
    def reset(self, **chosen):
        self.now = 0
        return super().reset(**chosen)
    def step(self, action):
        Gated.steps, self.now = Gated.steps + 1, self.now + 1
        while Gated.steps > 700 and pathlib.Path("gate").exists():
            time.sleep(0.01)
        obs, reward, terminated, _, info = super().step(action)
        return obs, reward, terminated, self.now == 100, info
"""
ENV = "gated.py:Gated"
CHOSEN: dict[str, Any] = TINY | {
    "backend": "sync", "total_timesteps": 6_000, "eval_every": 3_000, "checkpoint_every": 2_000,
}  # fmt: skip


def folder_of(out: Path, seed: int) -> Path:
    return out / "gated.py-Gated" / f"ppo-s{seed}"


def gate(folder: Path) -> Path:
    """A folder to train in, and what holds its trainings up."""
    (folder / "gated.py").write_text(GATED)
    (shut := folder / "gate").touch()
    return shut


def trainings(folder: Path) -> list[psutil.Process]:
    """The processes that train in a folder, whoever began them."""
    found = []
    for each in psutil.process_iter():
        with suppress(psutil.Error):
            if "upright.study.child" in each.cmdline() and Path(each.cwd()) == folder.resolve():
                found.append(each)
    return found


def opener(shut: Path, stopped: Sequence[psutil.Process]) -> Callable[[], None]:
    """What opens the gate as soon as each of these trainings knows that it is to stop.

    A training's thread that waits for that ends then. Waits for a minute at most.
    """
    threads = {each: each.num_threads() for each in stopped}

    def has_heard(each: psutil.Process) -> bool:
        try:
            return each.num_threads() < threads[each]
        except psutil.NoSuchProcess:
            return True

    def opens() -> None:
        until = time.monotonic() + 60.0
        while not all(map(has_heard, threads)) and time.monotonic() < until:
            time.sleep(0.01)
        shut.unlink()

    return opens


class Midway(Heard):
    """Does something once, when so many trainings are in the midst of it, and opens the gate.

    Whoever is asked to stop, or left alone, has heard of it by then.

    Args:
        shut: The gate.
        count: So many trainings.
    """

    def __init__(self, shut: Path, count: int) -> None:
        super().__init__()
        self._shut, self._count, self._is_done = shut, count, False

    def began(self, recipe: Any, every: Any, notes: Any) -> None:
        super().began(recipe, every, notes)
        self._every = every

    def moved(self) -> None:
        if not self._is_done and sum(one.timesteps > 0 for one in self._every) >= self._count:
            self._is_done = True
            threading.Thread(target=opener(self._shut, self.struck())).start()
            self.strike()

    def struck(self) -> list[psutil.Process]:
        """The trainings that are to stop."""
        return trainings(self._shut.parent)

    def strike(self) -> None:
        """As Ctrl-C does."""
        os.kill(os.getpid(), signal.SIGINT)
