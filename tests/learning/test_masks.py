"""What an environment forbids is never done: in rollouts, in evaluations, after a resume."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import upright
from learning.test_probes import ALGORITHMS, learn
from probes.masked import MASKED, STEPS, Forbidding
from upright.judging.evaluator import Evaluator


@pytest.fixture(autouse=True)
def nothing_forbidden_was_taken() -> Iterator[None]:
    Forbidding.taken_forbidden.clear()
    yield
    Forbidding.taken_forbidden.clear()


@pytest.mark.parametrize("algo", ALGORITHMS)
@pytest.mark.parametrize("env", MASKED)
def test_what_masks_allow_is_learned_and_nothing_else_is_ever_done(
    env: type[Forbidding], algo: str
) -> None:
    policy = learn(env, algo, 60, num_envs=16)
    for deterministic in (True, False):
        evaluation = Evaluator(env, 30).evaluate(policy, 7, deterministic)
        assert set(evaluation.lengths) == {STEPS}
        assert not deterministic or evaluation.mean == STEPS
    assert Forbidding.taken_forbidden == []


@pytest.mark.parametrize("env", MASKED)
def test_without_masks_what_is_forbidden_is_done(env: type[Forbidding]) -> None:
    policy = learn(env, "ppo", 60, num_envs=16, mask="off")
    assert Forbidding.taken_forbidden
    evaluation = Evaluator(env, 30, mask="off").evaluate(policy, 7)
    assert evaluation.mean < STEPS - 1


@pytest.mark.parametrize("algo", ALGORITHMS)
@pytest.mark.parametrize("shards", [0, 2])
def test_a_rollout_of_taxi_takes_no_action_that_its_mask_forbids(algo: str, shards: int) -> None:
    how = ALGORITHMS[algo] | {"num_envs": 2, "shards": shards}
    how |= {"num_episodes": 2} if algo == "reinforce" else {"num_steps": 300}
    trainer = upright.Trainer("Taxi-v4", algo, preset="default", **how)
    rollout = trainer.collector.collect()
    trainer.close()
    assert rollout.masks is not None
    assert rollout.masks.shape == (*rollout.actions.shape, 6)
    taken = np.take_along_axis(rollout.masks, rollout.actions[..., None], axis=-1)[..., 0]
    assert taken[rollout.valid].all()
    assert 0 < rollout.masks[rollout.valid].mean() < 1


@pytest.mark.parametrize("shards", [0, 2])
@pytest.mark.parametrize("mask", ["auto", "off"])
def test_a_run_under_masks_is_verified_resumed_and_shown_under_them(
    tmp_path: Path, shards: int, mask: str
) -> None:
    how: dict[str, Any] = {"num_envs": 2, "num_steps": 16, "until": "budget", "mask": mask}
    how |= {"shards": shards, "hidden_sizes": [8], "media": False, "num_epochs": 2}
    how["preset"] = "default"
    whole = upright.train(Forbidding, "ppo", out=tmp_path / "a", total_timesteps=256, **how)
    cut = upright.train(Forbidding, "ppo", out=tmp_path / "b", total_timesteps=128, **how)
    again = upright.resume(cut.path, Forbidding, total_timesteps=256, media=False)
    for name, array in whole.policy.weights.items():
        np.testing.assert_array_equal(array, again.policy.weights[name], err_msg=name)
    assert upright.verify(again).identical
    assert again.info.get("masks") == (3 if mask == "auto" else None)
    evaluation = again.evaluate(episodes=20, deterministic=False)
    assert (set(evaluation.lengths) == {STEPS}) == (mask == "auto")


def test_a_run_from_before_masks_goes_on_without_them(tmp_path: Path) -> None:
    how: dict[str, Any] = {"num_envs": 2, "num_steps": 16, "total_timesteps": 64, "mask": "off"}
    run = upright.train(Forbidding, "ppo", out=tmp_path, media=False, **how)
    settings = run.path / "settings.toml"
    lines = settings.read_text().splitlines(keepends=True)
    settings.write_text("".join(line for line in lines if not line.startswith("mask =")))
    again = upright.load(run.path, Forbidding)
    assert again.recipe.settings.mask == "off"
    assert upright.verify(again).identical
