"""EnvPool's environments, in C++ after Gymnasium's, which reset themselves on the next step."""

import warnings
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces

from upright.envs.codec import Codec
from upright.envs.sources import cannot_make, make_env
from upright.envs.step import Step
from upright.ground import Array, Bools, State, UprightError, derive_seed, raised
from upright.settings import Backend

NEVER = 2**31 - 2  # a time limit that no episode meets, and the next number is one too


def is_in_envpool(env: str) -> bool:
    """Whether EnvPool is installed and has an environment of this id."""
    try:
        return env in _envpool().list_all_envs()
    except ImportError:
        return False


class EnvPoolEnvs:
    """Environments of EnvPool's in its own threads; rows and spaces are Gymnasium's.

    EnvPool says only that an episode was truncated where the task also ended at the time limit.
    Here its limit is one step later and this class keeps the true one: what ends by then was
    terminated, and of an episode that was cut there is one more step, which is not valid.

    Args:
        env: An id that both have.
        num_envs: N.
        seed: Where all episodes derive from; every environment has a generator of its own.

    Raises:
        UprightError: EnvPool is missing, has no such environment, or has it with other spaces.
    """

    backend: Backend = "envpool"
    kind = "envpool"
    replaces_final_obs = False
    exact = False
    masks: Bools | None = None

    def __init__(self, env: str, num_envs: int, seed: int) -> None:
        self.num_envs = num_envs
        self._env, self._seed, self._anew, self._fresh = env, seed, 0, True
        like = make_env(env)
        self.observations, self.actions = Codec(like.observation_space), Codec(like.action_space)
        self._limit = (like.spec and like.spec.max_episode_steps) or NEVER
        like.close()
        try:
            known = _envpool().list_all_envs()
        except ImportError as error:
            raise cannot_make(env, error) from error
        if env not in known:
            raise UprightError(f"EnvPool has no {env}.", "Use the backend sync.")
        self._acts_as_it_is = isinstance(self.actions.space, spaces.Discrete)
        self._pool = self._made()
        try:
            self._refuse_other_spaces()
        except UprightError:
            self.close()
            raise

    def reset(self, seed: int | None = None) -> Array:
        """A new episode everywhere; the generators are seeded once and then run on."""
        if seed is not None:
            self._seed, self._fresh = seed, True
            self.close()
            self._pool = self._made()
        self._fresh = False
        obs, _ = self._pool.reset()
        return self.observations.rows(obs)

    def step(self, actions: Array) -> Step:
        """One action in every environment; rows that are resetting come back not valid."""
        taken = actions if self._acts_as_it_is else self.actions.values(actions)
        try:
            obs, rewards, ended, _, info = self._pool.step(taken)
        except Exception as error:
            raise UprightError(
                f"EnvPool's {self._env}: step() raised {raised(error)}.",
                "--backend sync runs Gymnasium's own.",
            ) from error
        elapsed = info["elapsed_step"]  # 0 where this was a reset
        valid = (elapsed > 0) & (elapsed <= self._limit)
        terminated, truncated = ended & valid, elapsed == self._limit
        any_done = bool(np.count_nonzero(terminated | truncated))
        counted = np.where(valid, rewards, 0.0).astype(np.float64)
        return Step(self.observations.rows(obs), counted, terminated, truncated, valid, any_done)

    def restart(self, done: Bools, obs: Array) -> Array:
        """Nothing to do: the next step resets."""
        return obs

    def state(self, unfinished: bool = True) -> State:
        """How often all episodes began anew; what is inside EnvPool nobody can read."""
        return State({"kind": self.kind, "anew": self._anew, "fresh": self._fresh})

    def restore(self, state: State, obs: Array | None) -> tuple[Array | None, Bools]:
        """All episodes anew, from other seeds than those of the beginning."""
        self._anew = state.count("anew") % 2**31
        if state.value("fresh", bool):
            return obs, np.zeros(self.num_envs, np.bool_)
        self._anew += 1
        return self.reset(self._seed), np.ones(self.num_envs, np.bool_)

    def close(self) -> None:
        """Release what the environments hold."""
        self._pool.close()

    def _made(self) -> Any:
        """A pool whose environments begin from seeds of their own."""
        seeds = [derive_seed(self._seed, self._anew, n) % 2**31 for n in range(self.num_envs)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of spaces that it rounds
            pool = _envpool().make_gymnasium(
                self._env,
                num_envs=self.num_envs,
                seed=seeds,
                max_episode_steps=self._limit + 1,
            )
            _ = pool.observation_space, pool.action_space  # made when first asked for, and kept
        return pool

    def _refuse_other_spaces(self) -> None:
        """Bounds of observations and number types are not asked for: some of EnvPool's are none."""
        theirs = (self._pool.observation_space, self._pool.action_space)
        ours = (self.observations.space, self.actions.space)
        alike = [_alike(*both) for both in zip(theirs, ours, strict=True)]
        if not all(alike) or not _have_same_bounds(theirs[1], ours[1]):
            raise UprightError(
                f"EnvPool's {self._env} has the spaces {theirs[0]} and {theirs[1]}, Gymnasium's "
                f"{ours[0]} and {ours[1]}.",
                "Use the backend sync.",
            )


def _envpool() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own affair
        import envpool
    return envpool


def _alike(one: gym.Space[Any], other: gym.Space[Any]) -> bool:
    """Whether both are a Box of one shape, or count alike."""
    if isinstance(one, spaces.Box) and isinstance(other, spaces.Box):
        return one.shape == other.shape
    return isinstance(one, spaces.Discrete | spaces.MultiDiscrete) and one == other


def _have_same_bounds(one: gym.Space[Any], other: gym.Space[Any]) -> bool:
    if not isinstance(one, spaces.Box) or not isinstance(other, spaces.Box):
        return True
    return np.array_equal(one.low, other.low) and np.array_equal(one.high, other.high)
