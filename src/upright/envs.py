"""Any Gymnasium environment behind one vector interface, over both reset modes.

`NextStepEnvs`: environments with a vector form of their own autoreset on the *next* step. After a
done row comes a row whose action is ignored and whose observation was the true final one before
it; `valid` is False there. `SyncEnvs` and `AsyncEnvs` never reset by themselves: `restart` resets
what is done, each episode from an explicit seed of its own.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import gymnasium as gym
import numpy as np
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, VectorEnv
from numpy.typing import NDArray

from upright.errors import UprightError, did_you_mean
from upright.seeding import derive_seed

EnvFactory = Callable[[], "gym.Env[Any, Any]"]
EnvSource = str | EnvFactory
Array = NDArray[Any]
Bools = NDArray[np.bool_]


class Step(NamedTuple):
    """One transition of every environment, arrays of shape [N, ...]."""

    obs: NDArray[np.float32]
    rewards: NDArray[np.float64]
    terminated: Bools
    truncated: Bools
    valid: Bools


class Envs(Protocol):
    """N environments stepped together; episodes derive from one seed."""

    num_envs: int
    backend: str
    replaces_final_obs: bool
    observation_space: gym.Space[Any]
    action_space: gym.Space[Any]

    def reset(self, seed: int | None = None) -> NDArray[np.float32]:
        """A new episode everywhere, from a new seed if one is given; observations [N, ...]."""

    def step(self, actions: Array) -> Step:
        """One action in every environment."""

    def restart(self, done: Bools, obs: NDArray[np.float32]) -> NDArray[np.float32]:
        """The observations to act on next, once the environments that are `done` were reset."""

    def close(self) -> None:
        """Release what the environments hold."""


class NextStepEnvs:
    """A vector environment that resets itself on the step after the done one."""

    backend = "vector"
    replaces_final_obs = False

    def __init__(self, vector: VectorEnv[Any, Any, Any], seed: int) -> None:
        self._vector, self._seed = vector, seed
        self.num_envs = vector.num_envs
        self.observation_space = vector.single_observation_space
        self.action_space = vector.single_action_space
        self._was_done = np.zeros(self.num_envs, np.bool_)
        self._fresh = True

    def reset(self, seed: int | None = None) -> NDArray[np.float32]:
        """A new episode everywhere; the generator is seeded once and then runs on."""
        if seed is not None:
            self._seed, self._fresh = seed, True
        obs, _ = self._vector.reset(seed=derive_seed(self._seed, 0) if self._fresh else None)
        self._fresh = False
        self._was_done = np.zeros(self.num_envs, np.bool_)
        return np.asarray(obs, np.float32)

    def step(self, actions: Array) -> Step:
        """One action in every environment; rows that are resetting come back not valid."""
        obs, rewards, terminated, truncated, _ = self._vector.step(actions)
        valid = ~self._was_done
        self._was_done = terminated | truncated
        return Step(obs.astype(np.float32, copy=False), rewards, terminated, truncated, valid)

    def restart(self, done: Bools, obs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Nothing to do: the next step resets."""
        return obs

    def close(self) -> None:
        """Release what the environments hold."""
        self._vector.close()


class _EpisodeSeeds:
    """Every episode's own seed, from the seed of all, the environment's index and a count."""

    def __init__(self, seed: int, num_envs: int) -> None:
        self._seed, self._count = seed, [0] * num_envs

    def draw(self, done: Bools) -> list[int | None]:
        """The seed of the next episode of each environment that is done, else None."""
        seeds: list[int | None] = [None] * len(done)
        for n in done.nonzero()[0].tolist():
            seeds[n] = derive_seed(self._seed, n, self._count[n])
            self._count[n] += 1
        return seeds


