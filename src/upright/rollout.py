"""Rollout: what the environments and the policy did together. Collector: the act of doing it."""

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from upright.envs import Envs, Step
from upright.policy import Policy
from upright.state import State, generator_state, restore_generator

Array = NDArray[Any]
NOISE_ROWS = 64


class Episode(NamedTuple):
    """A finished episode."""

    episode_return: float
    length: int
    env_index: int


@dataclass(frozen=True)
class Rollout:
    """T steps of N environments; arrays on the CPU, time first.

    Attributes:
        obs: What was acted on, float32 [T + 1, N, ...]; the last row was not yet acted on.
        actions: [T, N, ...].
        rewards: [T, N].
        terminated: The task ended at this step, [T, N].
        truncated: A limit outside the task was met at this step, [T, N].
        valid: False where the row is no transition (an autoreset, or past an environment's
            share of episodes), [T, N]. Such rows count nowhere.
        final_index: (t, n) of the truncated steps whose true next observation is not
            obs[t + 1, n], int [K, 2].
        final_obs: Those observations, float32 [K, ...].
        episodes: The episodes that finished, in order of time.
    """

    obs: NDArray[np.float32]
    actions: Array
    rewards: NDArray[np.floating]
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]
    valid: NDArray[np.bool_]
    final_index: NDArray[np.int64]
    final_obs: NDArray[np.float32]
    episodes: tuple[Episode, ...]

    @property
    def timesteps(self) -> int:
        """Environment transitions in this rollout."""
        return int(self.valid.sum())


class Collector(Protocol):
    """Anything that collects rollouts with the current policy."""

    def collect(self) -> Rollout:
        """The next rollout."""

    def state(self) -> State:
        """What `restore` needs, between two rollouts."""

    def restore(self, state: State) -> list[int]:
        """Go on where `state` was taken; the environments whose episodes had to begin anew."""

    def close(self) -> None:
        """Release the environments."""


