"""Rewards as the algorithm sees them: divided by a running deviation, scaled, clipped."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from upright.ground import State, UprightError, merged_moments
from upright.rollout import Rollout
from upright.settings import Settings

# What is below so small a part of the mean is rounding: such returns are all the same.
ALL_EQUAL = 1e-12


class Rewards:
    """What a rollout's rewards become before advantages and returns are made of them.

        R_t  = r_t + gamma * (1 - done_{t-1}) * R_{t-1}      of each environment
        r'_t = clip(reward_scale * r_t / deviation(R), -clip_rewards, clip_rewards)

    R is the discounted sum of the rewards so far in the episode, and its deviation that of all R
    seen, this rollout's among them. The mean is never subtracted: that would change which episode
    length is best. While all R are equal, nothing is divided. Engstrom et al., "Implementation
    Matters in Deep Policy Gradients" (2020), section 3; Huang et al., "The 37 Implementation
    Details of PPO" (2022), on continuous actions.

    Values, returns and the value loss are in units of r' then; what is collected, reported and
    evaluated stays in units of r. `value_scale` is another thing: it changes the units of the
    critic's output alone, not what is learned from. With standardised advantages a `reward_scale`
    of 1 / s does to the weights what a `value_scale` of s does, and V keeps its meaning with the
    latter.

    Args:
        settings: The algorithm's own.
    """

    def __init__(self, settings: Settings) -> None:
        self._gamma, self._normalizes = settings.gamma, settings.normalize_rewards
        self._scale, self._clip = settings.reward_scale, settings.clip_rewards
        self._goes_on = settings.rollout_steps > 0
        self._running = np.zeros(settings.num_envs)
        self._count, self._mean, self._variance = 0, 0.0, 0.0

    def __call__(self, rollout: Rollout) -> Rollout:
        """The rollout with the rewards that the algorithm sees, [T, N]."""
        rewards: NDArray[np.floating] = rollout.rewards
        if self._normalizes:
            seen = self._running_returns(rollout)[rollout.valid]
            self._count, *moments = merged_moments(self._count, self._mean, self._variance, seen)
            self._mean, self._variance = map(float, moments)
            rewards = rewards / self._deviation
        rewards = rewards * self._scale
        if self._clip > 0.0:
            rewards = rewards.clip(-self._clip, self._clip)
        return replace(rollout, rewards=rewards)

    @property
    def _deviation(self) -> float:
        """The deviation of R; 1 while it has none but for rounding."""
        differ = self._variance > ALL_EQUAL * self._mean**2
        return math.sqrt(self._variance) if differ else 1.0

    def _running_returns(self, rollout: Rollout) -> NDArray[np.float64]:
        """R_t, [T, N]; rows that are no transition repeat what was before them."""
        running = self._running if self._goes_on else np.zeros_like(self._running)
        # R is carried over a row that is none, and begins anew after a done one.
        decay = np.where(rollout.valid, self._gamma, 1.0)
        rewards = rollout.rewards * rollout.valid
        goes_on = ~(rollout.valid & (rollout.terminated | rollout.truncated))
        returns = np.empty(rewards.shape)
        for t, reward in enumerate(rewards):
            returns[t] = running = decay[t] * running + reward
            running = running * goes_on[t]
        self._running = running
        return returns

    def begin_anew(self, envs: Sequence[int]) -> None:
        """These environments' episodes begin again, with nothing earned yet."""
        self._running[list(envs)] = 0.0

    def state(self) -> State:
        """The statistics, and what each environment has earned so far in its episode."""
        statistics = {"count": self._count, "mean": self._mean, "variance": self._variance}
        return State(statistics, {"running": self._running.copy()})

    def restore(self, state: State) -> None:
        """Go on where `state` was taken.

        Raises:
            UprightError: It is none of these settings.
        """
        self._running = state.array("running", self._running.shape, np.float64).copy()
        self._count, self._mean = state.count("count"), state.value("mean", float)
        self._variance = state.value("variance", float)
        if not (self._variance >= 0.0 and math.isfinite(self._variance + self._mean)):
            raise UprightError("The recorded state has no valid 'variance'.")


def rewards_of(settings: Settings) -> Rewards | None:
    """What the settings make of rewards; None where they leave them as they are."""
    changes = settings.normalize_rewards or settings.reward_scale != 1.0 or settings.clip_rewards
    return Rewards(settings) if changes else None
