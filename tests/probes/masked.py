"""Environments of a few steps that forbid actions; the best return with masks is known: 3."""

from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
from gymnasium import spaces

STEPS = 3


class Forbidding(gym.Env[Any, Any]):
    """Three steps; each forbids one of three actions, and the least allowed one pays 1.

    A forbidden action ends the episode with -1. The observation does not say what is forbidden, so
    without the mask no policy knows: it is `forbidden`, drawn at each step.
    """

    action_space: spaces.Space[Any] = spaces.Discrete(3, start=5)
    taken_forbidden: ClassVar[list[Any]] = []

    def __init__(self) -> None:
        self.observation_space = spaces.Box(0.0, 1.0, (2,), np.float32)
        self.forbidden, self.now = 0, 0

    def mask(self) -> Any:
        return (np.arange(3) != self.forbidden).astype(np.int8)

    def is_forbidden(self, action: Any) -> bool:
        return bool(action - 5 == self.forbidden)

    def best(self) -> Any:
        return 5 + int(self.forbidden == 0)

    def shown(self) -> tuple[Any, dict[str, Any]]:
        self.forbidden = int(self.np_random.integers(3))
        info = {"action_mask": self.mask()} if self.now < STEPS else {}
        return np.array([1.0, self.now / STEPS], np.float32), info

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.now = 0
        return self.shown()

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        if self.is_forbidden(action):
            self.taken_forbidden.append(action)
            return self.shown()[0], -1.0, True, False, {"action_mask": np.zeros(3, np.int8)}
        reward = float(np.array_equal(action, self.best()))
        self.now += 1
        obs, info = self.shown()
        return obs, reward, self.now == STEPS, False, info


class ForbiddingTwo(Forbidding):
    """The same with two numbers, of which the second is forbidden to be 1 where the first may be 0.

    It says so by the method `action_masks()`, in Stable-Baselines3-contrib's manner.
    """

    action_space = spaces.MultiDiscrete([3, 2], start=[1, -1])

    def action_masks(self) -> Any:
        return np.concatenate([super().mask(), self.second()])

    def second(self) -> Any:
        return np.array([1, int(self.forbidden == 0)], np.int8)

    def is_forbidden(self, action: Any) -> bool:
        return bool(action[0] - 1 == self.forbidden or not self.second()[action[1] + 1])

    def best(self) -> Any:
        return np.array([1 + int(self.forbidden == 0), -1])

    def shown(self) -> tuple[Any, dict[str, Any]]:
        return super().shown()[0], {}


class ForbiddingParts(ForbiddingTwo):
    """The same, said by an array for each number."""

    def mask(self) -> Any:
        return super().mask(), self.second()

    def shown(self) -> tuple[Any, dict[str, Any]]:
        obs, _ = super().shown()
        return obs, {"action_mask": self.mask()} if self.now < STEPS else {}

    def action_masks(self) -> Any:
        raise AssertionError("info goes first")


MASKED = (Forbidding, ForbiddingTwo, ForbiddingParts)
