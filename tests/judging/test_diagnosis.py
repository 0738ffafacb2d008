"""Each finding, provoked by a training that deserves it; and silence on trainings that do not."""

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import upright
from probes.envs import ActionReward, ConstantReward, ObsReward, Stubborn, Transition
from upright.judging.diagnosis import CHECKS, Finding, diagnose
from upright.learning.metric import Metric
from upright.runs.run import Run

PPO: dict[str, Any] = {"algo": "ppo", "preset": "default", "num_envs": 8, "num_steps": 32}
STANDSTILL = PPO | {"learning_rate": 1e-6, "num_epochs": 1}


def far_position() -> gym.Env[Any, Any]:
    """CartPole-v1 with the position in other units."""
    return gym.wrappers.TransformObservation(
        gym.make("CartPole-v1"),
        lambda obs: obs * np.float32([1000, 1, 1, 1]),
        gym.spaces.Box(-np.inf, np.inf, (4,), np.float32),
    )


class Spent(ActionReward):
    """What earns does so for an environment's first 500 steps, and costs from then on."""

    taken = 0

    def step(self, action: int) -> Transition:
        self.taken += 1
        obs, reward, *ends = super().step(action)
        return (obs, reward if self.taken <= 500 else -1.0, *ends)


# What is to be found, and a training in which it is; by a margin, since processors differ in the
# last bit of a sum, and a training that goes wrong is chaos.
PROVOKED: dict[str, tuple[Any, dict[str, Any]]] = {
    "no-signal": (
        "MountainCar-v0",
        STANDSTILL | {"num_steps": 128, "total_timesteps": 4096, "eval_every": 4096},
    ),
    "endless-episodes": (
        Stubborn,
        STANDSTILL | {"num_envs": 1, "num_steps": 1000, "total_timesteps": 10_000},
    ),
    "unlike-scales": (
        far_position,
        PPO | {"total_timesteps": 8192, "eval_every": 8192, "seed": 1},
    ),
    "pinned-actions": (
        "Pendulum-v1",
        PPO | {"log_std_init": 4.0, "total_timesteps": 8192, "eval_every": 8192},
    ),
    "entropy-collapsed": ("CartPole-v1", PPO | {"learning_rate": 0.3, "total_timesteps": 4096}),
    "large-kl": (
        "Pendulum-v1",
        PPO
        | {"learning_rate": 0.02, "num_epochs": 20, "clip_range": 0.9}
        | {"total_timesteps": 6400, "eval_every": 6400, "eval_episodes": 10},
    ),
    "value-explains-nothing": ("CartPole-v1", STANDSTILL | {"total_timesteps": 8192}),
    "returns-fell": (Spent, PPO | {"learning_rate": 0.01, "total_timesteps": 8192}),
    "far-from-threshold": ("CartPole-v1", STANDSTILL | {"total_timesteps": 2048}),
}


def trained(out: Path, env: Any, **settings: Any) -> Run:
    return upright.train(env, out=out, media=False, **settings)


def findings(run: Run) -> dict[str, Finding]:
    found = diagnose(run.recipe, run.metrics(), run.verdict())
    return {each.name: each for each in found}


@pytest.mark.parametrize("name", PROVOKED)
def test_a_training_that_goes_wrong_is_told_how_and_what_to_try(name: str, tmp_path: Path) -> None:
    env, settings = PROVOKED[name]
    found = findings(trained(tmp_path, env, **settings))
    assert name in found
    for each in found.values():
        assert each.sentence.endswith(".")
        assert each.hint.endswith(".")


def test_every_finding_is_provoked() -> None:
    assert PROVOKED.keys() == CHECKS.keys()


def test_where_no_reward_differs_nothing_else_is_told(tmp_path: Path) -> None:
    env, settings = PROVOKED["no-signal"]
    found = findings(trained(tmp_path, env, **settings | {"num_steps": 32}))
    assert found.keys() == {"no-signal"}
    assert "All 16 episodes had the same return, -200:" in found["no-signal"].sentence


@pytest.mark.parametrize("algo", ["ppo", "actor-critic", "reinforce"])
def test_a_healthy_training_is_silent_after_each_of_its_iterations(
    algo: str, tmp_path: Path
) -> None:
    run = trained(tmp_path, "CartPole-v1", algo=algo, seed=4)
    assert run.solved
    assert findings(run) == {}
    rows = run.metrics()
    assert [diagnose(run.recipe, rows[:n], None) for n in range(len(rows))] == [[]] * len(rows)