class SyncEnvs:
    """Environments stepped one after the other in this process."""

    backend = "sync"
    replaces_final_obs = True

    def __init__(self, envs: list[gym.Env[Any, Any]], seed: int) -> None:
        self._envs, self.num_envs = envs, len(envs)
        self._seeds = _EpisodeSeeds(seed, len(envs))
        self.observation_space = envs[0].observation_space
        self.action_space = envs[0].action_space
        self._shape = (self.num_envs, *(self.observation_space.shape or ()))
        self._everything = np.ones(self.num_envs, np.bool_)
        self._everything.flags.writeable = False

    def reset(self, seed: int | None = None) -> NDArray[np.float32]:
        """A new episode everywhere, each from its own seed."""
        if seed is not None:
            self._seeds = _EpisodeSeeds(seed, self.num_envs)
        return self.restart(self._everything, np.empty(self._shape, np.float32))

    def step(self, actions: Array) -> Step:
        """One action in every environment; a Discrete one is passed as an int, checked fastest."""
        plain = actions.tolist() if actions.ndim == 1 else actions
        obs, rewards = np.empty(self._shape, np.float32), np.empty(self.num_envs)
        terminated, truncated = np.empty(self.num_envs, np.bool_), np.empty(self.num_envs, np.bool_)
        for n, (env, action) in enumerate(zip(self._envs, plain, strict=True)):
            obs[n], rewards[n], terminated[n], truncated[n], _ = env.step(action)
        return Step(obs, rewards, terminated, truncated, self._everything)

    def restart(self, done: Bools, obs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Reset the environments that are done, each to the seed of its next episode."""
        fresh = obs.copy()
        for n, seed in enumerate(self._seeds.draw(done)):
            if seed is not None:
                fresh[n], _ = self._envs[n].reset(seed=seed)
        return fresh

    def close(self) -> None:
        """Release what the environments hold."""
        for env in self._envs:
            env.close()


class AsyncEnvs:
    """Environments stepped side by side in worker processes."""

    backend = "async"
    replaces_final_obs = True

    def __init__(self, vector: AsyncVectorEnv, seed: int) -> None:
        self._vector, self.num_envs = vector, vector.num_envs
        self._seeds = _EpisodeSeeds(seed, vector.num_envs)
        self.observation_space = vector.single_observation_space
        self.action_space = vector.single_action_space

    def reset(self, seed: int | None = None) -> NDArray[np.float32]:
        """A new episode everywhere, each from its own seed."""
        if seed is not None:
            self._seeds = _EpisodeSeeds(seed, self.num_envs)
        return self.restart(np.ones(self.num_envs, np.bool_), np.empty(0, np.float32))

    def step(self, actions: Array) -> Step:
        """One action in every environment."""
        obs, rewards, terminated, truncated, _ = self._vector.step(actions)
        valid = np.ones(self.num_envs, np.bool_)
        return Step(np.array(obs, np.float32), rewards, terminated, truncated, valid)

    def restart(self, done: Bools, obs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Reset the environments that are done, each to the seed of its next episode."""
        fresh, _ = self._vector.reset(seed=self._seeds.draw(done), options={"reset_mask": done})
        return np.array(fresh, np.float32)

    def close(self) -> None:
        """End the workers."""
        self._vector.close()


def make_env(env: EnvSource, **kwargs: Any) -> gym.Env[Any, Any]:
    """One environment from an id or from a factory.

    Raises:
        UprightError: Unknown id (with the nearest ones), or something it needs is not installed.
    """
    if not isinstance(env, str):
        return env()
    _spec(env)
    try:
        return gym.make(env, disable_env_checker=True, **kwargs)
    except (gym.error.Error, ImportError) as error:
        raise UprightError(f"Cannot make {env}: {error}", _install_hint(error)) from error


def make_envs(env: EnvSource, num_envs: int, seed: int, backend: str = "auto") -> Envs:
    """N environments behind one interface.

    Args:
        env: A Gymnasium id, or a function that returns a new environment.
        num_envs: N, at least 1.
        seed: Where all episodes of these environments derive from.
        backend: "vector" (a form of its own), "sync", "async", or "auto" for the fastest there is.

    Raises:
        UprightError: The environment cannot be made, or has no such backend.
    """
    if backend == "auto":
        backend = fastest_backend(env)
    if backend == "vector":
        if not isinstance(env, str) or not _has_vector_form(env):
            raise UprightError(f"{name_of(env)} has no vector form.", "Use the backend sync.")
        return NextStepEnvs(_make_vector(env, num_envs), seed)
    if backend == "async":
        factories = [lambda: make_env(env)] * num_envs
        return AsyncEnvs(AsyncVectorEnv(factories, autoreset_mode=AutoresetMode.DISABLED), seed)
    return SyncEnvs([make_env(env) for _ in range(num_envs)], seed)


def fastest_backend(env: EnvSource) -> str:
    """What "auto" stands for: an environment's own vector form, else one loop."""
    return "vector" if isinstance(env, str) and _has_vector_form(env) else "sync"


def _make_vector(env: str, num_envs: int) -> VectorEnv[Any, Any, Any]:
    try:
        return gym.make_vec(env, num_envs, vectorization_mode="vector_entry_point")
    except (gym.error.Error, ImportError) as error:
        raise UprightError(f"Cannot make {env}: {error}", _install_hint(error)) from error


def spec_of(env: EnvSource) -> gym.envs.registration.EnvSpec | None:
    """The registered specification of an environment (threshold, time limit), if it has one."""
    if isinstance(env, str):
        return _spec(env)
    made = env()
    try:
        return made.spec
    finally:
        made.close()


def reward_threshold(env: EnvSource) -> float | None:
    """The mean return from which the environment counts as solved, if it names one."""
    spec = spec_of(env)
    return None if spec is None else spec.reward_threshold


def name_of(env: EnvSource) -> str:
    """The id, or the factory's own name."""
    return env if isinstance(env, str) else getattr(env, "__name__", type(env).__name__)


def _spec(env: str) -> gym.envs.registration.EnvSpec:
    try:
        return gym.spec(env)
    except (gym.error.Error, ImportError, ValueError) as error:
        raise UprightError(
            f"There is no environment '{env}'.",
            did_you_mean(env, gym.registry, "`upright envs` lists what there is."),
        ) from error


def _has_vector_form(env: str) -> bool:
    entry_point = _spec(env).vector_entry_point
    if entry_point is None:
        return False
    try:
        loaded = (
            gym.envs.registration.load_env_creator(entry_point)
            if isinstance(entry_point, str)
            else entry_point
        )
    except (ImportError, AttributeError):
        return False
    metadata = getattr(loaded, "metadata", {})
    return bool(metadata.get("autoreset_mode") == AutoresetMode.NEXT_STEP)


def _install_hint(error: Exception) -> str:
    return "" if "pip install" in str(error) else "Install what it needs, then try again."
