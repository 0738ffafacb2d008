"""Two sides of four seeds, for reading only."""

from pathlib import Path
from typing import Any

import pytest

import upright

BRIEF: dict[str, Any] = {
    "algo": "ppo", "preset": "default", "num_envs": 8, "num_steps": 32, "num_epochs": 4,
    "hidden_sizes": [16], "total_timesteps": 4096, "eval_every": 1024, "eval_episodes": 10,
    "until": "budget", "media": False,
}  # fmt: skip


@pytest.fixture(scope="session")
def two_sides(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`quick` learns, `slow` does not; four seeds each."""
    out = tmp_path_factory.mktemp("sides")
    for name, rate in (("quick", 0.01), ("slow", 1e-6)):
        for seed in range(4):
            upright.train("CartPole-v1", seed=seed, out=out / name, learning_rate=rate, **BRIEF)
    return out
