"""Seeds of a pole whose trainings wait, in the midst of them, as long as a file is there."""

import os
import signal
import threading
from pathlib import Path
from typing import Any

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
            threading.Timer(1.0, self._shut.unlink).start()
            self.strike()

    def strike(self) -> None:
        """As Ctrl-C does."""
        os.kill(os.getpid(), signal.SIGINT)
