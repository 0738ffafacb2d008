"""A proof that goes on to 1,000 episodes: recorded, verified, and gone on with after a stop."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import gymnasium as gym
import pytest

import upright
from kills import differences
from upright.experiment.listener import Listener
from upright.ground.signals import Interrupted
from upright.judging.evaluation import Evaluation
from upright.judging.verdict import verdict_sentence

COIN = "UprightCoin-v0"


@pytest.fixture
def coin() -> Iterator[str]:
    """An id whose return is 1 or -1, whatever is done, and whose threshold is its mean."""
    gym.register(COIN, "probes.envs:ObsReward", reward_threshold=0.0)
    yield COIN
    del gym.registry[COIN]


class Proofs(Listener):
    """Keeps how many episodes each proof had and whether it passed; may interrupt at the first."""

    def __init__(self, interrupt: bool = False) -> None:
        self.interrupt = interrupt
        self.found: list[tuple[int, bool | None]] = []

    def proven(self, evaluation: Evaluation, timesteps: int) -> None:
        self.found.append((len(evaluation.returns), evaluation.solved))
        if self.interrupt and len(self.found) == 1:
            os.kill(os.getpid(), signal.SIGINT)


def train(env: str, out: Path, listener: Listener) -> upright.Run:
    return upright.train(
        env, algo="ppo", preset="default", seed=3, out=out, listener=listener,
        num_envs=4, num_steps=32, eval_every=128, total_timesteps=20_000,
    )  # fmt: skip


def test_a_thousand_episodes_are_recorded_and_verified(tmp_path: Path, coin: str) -> None:
    run = train(coin, tmp_path, Listener())
    assert run.solved is True
    recorded = run.verdict().proof
    assert len(recorded.returns) == len(recorded.lengths) == 1000
    assert recorded.interval[0] < 0.0 <= recorded.mean
    assert "over 1,000 fresh episodes" in verdict_sentence(run.verdict())
    found = upright.verify(run)
    assert (found.holds, found.identical) == (True, True)
    assert found.proof == recorded


def test_a_run_stopped_after_a_long_proof_that_failed_goes_on_exactly(
    tmp_path: Path, coin: str
) -> None:
    whole, cut, rest = Proofs(), Proofs(interrupt=True), Proofs()
    straight = train(coin, tmp_path / "straight", whole)
    with pytest.raises(Interrupted) as caught:
        train(coin, tmp_path / "cut", cut)
    resumed = upright.resume(caught.value.folder, listener=rest)
    assert cut.found == [(1000, False)]
    assert cut.found + rest.found == whole.found
    assert whole.found[-1] == (1000, True)
    assert differences(straight.path, resumed.path) == []
