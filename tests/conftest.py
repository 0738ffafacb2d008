"""One thread for every test, environments with thresholds of their own, and one finished run."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import gymnasium as gym
import pytest
import torch

import upright
from upright.run import Run

torch.set_num_threads(1)
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell starts its background jobs
    signal.signal(signal.SIGINT, signal.default_int_handler)
# The pictures of a training take longer than the training; their own tests ask for them.
os.environ["UPRIGHT_NO_MEDIA"] = "1"

EASY = "probes/Easy-v0"
UNJUDGED = "probes/Unjudged-v0"


@pytest.fixture
def easy() -> Iterator[str]:
    """An id whose threshold is reached in a few updates."""
    gym.register(EASY, "probes.envs:ActionReward", reward_threshold=0.9)
    yield EASY
    del gym.registry[EASY]


@pytest.fixture
def unjudged() -> Iterator[str]:
    """An id without a threshold."""
    gym.register(UNJUDGED, "probes.envs:ObsReward")
    yield UNJUDGED
    del gym.registry[UNJUDGED]


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short run on CartPole, for reading only."""
    out = tmp_path_factory.mktemp("runs")
    return upright.train(
        "CartPole-v1", algo="ppo", preset="default", seed=0, total_timesteps=2048, out=out
    ).path


@pytest.fixture
def run_copy(finished_run: Path, tmp_path: Path) -> Path:
    """A copy of that run, to be spoilt."""
    return Path(shutil.copytree(finished_run, tmp_path / "copy"))


@pytest.fixture
def run(finished_run: Path) -> Run:
    """That run, opened."""
    return upright.load(finished_run)
