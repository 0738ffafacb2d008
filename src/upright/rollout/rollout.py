"""Rollout: what the environments and the policy did together. Collector: the act of doing it."""

from dataclasses import dataclass, fields
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from upright.ground import Array, Bools, State


class Episode(NamedTuple):
    """A finished episode."""

    episode_return: float
    length: int
    env_index: int


@dataclass(frozen=True)
class Rollout:
    """T steps of N environments; arrays on the CPU, time first.

    Attributes:
        obs: What was acted on, rows [T + 1, N, ...]; the last row was not yet acted on.
        actions: [T, N, ...].
        rewards: [T, N].
        terminated: The task ended at this step, [T, N].
        truncated: A limit outside the task was met at this step, [T, N].
        valid: False where the row is no transition (an autoreset, or past an environment's
            share of episodes), [T, N]. Such rows count nowhere.
        final_index: (t, n) of the truncated steps whose true next observation is not
            obs[t + 1, n], int [K, 2].
        final_obs: Those observations, [K, ...].
        episodes: The episodes that finished, in order of time.
        masks: Which actions were allowed, [T, N, P]; None where the environments did not say.
        log_probs: log pi(a|s) of the policy that acted, [T, N], where that is not the one that
            learns from it; None where it is.
        begun_anew: The environments whose episodes could not be gone on with, and began anew
            before the first row.
        notes: What happened while it was collected and changed nothing of it, in sentences.

    Example:
        >>> trainer = upright.Trainer("CartPole-v1", preset="default", num_envs=4, num_steps=32)
        >>> rollout = trainer.collector.collect()
        >>> rollout.obs.shape, rollout.rewards.shape
        ((33, 4, 4), (32, 4))
    """

    obs: Array
    actions: Array
    rewards: NDArray[np.floating]
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]
    valid: NDArray[np.bool_]
    final_index: NDArray[np.int64]
    final_obs: Array
    episodes: tuple[Episode, ...]
    masks: Bools | None = None
    log_probs: Array | None = None
    begun_anew: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def timesteps(self) -> int:
        """Environment transitions in this rollout."""
        return int(self.valid.sum())

    def arrays(self) -> dict[str, Array]:
        """Copies of its arrays, by name."""
        named = ((each.name, getattr(self, each.name)) for each in fields(self))
        return {name: value.copy() for name, value in named if isinstance(value, np.ndarray)}


class Collector(Protocol):
    """Anything that collects rollouts with the policy, as it is or as it was before it learned."""

    def collect(self) -> Rollout:
        """The next rollout."""

    def state(self) -> State:
        """What `restore` needs, between two rollouts."""

    def restore(self, state: State) -> list[int]:
        """Go on where `state` was taken; the environments whose episodes had to begin anew."""

    def close(self) -> None:
        """Release the environments."""
