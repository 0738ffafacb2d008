"""Every algorithm learns every probe's known value and policy."""

from collections.abc import Callable
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import upright
from probes.envs import (
    ActionReward,
    ConstantReward,
    DelayedReward,
    EndlessReward,
    ObsReward,
    TwoStepMatch,
)
from upright.policy.policy import Policy

GAMMA = 0.5
ALGORITHMS: dict[str, dict[str, Any]] = {
    "reinforce": {"num_episodes": 16, "baseline": True},
    "actor-critic": {"num_steps": 4},
    "ppo": {"num_steps": 8, "num_epochs": 3},
}
COMMON: dict[str, Any] = {
    "preset": "default",
    "num_envs": 8,
    "gamma": GAMMA,
    "learning_rate": 0.02,
    "hidden_sizes": [16],
    "seed": 3,
}


def learn(env: Callable[[], gym.Env[Any, Any]], algo: str, updates: int, **settings: Any) -> Policy:
    trainer = upright.Trainer(env, algo, **(COMMON | ALGORITHMS[algo] | settings))
    for _ in range(updates):
        next(trainer)
    trainer.close()
    return trainer.policy


def value(policy: Policy, *obs: float) -> float:
    return float(policy.values(np.float32([obs]))[0])


def probability_of_1(policy: Policy, *obs: float) -> float:
    params, _ = policy.forward(np.float32([obs]))
    return float(policy.distribution.probabilities(params)[0, 1])


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_a_constant_reward_is_the_value(algo: str) -> None:
    policy = learn(ConstantReward, algo, updates=60)
    assert value(policy, 0.0, 0.0) == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_the_value_follows_the_observation(algo: str) -> None:
    policy = learn(ObsReward, algo, updates=80)
    assert value(policy, 1.0, 0.0) == pytest.approx(1.0, abs=0.1)
    assert value(policy, -1.0, 0.0) == pytest.approx(-1.0, abs=0.1)


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_a_reward_one_step_away_is_worth_gamma(algo: str) -> None:
    policy = learn(DelayedReward, algo, updates=80)
    assert value(policy, 0.0, 1.0) == pytest.approx(1.0, abs=0.05)
    assert value(policy, 0.0, 0.0) == pytest.approx(GAMMA, abs=0.05)


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_the_rewarded_action_is_taken(algo: str) -> None:
    policy = learn(ActionReward, algo, updates=80)
    assert probability_of_1(policy, 0.0, 0.0) > 0.95
    assert value(policy, 0.0, 0.0) == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_two_actions_that_are_paid_at_the_end_follow_their_observations(algo: str) -> None:
    policy = learn(TwoStepMatch, algo, updates=150)
    for step in (0.0, 1.0):
        assert probability_of_1(policy, 1.0, step) > 0.9
        assert probability_of_1(policy, -1.0, step) < 0.1
    for sign in (-1.0, 1.0):
        assert value(policy, sign, 1.0) == pytest.approx(2.0, abs=0.1)
        assert value(policy, sign, 0.0) == pytest.approx(2.0 * GAMMA, abs=0.1)


@pytest.mark.parametrize("algo", ALGORITHMS)
def test_a_time_limit_does_not_lower_the_value(algo: str) -> None:
    def limited() -> gym.Env[Any, Any]:
        return gym.wrappers.TimeLimit(EndlessReward(), 2)

    policy = learn(limited, algo, updates=150)
    assert value(policy, 0.0, 0.0) == pytest.approx(1.0 / (1.0 - GAMMA), abs=0.1)


def test_reinforce_needs_no_baseline_to_take_the_rewarded_action() -> None:
    policy = learn(ActionReward, "reinforce", updates=80, baseline=False)
    assert not policy.has_critic
    assert probability_of_1(policy, 0.0, 0.0) > 0.95


def test_the_two_step_probe_pays_as_it_says() -> None:
    env = TwoStepMatch()
    obs, _ = env.reset(seed=0)
    obs, reward, terminated, _, _ = env.step(int(obs[0] > 0))
    assert (reward, terminated) == (0.0, False)
    np.testing.assert_allclose(obs[1], 1.0)
    _, reward, terminated, _, _ = env.step(int(obs[0] < 0))
    assert (reward, terminated) == (0.0, True)
