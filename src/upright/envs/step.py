"""One transition of N environments, and what every way of running them can do."""

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from upright.envs.codec import Codec
from upright.ground import Array, Bools, State
from upright.settings import Backend


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

    obs: Array
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
    """N environments stepped together, in rows; episodes derive from one seed.

    Attributes:
        num_envs: N.
        backend: How they run.
        kind: Of their `state`: whatever is of one kind restores what another of it recorded.
        replaces_final_obs: Whether an episode's last observation gives way to the next one's first.
        exact: Whether `restore` brings every episode to where it stood.
        observations: What rows of observations stand for.
        actions: Likewise, of actions.
        masks: Which actions are allowed at the observations to act on next, [N, P], an array that
            is replaced and never written to; None where the environments say nothing of it, or
            before the first reset.
    """

    num_envs: int
    backend: Backend
    kind: str
    replaces_final_obs: bool
    exact: bool
    observations: Codec
    actions: Codec
    masks: Bools | None

    def reset(self, seed: int | None = None) -> Array:
        """A new episode everywhere, from a new seed if one is given; observations [N, ...]."""

    def step(self, actions: Array) -> Step:
        """One action in every environment, of rows [N, ...]."""

    def restart(self, done: Bools, obs: Array) -> Array:
        """The observations to act on next, once the environments that are `done` were reset."""

    def state(self, unfinished: bool = True) -> State:
        """What `restore` needs; without the unfinished episodes where `reset` comes next anyway."""

    def restore(self, state: State, obs: Array | None) -> tuple[Array | None, Bools]:
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
