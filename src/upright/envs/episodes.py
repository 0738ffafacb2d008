"""Environments whose every episode has its own seed: with its actions, enough to play it again."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any

import gymnasium as gym
import numpy as np

from upright.envs.codec import Codec
from upright.envs.guard import Stand
from upright.ground import Array, Bools, State, UprightError, derive_seed


class SeededEnvs(ABC):
    """Single environments that never reset by themselves, each episode from its own seed.

    Args:
        like: An environment, for its spaces.
        num_envs: N.
        seed: What all seeds derive from, with the environment's index and a count.
        first: The number that people know the first of them by.
    """

    kind = "episodes"
    replaces_final_obs = True
    exact = True

    def __init__(self, like: gym.Env[Any, Any], num_envs: int, seed: int, first: int = 0) -> None:
        self.num_envs, self._first = num_envs, first
        self.observations, self.actions = Codec(like.observation_space), Codec(like.action_space)
        self.masks: Bools | None = None
        self._everything = np.ones(num_envs, np.bool_)
        self._everything.flags.writeable = False
        self._begin_anew(seed)

    def _begin_anew(self, seed: int) -> None:
        self._seed, self._counts = seed, [0] * self.num_envs
        self._actions: list[list[Any]] = [[] for _ in range(self.num_envs)]

    def reset(self, seed: int | None = None) -> Array:
        """A new episode everywhere, each from its own seed."""
        if seed is not None:
            self._begin_anew(seed)
        return self.restart(self._everything, self._room())

    def _room(self) -> Array:
        """An array for one observation of each environment."""
        return np.empty((self.num_envs, *self.observations.shape), self.observations.dtype)

    def restart(self, done: Bools, obs: Array) -> Array:
        """Reset the environments that are done, each to the seed of its next episode."""
        seeds: list[int | None] = [None] * self.num_envs
        for n in done.nonzero()[0].tolist():
            seeds[n] = derive_seed(self._seed, n, self._counts[n])
            self._counts[n] += 1
            self._actions[n] = []
        fresh = obs.copy()
        self._reset_into(fresh, seeds, done)
        return fresh

    def _allow(self, done: Bools, given: Sequence[Bools | None]) -> None:
        """Note what the environments that are done allow now, [P] each; None says nothing of it.

        Raises:
            UprightError: Some of them give masks and others do not.
        """
        if self.masks is None and all(mask is None for mask in given):
            return
        masks = None if self.masks is None else self.masks.copy()
        for n in done.nonzero()[0].tolist():
            mask = given[n]
            if mask is None:
                raise UprightError(
                    f"Environment {self._first + n} gives no action mask, and others do.",
                    "Give one everywhere, or train without: --mask off.",
                )
            masks = np.ones((self.num_envs, len(mask)), np.bool_) if masks is None else masks
            masks[n] = mask
        self.masks = masks

    def _acted(self, actions: Array) -> list[Any]:
        """One action in every environment, noted; a Discrete one as an int, checked fastest."""
        plain = actions.tolist() if actions.ndim == 1 else list(actions)
        for taken, action in zip(self._actions, plain, strict=True):
            taken.append(action)
        return plain

    def _current_seeds(self) -> list[int]:
        """The seed that each environment's present episode began from."""
        return [derive_seed(self._seed, n, count - 1) for n, count in enumerate(self._counts)]

    def state(self, unfinished: bool = True) -> State:
        """The counts, and the actions of the unfinished episodes where they are needed."""
        logs = self._actions if unfinished else [[] for _ in self._actions]
        flat, codec = [action for taken in logs for action in taken], self.actions
        arrays = {
            "counts": np.array(self._counts, np.int64),
            "lengths": np.array([len(taken) for taken in logs], np.int64),
            "actions": np.array(flat, codec.dtype).reshape(-1, *codec.shape),
        }
        if self.masks is not None and unfinished:
            arrays["masks"] = self.masks.copy()
        return State({"kind": self.kind, "unfinished": unfinished}, arrays)

    def restore(self, state: State, obs: Array | None) -> tuple[Array | None, Bools]:
        """Every unfinished episode played again."""
        lost = np.zeros(self.num_envs, np.bool_)
        if not self._recall(state) or obs is None:
            return None, lost
        known = "masks" in state.arrays
        recorded = state.array("masks", (self.num_envs, None), np.bool_) if known else None
        given: list[Bools | None] = []
        for n, stand in enumerate(self._replay(self._current_seeds())):
            shown, mask = stand or (None, None)
            given.append(mask)
            lost[n] = shown is None or shown.tobytes() != obs[n].tobytes()
            if recorded is not None and not lost[n]:
                lost[n] = mask is None or mask.tobytes() != recorded[n].tobytes()
        self._allow(~lost, given)
        return (self.restart(lost, obs) if lost.any() else obs), lost

    def _recall(self, state: State) -> bool:
        """Take over what `state` recorded; whether unfinished episodes are to be played again."""
        n, codec = self.num_envs, self.actions
        counts, lengths = (state.array(name, (n,), np.int64) for name in ("counts", "lengths"))
        actions = state.array("actions", (None, *codec.shape), codec.dtype)
        known = all(codec.space.contains(codec.value(row)) for row in actions)
        fits = known and sum(lengths.tolist()) == len(actions)
        if (counts < 0).any() or (lengths < 0).any() or not fits:
            raise UprightError("The recorded episodes do not fit together.")
        self._counts = counts.tolist()
        rows = actions.tolist() if actions.ndim == 1 else list(actions)
        ends = np.cumsum(lengths).tolist()
        self._actions = [
            rows[end - length : end] for end, length in zip(ends, lengths.tolist(), strict=True)
        ]
        return state.value("unfinished", bool) and bool((counts > 0).all())

    @abstractmethod
    def _reset_into(self, obs: Array, seeds: Sequence[int | None], done: Bools) -> None:
        """Reset the environments that are done to their seeds; their first observations to obs."""

    @abstractmethod
    def _replay(self, seeds: Sequence[int]) -> Iterable[Stand | None]:
        """Each environment's `Guard.replay` of its unfinished episode."""
