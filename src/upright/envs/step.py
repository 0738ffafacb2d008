"""One transition of N environments, and what every way of running them can do."""

from typing import Any, Literal, NamedTuple, Protocol

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from upright.ground import Array, Bools, State

Backend = Literal["vector", "sync", "async"]


class Step(NamedTuple):
    """One transition of every environment, arrays of shape [N, ...], which the next may overwrite.

    Attributes:
        obs: What the environments show now.
        rewards: What they gave.
        terminated: Whether the task ended.
        truncated: Whether a limit outside the task was met.
        valid: False where this was no transition but a reset.
        any_done: Whether anything was terminated or truncated.
    """

    obs: NDArray[np.float32]
    rewards: NDArray[np.float64]
    terminated: Bools
    truncated: Bools
    valid: Bools
    any_done: bool

    @property
    def done(self) -> Bools:
        """Whether an episode ended."""
        return self.terminated | self.truncated


class Envs(Protocol):
    """N environments stepped together; episodes derive from one seed."""

    num_envs: int
    backend: Backend
    replaces_final_obs: bool
    exact: bool
    observation_space: gym.Space[Any]
    action_space: gym.Space[Any]

    def reset(self, seed: int | None = None) -> NDArray[np.float32]:
        """A new episode everywhere, from a new seed if one is given; observations [N, ...]."""

    def step(self, actions: Array) -> Step:
        """One action in every environment."""

    def restart(self, done: Bools, obs: NDArray[np.float32]) -> NDArray[np.float32]:
        """The observations to act on next, once the environments that are `done` were reset."""

    def state(self, unfinished: bool = True) -> State:
        """What `restore` needs; without the unfinished episodes where `reset` comes next anyway."""

    def restore(
        self, state: State, obs: NDArray[np.float32] | None
    ) -> tuple[NDArray[np.float32] | None, Bools]:
        """Bring every environment to where it stood.

        Args:
            state: What `state` gave.
            obs: The observations that were to be acted on next, [N, ...]; None where `reset` comes
                next.

        Returns:
            The observations to act on, and which environments, [N], arrived at another one than
            was recorded and therefore began a new episode.

        Raises:
            UprightError: The state is not one of these environments.
        """

    def close(self) -> None:
        """Release what the environments hold."""