class LocalCollector:
    """Collects in this process.

    Args:
        envs: The environments.
        policy: Acts; read anew at each `collect`.
        rng: Source of the action noise.
        num_steps: T; 0 to collect whole episodes instead.
        episodes_per_env: The share of each environment where whole episodes are collected.
    """

    def __init__(
        self,
        envs: Envs,
        policy: Policy,
        rng: np.random.Generator,
        num_steps: int,
        episodes_per_env: int = 1,
    ) -> None:
        self._envs, self._policy, self._rng = envs, policy, rng
        self._num_steps, self._share = num_steps, episodes_per_env
        self._obs: NDArray[np.float32] | None = None
        self._running_return: NDArray[np.floating] = np.zeros(envs.num_envs)
        self._running_length = np.zeros(envs.num_envs, np.int64)

    @np.errstate(over="ignore", invalid="ignore")  # numbers are checked once the rollout is whole
    def collect(self) -> Rollout:
        """T steps of every environment, or its share of whole episodes."""
        if self._num_steps == 0 or self._obs is None:
            self._obs = self._envs.reset()
            self._running_return[:] = self._running_length[:] = 0
        act, whole_episodes = self._policy.behaviour(), self._num_steps == 0
        shape = (self._num_steps or NOISE_ROWS, self._envs.num_envs)
        all_obs: list[NDArray[np.float32]] = [self._obs]
        all_actions: list[Array] = []
        steps: list[Step] = []
        valid: list[NDArray[np.bool_]] = []
        finals: list[tuple[tuple[int, int], NDArray[np.float32]]] = []
        left = np.full(self._envs.num_envs, self._share)
        playing, complete = left > 0, False
        while not complete:
            t = len(steps)
            if t % shape[0] == 0:
                noise = self._policy.distribution.noise(self._rng, shape)
            actions = act(all_obs[-1], noise[t % shape[0]])
            step = self._envs.step(actions)
            valid.append(step.valid & playing)
            obs, done = step.obs, step.terminated | step.truncated
            complete = t + 1 == self._num_steps
            if np.count_nonzero(done):
                finals += self._final_obs(t, step, valid[-1])
                if whole_episodes:
                    left -= done & valid[-1]
                    playing = left > 0
                    complete = not playing.any()
                if not (whole_episodes and complete):
                    obs = self._envs.restart(done, obs)
            all_obs.append(obs)
            all_actions.append(actions)
            steps.append(step)
        self._obs = all_obs[-1]
        return self._rollout(all_obs, all_actions, steps, valid, finals)

    def state(self) -> State:
        """Everything between two rollouts: the noise, the episodes and how far they are."""
        whole = self._num_steps == 0 or self._obs is None
        arrays = {"running_return": self._running_return, "running_length": self._running_length}
        if not whole and self._obs is not None:
            arrays["obs"] = self._obs
        own = State(
            {"rng": generator_state(self._rng)},
            {name: array.copy() for name, array in arrays.items()},
        )
        return State.joined({"collector": own, "envs": self._envs.state(unfinished=not whole)})

    def restore(self, state: State) -> list[int]:
        """Go on where `state` was taken; the environments whose episodes had to begin anew.

        Raises:
            UprightError: The state is not one of these environments.
        """
        own, n = state.part("collector"), self._envs.num_envs
        space = self._envs.observation_space
        obs = None
        if "obs" in own.arrays and self._num_steps:
            obs = own.array("obs", (n, *(space.shape or ())), np.float32)
        running_return = own.array("running_return", (n,), np.float64)
        running_length = own.array("running_length", (n,), np.int64)
        restore_generator(self._rng, own.value("rng", dict))
        recorded = state.part("envs")
        if (recorded.value("kind", str) == "vector") == (self._envs.backend == "vector"):
            self._obs, lost = self._envs.restore(recorded, obs)
        else:  # a vector form's state says nothing to single environments, nor theirs to it
            self._obs, lost = self._envs.reset(), np.ones(n, np.bool_)
        self._running_return = np.where(lost, 0.0, running_return)
        self._running_length = np.where(lost, 0, running_length)
        return [int(n) for n in lost.nonzero()[0]]

    def close(self) -> None:
        """Release the environments."""
        self._envs.close()

    def _final_obs(
        self, t: int, step: Step, valid: NDArray[np.bool_]
    ) -> list[tuple[tuple[int, int], NDArray[np.float32]]]:
        if not self._envs.replaces_final_obs:
            return []
        cut = step.truncated & ~step.terminated & valid
        return [((t, int(n)), step.obs[n]) for n in cut.nonzero()[0]]

    def _rollout(
        self,
        all_obs: list[NDArray[np.float32]],
        all_actions: list[Array],
        steps: list[Step],
        all_valid: list[NDArray[np.bool_]],
        finals: list[tuple[tuple[int, int], NDArray[np.float32]]],
    ) -> Rollout:
        obs, valid = _stacked(all_obs), _stacked(all_valid)
        rewards = _stacked([step.rewards for step in steps])
        terminated = _stacked([step.terminated for step in steps])
        truncated = _stacked([step.truncated for step in steps])
        return Rollout(
            obs,
            _stacked(all_actions),
            rewards,
            terminated,
            truncated,
            valid,
            np.array([index for index, _ in finals], np.int64).reshape(-1, 2),
            np.array([final for _, final in finals], np.float32).reshape(-1, *obs.shape[2:]),
            self._finished(rewards, (terminated | truncated) & valid, valid),
        )

    def _finished(self, rewards: Array, done: Array, valid: Array) -> tuple[Episode, ...]:
        """The episodes that ended in these steps; what has not ended is carried over."""
        returns = np.cumsum(rewards * valid, axis=0) + self._running_return
        lengths = np.cumsum(valid, axis=0) + self._running_length
        spent_return = np.zeros(len(self._running_return))
        spent_length = np.zeros(len(self._running_length), np.int64)
        episodes = []
        for t, n in np.argwhere(done):
            episodes.append(
                Episode(
                    float(returns[t, n] - spent_return[n]),
                    int(lengths[t, n] - spent_length[n]),
                    int(n),
                )
            )
            spent_return[n], spent_length[n] = returns[t, n], lengths[t, n]
        self._running_return = returns[-1] - spent_return
        self._running_length = lengths[-1] - spent_length
        return tuple(episodes)


def _stacked(rows: list[Array]) -> Array:
    """[T, N, ...] from T rows [N, ...]; `np.stack` looks at every row and takes longer."""
    return np.concatenate(rows).reshape(len(rows), *rows[0].shape)