def test_solved_and_deterministic_is_no_collapse(tmp_path: Path, easy: str) -> None:
    run = trained(
        tmp_path, easy, **PPO | {"learning_rate": 0.05, "until": "budget"}, total_timesteps=16_384
    )
    entropy = [row["train/entropy"] for row in run.metrics()]
    assert run.solved
    assert entropy[-1] < 0.01
    assert findings(run) == {}


@pytest.mark.parametrize(("env", "learning_rate"), [(ActionReward, 0.05), (ObsReward, 0.001)])
def test_without_a_threshold_what_is_learned_or_cannot_be_is_silent(
    env: Any, learning_rate: float, tmp_path: Path
) -> None:
    settings = PPO | {"learning_rate": learning_rate, "total_timesteps": 8192}
    assert findings(trained(tmp_path, env, **settings)) == {}


def test_returns_that_never_rose_have_not_fallen(run: Run) -> None:
    """What chance alone makes of 2,000 episodes, a hundred times."""
    rng = np.random.default_rng(0)
    for _ in range(100):
        returns = 8.0 + rng.exponential(14.0, size=2000)
        windows = [returns[max(0, end - 100) : end] for end in range(4, 2001, 4)]
        rows = [
            {
                "rollout/ep_rew_mean": float(window.mean()),
                "rollout/ep_rew_std": float(window.std()),
                "time/total_episodes": 4 * n,
            }
            for n, window in enumerate(windows, start=1)
        ]
        assert diagnose(run.recipe, rows, None) == []


def test_equal_returns_are_no_signal_unless_they_solve_it(tmp_path: Path) -> None:
    run = trained(tmp_path, ConstantReward, **PPO, total_timesteps=512)
    assert findings(run).keys() == {"no-signal"}


def test_a_critic_that_is_not_trained_is_named(tmp_path: Path) -> None:
    env, settings = PROVOKED["value-explains-nothing"]
    found = findings(trained(tmp_path, env, **settings, vf_coef=0.0))
    assert found["value-explains-nothing"].hint.startswith("vf_coef is 0")


@pytest.mark.parametrize(
    ("name", "mended"),
    [("unlike-scales", {"normalize_obs": True}), ("pinned-actions", {"log_std_init": 0.0})],
)
def test_what_the_hint_says_makes_it_silent(
    name: str, mended: dict[str, Any], tmp_path: Path
) -> None:
    env, settings = PROVOKED[name]
    assert name not in findings(trained(tmp_path, env, **settings | mended))


def test_a_hint_tells_the_setting_as_it_is(tmp_path: Path) -> None:
    env, settings = PROVOKED["large-kl"]
    run = trained(tmp_path, env, **settings | {"learning_rate": "0.02:0.01"})
    hint = findings(run)["large-kl"].hint
    assert "learning_rate (now 0.02:0.01)" in hint
    assert "num_epochs (20)" in hint


def test_what_rows_lack_is_not_judged(run: Run) -> None:
    rows = run.metrics()
    assert diagnose(run.recipe, [], None) == []
    for name in rows[0]:
        fewer = [{key: value for key, value in row.items() if key != name} for row in rows]
        diagnose(run.recipe, fewer, run.verdict())
        diagnose(run.recipe, [*fewer[:1], *rows[1:]], run.verdict())


def test_a_density_has_entropies_below_zero_and_has_not_collapsed(tmp_path: Path) -> None:
    env, settings = PROVOKED["entropy-collapsed"]
    run = trained(tmp_path, env, **settings)
    assert "entropy-collapsed" in findings(run)
    rows = [row | {"train/entropy": row["train/entropy"] - 1.0} for row in run.metrics()]
    names = {each.name for each in diagnose(run.recipe, rows, run.verdict())}
    assert "entropy-collapsed" not in names


def test_the_names_are_those_of_a_row(run: Run) -> None:
    names = {value for name, value in vars(Metric).items() if name.isupper()}
    assert len(names) == 14
    assert run.metrics()[-1].keys() >= names - {Metric.AT_BOUNDS}  # of bounded actions alone


def test_where_there_never_was_a_choice_nothing_collapsed(tmp_path: Path) -> None:
    env, settings = PROVOKED["entropy-collapsed"]
    run = trained(tmp_path, env, **settings)
    rows = [row | {"train/entropy": 0.0} for row in run.metrics()]
    names = {each.name for each in diagnose(run.recipe, rows, run.verdict())}
    assert "entropy-collapsed" not in names
