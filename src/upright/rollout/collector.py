"""Collecting in this process: steps, or whole episodes, into arrays that are there before them."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from upright.envs import Codec, Envs, Step
from upright.ground import (
    Array,
    Bools,
    State,
    UprightError,
    generator_state,
    memory_bytes,
    restore_generator,
)
from upright.rollout.rollout import Episode, Rollout

if TYPE_CHECKING:
    from upright.policy import Distribution, Policy

NOISE_ROWS, GIB = 64, 2**30
DRAW_BYTES = 12  # of one of an action's parameters, while it is drawn: float32, three times


class Store:
    """The rows of a rollout under way; there is room for some at first, and for more if needed.

    Args:
        obs: The observations to act on first, [N, ...].
        rows: For how many steps there is room.
        keeps_finals: Whether a final observation is kept aside, since a reset takes its place.
    """

    def __init__(self, obs: Array, rows: int, keeps_finals: bool) -> None:
        shape = (rows, len(obs))
        self._obs = np.empty((rows + 1, *obs.shape), obs.dtype)
        self._obs[0] = obs
        self._actions: Array = np.empty((rows, 0))
        self._rewards = np.empty(shape)
        self._terminated, self._truncated, self._valid = (np.empty(shape, np.bool_) for _ in "tuv")
        self._masks: Bools | None = None
        self._finals: list[tuple[tuple[int, int], Array]] = []
        self._keeps_finals, self.length = keeps_finals, 0

    @property
    def obs(self) -> Array:
        """What is to be acted on next, [N, ...]."""
        obs: Array = self._obs[self.length]
        return obs

    def add(self, actions: Array, step: Step, masks: Bools | None = None) -> None:
        """One transition of every environment, and what comes after it if nothing is reset."""
        t = self.length
        if t == 0:
            self._actions = np.empty((len(self._rewards), *actions.shape), actions.dtype)
            if masks is not None:
                self._masks = np.empty((len(self._rewards), *masks.shape), np.bool_)
        if t == len(self._rewards):
            self._grow()
        self._actions[t], self._rewards[t] = actions, step.rewards
        self._terminated[t], self._truncated[t] = step.terminated, step.truncated
        self._valid[t], self._obs[t + 1] = step.valid, step.obs
        if self._masks is not None:
            self._masks[t] = masks
        self.length = t + 1

    def end(self, step: Step, playing: Bools) -> None:
        """Keep the final observations of what the newest transition truncated, [N], of these."""
        if self._keeps_finals:
            cut = step.truncated & ~step.terminated & playing
            self._finals += [
                ((self.length - 1, int(n)), step.obs[n].copy()) for n in cut.nonzero()[0]
            ]

    def follow(self, obs: Array) -> None:
        """Go on from these observations, since something was reset."""
        self._obs[self.length] = obs

    def leave_out_from(self, row: Array) -> None:
        """Count nothing of environment n from row[n] on, [N]."""
        self._valid[: self.length] &= np.arange(self.length)[:, None] < row

    def rollout(self, finished: Callable[[Array, Array, Array], tuple[Episode, ...]]) -> Rollout:
        """All of it; `finished` tells its episodes from rewards, ends and `valid`, each [T, N]."""
        t, shape = self.length, self._obs.shape[2:]
        index = np.array([place for place, _ in self._finals], np.int64).reshape(-1, 2)
        finals = np.array([final for _, final in self._finals], self._obs.dtype).reshape(-1, *shape)
        played: list[Array] = [self._rewards, self._terminated, self._truncated, self._valid]
        rewards, terminated, truncated, valid = (rows[:t] for rows in played)
        episodes = finished(rewards, (terminated | truncated) & valid, valid)
        obs, actions = self._obs[: t + 1], self._actions[:t]
        masks = None if self._masks is None else self._masks[:t]
        return Rollout(
            obs, actions, rewards, terminated, truncated, valid, index, finals, episodes, masks
        )

    def _grow(self) -> None:
        """Room for as many rows again."""
        names = ("_obs", "_actions", "_rewards", "_terminated", "_truncated", "_valid")
        for name in names if self._masks is None else (*names, "_masks"):
            rows = getattr(self, name)
            more = np.empty((self.length, *rows.shape[1:]), rows.dtype)
            setattr(self, name, np.concatenate([rows, more]))


class LocalCollector:
    """What collects in this process.

    Args:
        envs: The environments.
        policy: Acts; read anew at each `collect`.
        rng: Source of the action noise.
        num_steps: T; 0 to collect whole episodes instead.
        episodes_per_env: The share of each environment where whole episodes are collected.

    Raises:
        UprightError: The machine has no memory for so many steps.
    """

    def __init__(
        self,
        envs: Envs,
        policy: "Policy",
        rng: np.random.Generator,
        num_steps: int,
        episodes_per_env: int = 1,
    ) -> None:
        refuse_too_large(envs.observations, policy.distribution, envs.num_envs, num_steps)
        self._envs, self._policy, self._rng = envs, policy, rng
        self._num_steps, self._share = num_steps, episodes_per_env
        self._obs: Array | None = None
        self._running_return: NDArray[np.floating] = np.zeros(envs.num_envs)
        self._running_length = np.zeros(envs.num_envs, np.int64)

    @np.errstate(over="ignore", invalid="ignore")  # numbers are checked once the rollout is whole
    def collect(self) -> Rollout:
        """The next T steps, or new episodes."""
        return self._steps() if self._num_steps else self._episodes()

    def _steps(self) -> Rollout:
        """T steps of every environment; episodes go on from one rollout to the next."""
        store = self._begin(self._num_steps)
        for noise in self._noise(self._num_steps):
            step = self._step(store, noise)
            if step.any_done:
                store.end(step, step.valid)
                store.follow(self._envs.restart(step.done, step.obs))
        self._obs = store.obs
        return store.rollout(self._finished)

    def _episodes(self) -> Rollout:
        """A share of whole episodes of every environment; what is played beyond is not valid."""
        self._obs = None
        store = self._begin(NOISE_ROWS)
        left = np.full(self._envs.num_envs, self._share)
        ends = np.zeros(self._envs.num_envs, np.int64)
        while left.any():
            for noise in self._noise(NOISE_ROWS):
                step = self._step(store, noise)
                if step.any_done:
                    done, playing = step.done, step.valid & (left > 0)
                    store.end(step, playing)
                    left -= done & playing
                    ends[done & playing] = store.length
                    if not left.any():
                        break
                    store.follow(self._envs.restart(done, step.obs))
        store.leave_out_from(ends)
        self._obs = None
        return store.rollout(self._finished)

    def _begin(self, rows: int) -> Store:
        """Room for a rollout, from where the episodes stand; new ones where none do."""
        if self._obs is None:
            self._obs = self._envs.reset()
            self._running_return[:] = self._running_length[:] = 0
        return Store(self._obs, rows, self._envs.replaces_final_obs)

    def _noise(self, rows: int) -> Array:
        return self._policy.distribution.noise(self._rng, (rows, self._envs.num_envs))

    def _step(self, store: Store, noise: Array) -> Step:
        """One step of every environment, stored."""
        masks = self._envs.masks
        actions = self._policy.act(store.obs, noise, masks)
        step = self._envs.step(self._policy.distribution.bounded(actions))
        store.add(actions, step, masks)
        return step

    def state(self) -> State:
        """Everything between two rollouts: the noise, the episodes and how far they are."""
        arrays: dict[str, Array] = {
            "running_return": self._running_return.copy(),
            "running_length": self._running_length.copy(),
        }
        if self._obs is not None:
            arrays["obs"] = self._obs.copy()
        own = State({"rng": generator_state(self._rng)}, arrays)
        envs = self._envs.state(unfinished=self._obs is not None)
        return State.joined({"collector": own, "envs": envs})

    def restore(self, state: State) -> list[int]:
        """Go on where `state` was taken; the environments whose episodes had to begin anew.

        Raises:
            UprightError: The state is not one of these environments.
        """
        own, n = state.part("collector"), self._envs.num_envs
        running_return = own.array("running_return", (n,), np.float64)
        running_length = own.array("running_length", (n,), np.int64)
        if (running_length < 0).any():
            raise UprightError("The recorded episodes have negative lengths.")
        restore_generator(self._rng, own.value("rng", dict))
        recorded = state.part("envs")
        if recorded.value("kind", str) == self._envs.kind:
            codec = self._envs.observations
            obs = own.array("obs", (n, *codec.shape), codec.dtype) if "obs" in own.arrays else None
            self._obs, lost = self._envs.restore(recorded, obs)
        else:  # a vector form's state says nothing to single environments, nor theirs to it
            self._obs, lost = self._envs.reset(), np.ones(n, np.bool_)
        self._running_return = np.where(lost, 0.0, running_return)
        self._running_length = np.where(lost, 0, running_length)
        return list(lost.nonzero()[0].tolist())

    def close(self) -> None:
        """Release the environments."""
        self._envs.close()

    def _finished(self, rewards: Array, done: Array, valid: Array) -> tuple[Episode, ...]:
        """The episodes that ended in these steps; what has not ended is carried over."""
        returns = np.cumsum(rewards * valid, axis=0) + self._running_return
        lengths = np.cumsum(valid, axis=0) + self._running_length
        spent_return = np.zeros(len(self._running_return))
        spent_length = np.zeros(len(self._running_length), np.int64)
        episodes = []
        for t, n in np.argwhere(done):
            episode_return = float(returns[t, n] - spent_return[n])
            episodes.append(Episode(episode_return, int(lengths[t, n] - spent_length[n]), int(n)))
            spent_return[n], spent_length[n] = returns[t, n], lengths[t, n]
        self._running_return = returns[-1] - spent_return
        self._running_length = lengths[-1] - spent_length
        return tuple(episodes)


def refuse_too_large(
    observations: Codec, distribution: "Distribution", num_envs: int, num_steps: int
) -> None:
    """Refuse a rollout whose observations, or whose draws, are more than the machine's memory.

    Raises:
        UprightError: They are.
    """
    rows, choices = (num_steps + 1) * num_envs, distribution.num_params
    _refuse_beyond_memory(
        rows * math.prod(observations.shape) * observations.dtype.itemsize,
        "The observations of one rollout are",
        "Say fewer num_steps or num_envs, or make the observations smaller.",
    )
    _refuse_beyond_memory(
        min(rows, NOISE_ROWS * num_envs) * choices * DRAW_BYTES,
        f"Drawing actions, each out of {choices:,} numbers, takes",
        "Say the actions in fewer numbers (a Box, or a MultiDiscrete).",
    )


def _refuse_beyond_memory(size: int, what: str, hint: str) -> None:
    memory = memory_bytes()
    if memory is not None and size > memory:
        raise UprightError(
            f"{what} {size / GIB:,.1f} GiB, and this machine has {memory / GIB:,.1f} GiB of "
            "memory.",
            hint,
        )
