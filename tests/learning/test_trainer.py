"""The trainer: an iterator, repeatable to the last bit."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import upright
from probes.envs import EndlessReward, ObsReward
from support import same_weights, untimed, weights_of
from upright.ground.errors import UprightError
from upright.learning.ladder import ALGORITHMS

SMALL: dict[str, dict[str, Any]] = {
    "reinforce": {"num_episodes": 4, "num_envs": 4},
    "actor-critic": {"num_envs": 4, "num_steps": 16},
    "ppo": {"num_envs": 4, "num_steps": 16, "num_epochs": 2, "minibatch_size": 24},
}


def trained(
    algo: str, seed: int, iterations: int = 4, **settings: Any
) -> tuple[dict[str, np.ndarray], list[dict[str, Any]]]:
    """Weights and records after some iterations on CartPole."""
    chosen = {"preset": "default", **SMALL[algo], **settings}
    trainer = upright.Trainer("CartPole-v1", algo, seed=seed, **chosen)
    records = [
        {**untimed(iteration.metrics), "n": iteration.timesteps, "episodes": iteration.episodes}
        for iteration, _ in zip(trainer, range(iterations), strict=False)
    ]
    trainer.close()
    return weights_of(trainer.policy), records


@pytest.mark.parametrize("backend", ["vector", "sync"])
@pytest.mark.parametrize("algo", ALGORITHMS)
def test_the_same_seed_gives_the_same_weights_and_metrics(algo: str, backend: str) -> None:
    one, one_records = trained(algo, seed=4, backend=backend)
    other, other_records = trained(algo, seed=4, backend=backend)
    assert same_weights(one, other)
    assert one_records == other_records


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_another_seed_gives_other_weights_from_the_start(algo: str) -> None:
    one, one_records = trained(algo, seed=4, iterations=1)
    other, other_records = trained(algo, seed=5, iterations=1)
    assert not same_weights(one, other)
    assert one_records != other_records


def test_another_seed_draws_other_actions_where_all_else_is_alike() -> None:
    def first_actions(seed: int) -> np.ndarray:
        # What is seen never changes and the first policy is nearly uniform: chance alone acts.
        trainer = upright.Trainer(EndlessReward, "ppo", num_envs=4, num_steps=100, seed=seed)
        actions = trainer.collector.collect().actions
        trainer.close()
        return actions

    assert (first_actions(0) == first_actions(0)).all()
    assert 0.35 < (first_actions(0) == first_actions(1)).mean() < 0.65


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_training_does_not_depend_on_what_ran_before_in_the_process(algo: str) -> None:
    one, _ = trained(algo, seed=4, iterations=2)
    np.random.default_rng(0).random()
    trained(algo, seed=9, iterations=1)
    other, _ = trained(algo, seed=4, iterations=2)
    assert same_weights(one, other)


def test_iterations_count_the_transitions_and_episodes_of_all_environments() -> None:
    trainer = upright.Trainer(ObsReward, "ppo", num_envs=4, num_steps=8, seed=0)
    first, second = next(trainer), next(trainer)
    trainer.close()
    assert (first.number, first.timesteps, first.total_episodes) == (1, 32, 32)
    assert (second.number, second.timesteps, second.total_episodes) == (2, 64, 64)
    assert len(second.episodes) == 32


def test_masked_rows_do_not_spend_the_budget() -> None:
    trainer = upright.Trainer(
        "CartPole-v1", "ppo", preset="default", num_envs=8, num_steps=64, backend="vector"
    )
    iteration = next(trainer)
    trainer.close()
    ended_before_the_last_row = 8 * 64 - iteration.timesteps
    assert 0 < ended_before_the_last_row <= len(iteration.episodes)


def test_the_budget_of_timesteps_ends_the_iteration() -> None:
    trainer = upright.Trainer(ObsReward, "ppo", num_envs=4, num_steps=8, total_timesteps=100)
    timesteps = [iteration.timesteps for iteration in trainer]
    trainer.close()
    assert timesteps == [32, 64, 96, 128]
    assert trainer.progress == 1.0
    with pytest.raises(StopIteration):
        next(trainer)


def test_the_budget_of_episodes_ends_the_iteration_too() -> None:
    trainer = upright.Trainer(
        ObsReward, "reinforce", num_envs=2, num_episodes=2, total_episodes=6, total_timesteps=10**6
    )
    episodes = [iteration.total_episodes for iteration in trainer]
    trainer.close()
    assert episodes == [2, 4, 6]


def test_schedules_follow_the_budget() -> None:
    trainer = upright.Trainer(
        ObsReward,
        "ppo",
        num_envs=4,
        num_steps=8,
        total_timesteps=128,
        learning_rate="0.4:0",
        clip_range="0.4:0.2",
    )
    metrics = [iteration.metrics for iteration in trainer]
    trainer.close()
    assert [row["train/learning_rate"] for row in metrics] == pytest.approx([0.4, 0.3, 0.2, 0.1])
    assert [row["train/clip_range"] for row in metrics] == pytest.approx([0.4, 0.35, 0.3, 0.25])


def test_an_environment_that_never_ends_is_learned_from_in_steps() -> None:
    trainer = upright.Trainer(EndlessReward, "actor-critic", num_envs=2, num_steps=4)
    iteration = next(trainer)
    trainer.close()
    assert iteration.timesteps == 8
    assert iteration.episodes == ()
    assert all(np.isfinite(value) for value in iteration.metrics.values())


@pytest.mark.parametrize(
    "arguments",
    [
        {"env": "CartPol-v1"},
        {"env": "CartPole-v1", "algo": "dqn"},
        {"env": "CartPole-v1", "gamma": 2.0},
        {"env": "CartPole-v1", "no_such_setting": 1},
        {"env": "Pendulum-v1", "log_std_init": 100.0},
        {"env": None},
    ],
    ids=str,
)
def test_what_will_not_do_is_said_at_once(arguments: dict[str, Any]) -> None:
    with pytest.raises(UprightError):
        upright.Trainer(**arguments)


def test_an_iteration_does_not_load_pytorch() -> None:
    code = (
        "import sys, upright\n"
        "for algo in ('reinforce', 'actor-critic', 'ppo'):\n"
        "    next(upright.Trainer('CartPole-v1', algo, preset='default', num_envs=8))\n"
        "print([name for name in sys.modules if name.partition('.')[0] == 'torch'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("algo", ["actor-critic", "ppo"])
def test_a_rollout_that_is_nothing_but_an_autoreset_is_passed_over(algo: str) -> None:
    settings = {"num_envs": 1, "num_steps": 1, "backend": "vector", "total_timesteps": 100}
    trainer = upright.Trainer("CartPole-v1", algo, preset="default", seed=0, **settings)
    iterations = list(trainer)
    trainer.close()
    assert [iteration.timesteps for iteration in iterations] == list(range(1, 101))
    assert iterations[-1].total_episodes > 2
    assert np.isfinite([list(iteration.metrics.values()) for iteration in iterations]).all()
