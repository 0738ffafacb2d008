"""Every algorithm, with its tuned settings, solves CartPole on seeds that no search has used."""

from pathlib import Path

import pytest

import upright


@pytest.mark.learning
@pytest.mark.parametrize("seed", [11, 12, 13])
@pytest.mark.parametrize("algo", ["reinforce", "actor-critic", "ppo"])
def test_cartpole_is_solved_and_the_verdict_holds(tmp_path: Path, algo: str, seed: int) -> None:
    run = upright.train("CartPole-v1", algo=algo, seed=seed, out=tmp_path)
    assert run.solved is True
    assert run.info["mean_return"] >= 475.0
    verification = upright.verify(run)
    assert (verification.holds, verification.identical) == (True, True)
