"""Rewards as the algorithm sees them, against a loop that takes one step after another."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import upright
from probes.envs import ConstantReward, EndlessReward, Transition, TwoStepMatch
from support import make_rollout, same_weights, weights_of
from upright.ground.errors import UprightError
from upright.ground.state import State
from upright.learning.rewards import Rewards, rewards_of
from upright.policy.policy import Policy
from upright.rollout.rollout import Rollout
from upright.settings.hyperparameters import PPOSettings, ReinforceSettings

GAMMA = 0.9
NORMALIZED = {"gamma": GAMMA, "num_envs": 3, "normalize_rewards": True}


def rollouts(count: int, num_steps: int = 40, seed: int = 0) -> Iterator[Rollout]:
    """Episodes of about six steps; a row that is none after each end of environment 0."""
    rng = np.random.default_rng(seed)
    dead = False
    for _ in range(count):
        shape = (num_steps, 3)
        terminated, truncated = rng.random(shape) < 0.1, rng.random(shape) < 0.1
        rewards, valid = rng.normal(2.0, 3.0, shape), np.ones(shape, np.bool_)
        for t in range(num_steps):
            if dead:
                valid[t, 0], rewards[t, 0] = False, 0.0
                terminated[t, 0] = truncated[t, 0] = False
            dead = bool(terminated[t, 0] or truncated[t, 0])
        obs = np.zeros((num_steps + 1, 3, 4))
        masks = {"terminated": terminated, "truncated": truncated, "valid": valid}
        yield make_rollout(obs, np.zeros(shape), rewards, **masks)


class OneByOne:
    """The same statistic as a person would write it: every transition in turn, all R kept."""

    def __init__(self) -> None:
        self.running, self.seen = [0.0] * 3, list[float]()

    def __call__(self, rollout: Rollout) -> np.ndarray:
        for t, n in np.argwhere(rollout.valid):
            self.running[n] = GAMMA * self.running[n] + rollout.rewards[t, n]
            self.seen.append(self.running[n])
            if rollout.terminated[t, n] or rollout.truncated[t, n]:
                self.running[n] = 0.0
        return rollout.rewards / np.std(self.seen)


def test_rewards_are_divided_by_the_deviation_of_the_discounted_return_so_far() -> None:
    rewards, reference = Rewards(PPOSettings(**NORMALIZED)), OneByOne()
    for rollout in rollouts(5):
        np.testing.assert_allclose(rewards(rollout).rewards, reference(rollout), rtol=1e-12)


def test_how_steps_are_cut_into_rollouts_changes_no_statistic() -> None:
    whole, parts = (Rewards(PPOSettings(**NORMALIZED)) for _ in range(2))
    (rollout,) = rollouts(1, num_steps=60)
    whole(rollout)
    for start, end in ((0, 7), (7, 8), (8, 60)):
        names = ("rewards", "terminated", "truncated", "valid")
        parts(replace(rollout, **{name: getattr(rollout, name)[start:end] for name in names}))
    for name, value in whole.state().values.items():
        assert parts.state().values[name] == pytest.approx(value, rel=1e-12)
    running = whole.state().arrays["running"]
    np.testing.assert_allclose(parts.state().arrays["running"], running, rtol=1e-12)


def test_whole_episodes_begin_with_nothing_earned() -> None:
    """What is played past an environment's share of episodes counts nowhere."""
    rewards, reference = Rewards(ReinforceSettings(**NORMALIZED, num_episodes=3)), OneByOne()
    for rollout in rollouts(3):
        rollout.valid[30:, 1] = False  # its share is over, in the middle of the next episode
        reference.running = [0.0] * 3
        np.testing.assert_allclose(rewards(rollout).rewards, reference(rollout), rtol=1e-12)


def test_scale_and_clip_come_after_and_leave_the_rollout_as_it_is() -> None:
    (rollout,) = rollouts(1)
    raw = rollout.rewards.copy()
    seen = Rewards(PPOSettings(num_envs=3, reward_scale=0.5, clip_rewards=1.5))(rollout)
    np.testing.assert_array_equal(seen.rewards, np.clip(0.5 * raw, -1.5, 1.5))
    np.testing.assert_array_equal(rollout.rewards, raw)
    both = PPOSettings(**NORMALIZED, reward_scale=2.0, clip_rewards=0.3)
    expected = np.clip(2.0 * OneByOne()(rollout), -0.3, 0.3)
    np.testing.assert_allclose(Rewards(both)(rollout).rewards, expected, rtol=1e-12)


def test_nothing_is_done_where_nothing_was_asked_for() -> None:
    assert rewards_of(PPOSettings()) is None
    for asked in ({"normalize_rewards": True}, {"reward_scale": 2.0}, {"clip_rewards": 1.0}):
        assert rewards_of(PPOSettings(**asked)) is not None


@pytest.mark.parametrize("reward", [0.0, 0.1, -1e30])
def test_returns_that_are_all_equal_are_divided_by_nothing(reward: float) -> None:
    rewards = Rewards(PPOSettings(**NORMALIZED))
    for _ in range(30):
        ends = np.ones((9, 3), np.bool_)
        given = np.full((9, 3), reward)
        rollout = make_rollout(np.zeros((10, 3, 4)), np.zeros((9, 3)), given, terminated=ends)
        np.testing.assert_array_equal(rewards(rollout).rewards, given)


