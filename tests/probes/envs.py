"""Environments so small that the right policy and its value can be written down."""

from typing import Any

import gymnasium as gym
import numpy as np

Obs = np.ndarray
Transition = tuple[Obs, float, bool, bool, dict[str, Any]]


class Probe(gym.Env[Obs, int]):
    """Two actions; observations of two numbers: a sign or 0, and the step within the episode."""

    def __init__(self) -> None:
        self.observation_space = gym.spaces.Box(-1.0, 1.0, (2,), np.float32)
        self.action_space = gym.spaces.Discrete(2)
        self.now, self.sign = 0, 0.0

    def draw(self) -> float:
        """The sign that the next observation shows."""
        return 0.0

    def observe(self) -> Obs:
        self.sign = self.draw()
        return np.array([self.sign, self.now], np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Obs, dict[str, Any]]:
        super().reset(seed=seed)
        self.now = 0
        return self.observe(), {}


class ConstantReward(Probe):
    """One step, reward 1: V = 1."""

    def step(self, action: int) -> Transition:
        return self.observe(), 1.0, True, False, {}


class ObsReward(Probe):
    """One step, the reward is the sign that was seen: V(obs) = sign."""

    def draw(self) -> float:
        return 1.0 if self.np_random.random() < 0.5 else -1.0

    def step(self, action: int) -> Transition:
        reward = self.sign
        return self.observe(), reward, True, False, {}


class DelayedReward(Probe):
    """Two steps, reward 0 and then 1: V of the first observation = gamma, of the second 1."""

    def step(self, action: int) -> Transition:
        reward, over = float(self.now), self.now == 1
        self.now = 1
        return self.observe(), reward, over, False, {}


class ActionReward(Probe):
    """One step, reward 1 for action 1 and -1 for action 0: always 1, V = 1."""

    def step(self, action: int) -> Transition:
        return self.observe(), 1.0 if action == 1 else -1.0, True, False, {}


class TwoStepMatch(ObsReward):
    """Two steps, each showing a sign; an action is right if it is 1 where the sign is positive.

    What both actions earn, 1 or -1 each, is paid at the end, so the first one's worth shows only
    through the second observation's return. Matching everywhere, V = 2 gamma, and then 2 if the
    first was right.
    """

    def __init__(self) -> None:
        super().__init__()
        self.earned = 0.0

    def step(self, action: int) -> Transition:
        right = 1.0 if (action == 1) == (self.sign > 0.0) else -1.0
        if self.now == 0:
            self.now, self.earned = 1, right
            return self.observe(), 0.0, False, False, {}
        return self.observe(), self.earned + right, True, False, {}


class EndlessReward(Probe):
    """Reward 1 at every step, ended by nothing: V = 1 / (1 - gamma), whatever a time limit cuts."""

    def step(self, action: int) -> Transition:
        return self.observe(), 1.0, False, False, {}


class Stubborn(Probe):
    """Reward 1 at every step, ended by 30 equal actions in a row: a greedy policy ends it at once.

    A policy that draws its actions evenly would need a thousand million steps.
    """

    def __init__(self) -> None:
        super().__init__()
        self.last, self.equal = -1, 0

    def step(self, action: int) -> Transition:
        self.equal = self.equal + 1 if action == self.last else 1
        self.last = int(action)
        return self.observe(), 1.0, self.equal >= 30, False, {}


class Halved(gym.RewardWrapper[Any, Any]):
    """Rewards are half of what they were."""

    def reward(self, reward: Any) -> float:
        return 0.5 * float(reward)
