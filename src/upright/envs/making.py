"""N environments behind one interface, by the fastest way that there is."""

from typing import Any

import gymnasium as gym
from gymnasium.vector import AutoresetMode, VectorEnv

from upright.envs.local import SyncEnvs
from upright.envs.sources import EnvSource, install_hint, is_code, make_env, name_of, spec_of
from upright.envs.step import Envs
from upright.envs.vector import NextStepEnvs
from upright.envs.workers import AsyncEnvs
from upright.ground import UprightError


def make_envs(
    env: EnvSource, num_envs: int, seed: int, backend: str = "auto", timeout: float = 60.0
) -> Envs:
    """N environments behind one interface.

    Args:
        env: What names or makes the environment.
        num_envs: N, at least 1.
        seed: Where all episodes of these environments derive from.
        backend: "vector" (a form of its own), "sync", "async", or "auto" for the fastest there is.
        timeout: Seconds after which a worker process that does not answer counts as hung.

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
        return AsyncEnvs(env, num_envs, seed, timeout)
    return SyncEnvs([make_env(env) for _ in range(num_envs)], seed)


def fastest_backend(env: EnvSource) -> str:
    """What "auto" stands for: an environment's own vector form, else one loop."""
    return "vector" if isinstance(env, str) and _has_vector_form(env) else "sync"


def _make_vector(env: str, num_envs: int) -> VectorEnv[Any, Any, Any]:
    try:
        return gym.make_vec(env, num_envs, vectorization_mode="vector_entry_point")
    except (gym.error.Error, ImportError) as error:
        raise UprightError(f"Cannot make {env}: {error}", install_hint(error)) from error


def _has_vector_form(env: str) -> bool:
    if is_code(env):
        return False
    spec = spec_of(env)
    entry_point = None if spec is None else spec.vector_entry_point
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