def test_episodes_that_begin_anew_have_earned_nothing() -> None:
    rewards = Rewards(PPOSettings(**NORMALIZED))
    for rollout in rollouts(1):
        rewards(
            replace(rollout, terminated=rollout.terminated & False, truncated=rollout.valid & False)
        )
    before = rewards.state().arrays["running"]
    assert before.all()
    rewards.begin_anew([1])
    assert rewards.state().arrays["running"].tolist() == [before[0], 0.0, before[2]]


@pytest.mark.parametrize("variance", [-1.0, float("nan"), float("inf")])
def test_a_state_of_no_statistic_is_refused(variance: float) -> None:
    rewards = Rewards(PPOSettings(**NORMALIZED))
    state = rewards.state()
    with pytest.raises(UprightError, match="variance"):
        rewards.restore(State(state.values | {"variance": variance}, state.arrays))
    with pytest.raises(UprightError, match=r"holds float64 \[2\]"):
        rewards.restore(State(state.values, {"running": np.zeros(2)}))


class Scaled(gym.Wrapper[np.ndarray, int, np.ndarray, int]):
    """Rewards in other units."""

    def __init__(self, scale: float) -> None:
        super().__init__(TwoStepMatch())
        self.scale = scale

    def step(self, action: int) -> Transition:
        obs, reward, terminated, truncated, info = self.env.step(action)
        return obs, float(reward) * self.scale, terminated, truncated, info


SETTINGS: dict[str, dict[str, Any]] = {
    "reinforce": {"num_episodes": 16, "baseline": True},
    "actor-critic": {"num_steps": 4, "normalize_advantages": False},
    "ppo": {"num_steps": 8, "num_epochs": 3},
}


def trained(make: Callable[[], gym.Env[Any, Any]], algo: str, updates: int, **more: Any) -> Any:
    chosen = {
        "preset": "default",
        "num_envs": 8,
        "learning_rate": 0.02,
        "hidden_sizes": [16],
        "seed": 3,
    }
    trainer = upright.Trainer(make, algo, **(chosen | SETTINGS[algo] | more))
    iterations = [next(trainer) for _ in range(updates)]
    trainer.close()
    return trainer, iterations


SIGHTS = np.float32([[1, 0], [-1, 0], [1, 1], [-1, 1]])


def decided(policy: Policy) -> list[int]:
    """The greedy action at each sight: right are 1, 0, 1, 0."""
    return [int(policy.decide(each)) for each in SIGHTS]


@pytest.mark.parametrize("algo", SETTINGS)
def test_the_units_of_the_rewards_are_nothing_to_the_policy(algo: str) -> None:
    params = []
    for scale in (1.0, 1e4, 1e-4):
        trainer, iterations = trained(
            lambda scale=scale: Scaled(scale), algo, 60, normalize_rewards=True, gamma=0.5
        )
        params.append(trainer.policy.params(SIGHTS))
        assert decided(trainer.policy) == [1, 0, 1, 0]
        largest = max(abs(each.episode_return) for each in iterations[-1].episodes)
        assert largest == pytest.approx(2.0 * scale)
    np.testing.assert_allclose(params[1], params[0], atol=0.05)
    np.testing.assert_allclose(params[2], params[0], atol=0.05)


@pytest.mark.parametrize("algo", ["actor-critic", "ppo"])
@pytest.mark.parametrize("chosen", [{"normalize_rewards": True}, {"reward_scale": 3.0}], ids=str)
def test_what_a_limit_cuts_off_is_valued_in_the_same_units(
    algo: str, chosen: dict[str, Any]
) -> None:
    """Reward 1 for ever is worth 1 / (1 - gamma), in units of the rewards that are learned."""

    def make() -> gym.Env[Any, Any]:
        return gym.wrappers.TimeLimit(EndlessReward(), 5)

    trainer, _ = trained(make, algo, 300, gamma=0.5, learning_rate="0.03:0.005", **chosen)
    if "reward_scale" in chosen:
        unit = 1 / 3.0
    else:
        running = [2.0 * (1.0 - 0.5**n) for n in range(1, 6)]
        unit = float(np.std(running))
        statistics = trainer.algorithm.state().part("rewards")
        assert math.sqrt(statistics.value("variance", float)) == pytest.approx(unit, rel=0.01)
    worth = float(trainer.policy.values(np.float32([[0.0, 0.0]]))[0])
    assert worth == pytest.approx(2.0 / unit, rel=0.05)


def test_scaled_rewards_and_a_scaled_critic_are_one_thing_where_advantages_are_standardised() -> (
    None
):
    scaled, _ = trained(TwoStepMatch, "ppo", 5, reward_scale=1 / 16, gamma=0.5)
    critic, _ = trained(TwoStepMatch, "ppo", 5, value_scale=16.0, gamma=0.5)
    for name, weights in weights_of(scaled.policy).items():
        np.testing.assert_allclose(weights, critic.policy.weights[name], rtol=1e-3, atol=1e-5)


def test_a_clip_that_is_never_met_is_the_training_without_it() -> None:
    plain, _ = trained(ConstantReward, "ppo", 3)
    clipped, _ = trained(ConstantReward, "ppo", 3, clip_rewards=1.0)
    assert same_weights(weights_of(plain.policy), weights_of(clipped.policy))
