"""Which episode each environment is in, and what was done in it: enough to play it again."""

from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np

from upright.ground import Bools, State, UprightError, derive_seed


class Episodes:
    """Every episode's own seed, and the actions since it began.

    Args:
        seed: What all seeds derive from, with the environment's index and a count.
        num_envs: N.
    """

    def __init__(self, seed: int, num_envs: int) -> None:
        self._seed, self._counts = seed, [0] * num_envs
        self.actions: list[list[Any]] = [[] for _ in range(num_envs)]

    def begin(self, done: Bools) -> list[int | None]:
        """The seed of the next episode of each environment that is done, else None."""
        seeds: list[int | None] = [None] * len(done)
        for n in done.nonzero()[0].tolist():
            seeds[n] = derive_seed(self._seed, n, self._counts[n])
            self._counts[n] += 1
            self.actions[n] = []
        return seeds

    def acted(self, actions: Sequence[Any]) -> None:
        """One action in every environment."""
        for taken, action in zip(self.actions, actions, strict=True):
            taken.append(action)

    def current_seeds(self) -> list[int]:
        """The seed that each environment's present episode began from."""
        return [derive_seed(self._seed, n, count - 1) for n, count in enumerate(self._counts)]

    def state(self, space: gym.Space[Any], unfinished: bool) -> State:
        """The counts, and the actions of the unfinished episodes where they are needed."""
        logs = self.actions if unfinished else [[] for _ in self.actions]
        flat = [action for taken in logs for action in taken]
        return State(
            {"kind": "episodes", "unfinished": unfinished},
            {
                "counts": np.array(self._counts, np.int64),
                "lengths": np.array([len(taken) for taken in logs], np.int64),
                "actions": np.array(flat, space.dtype).reshape(-1, *(space.shape or ())),
            },
        )

    def restore(self, state: State, space: gym.Space[Any]) -> bool:
        """Take over what `state` recorded; whether unfinished episodes are to be played again.

        Raises:
            UprightError: The record is not valid, or is of another number of environments.
        """
        n, shape = len(self._counts), space.shape or ()
        counts, lengths = (state.array(name, (n,), np.int64) for name in ("counts", "lengths"))
        actions = state.array("actions", (None, *shape), space.dtype or np.int64)
        if (counts < 0).any() or (lengths < 0).any() or sum(lengths.tolist()) != len(actions):
            raise UprightError("The recorded episodes do not fit together.")
        self._counts = counts.tolist()
        rows = actions.tolist() if actions.ndim == 1 else list(actions)
        ends = np.cumsum(lengths).tolist()
        self.actions = [
            rows[end - length : end] for end, length in zip(ends, lengths.tolist(), strict=True)
        ]
        return state.value("unfinished", bool) and bool((counts > 0).all())
