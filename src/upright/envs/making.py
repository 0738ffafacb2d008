"""N environments behind one interface, by the fastest way that there is."""

from collections.abc import Iterable
from contextlib import suppress
from copy import copy, deepcopy
from typing import Any

import gymnasium as gym
from gymnasium.vector import AutoresetMode

from upright.envs.composition import EnvSource, in_full, is_code, name_of
from upright.envs.local import SyncEnvs
from upright.envs.masks import Mask
from upright.envs.sources import (
    arguments_of,
    cannot_make,
    is_gymnasiums_own,
    make_env,
    spec_of,
)
from upright.envs.step import Envs
from upright.envs.vector import NextStepEnvs
from upright.envs.workers import AsyncEnvs
from upright.ground import UprightError


def make_envs(
    env: EnvSource,
    num_envs: int,
    seed: int,
    backend: str = "auto",
    timeout: float = 60.0,
    mask: Mask = "auto",
) -> Envs:
    """N environments behind one interface.

    Args:
        env: What names or makes the environment.
        num_envs: N, at least 1.
        seed: Where all episodes of these environments derive from.
        backend: "vector" (a form of its own), "sync", "async", or "auto" for the fastest there is.
        timeout: Seconds after which a worker process that does not answer counts as hung.
        mask: Whether the environments are asked which actions they allow, "auto" or "off".

    Raises:
        UprightError: The environment cannot be made, or has no such backend.
    """
    if backend == "auto":
        backend = fastest_backend(env)
    if backend == "vector":
        whole = in_full(env)
        if not isinstance(whole.base, str) or fastest_backend(env) != "vector":
            how = (
                " in a wrapper" if whole.wrappers else " with these arguments" * bool(whole.kwargs)
            )
            raise UprightError(f"{name_of(env)}{how} has no vector form.", "Use the backend sync.")
        mode, kwargs = "vector_entry_point", deepcopy(dict(whole.kwargs))
        try:
            vector = gym.make_vec(whole.base, num_envs, vectorization_mode=mode, **kwargs)
        except Exception as error:
            raise cannot_make(env, error) from error
        envs: Envs = NextStepEnvs(vector, seed, mask)
        _take_unasked(env, [vector])
        return envs
    if backend == "async":
        return AsyncEnvs(env, num_envs, seed, timeout, mask)
    made = [make_env(env) for _ in range(num_envs)]
    envs = SyncEnvs(made, seed, mask)
    _take_unasked(env, made)
    return envs


def _take_unasked(env: EnvSource, made: Iterable[Any]) -> None:
    """Let Gymnasium's own environments not ask whether an action is in their space: it is.

    CartPole spends a third of a step on the question. The spaces that others see still answer it.
    """
    if not is_gymnasiums_own(env):
        return
    for each in made:
        space = copy(each.unwrapped.action_space)
        space.__dict__["contains"] = _anything
        each.unwrapped.action_space = space


def _anything(action: object) -> bool:
    return True


def fastest_backend(env: EnvSource) -> str:
    """What "auto" stands for: an environment's own vector form, else one loop.

    The form is for bare environments, and does not always take what a single one takes.
    """
    whole = in_full(env)
    if whole.wrappers or is_code(env) or not isinstance(whole.base, str):
        return "sync"
    spec = spec_of(env)
    maker: Any = None if spec is None else spec.vector_entry_point
    with suppress(ImportError, AttributeError):
        if isinstance(maker, str):
            maker = gym.envs.registration.load_env_creator(maker)
    mode = getattr(maker, "metadata", {}).get("autoreset_mode")
    if mode != AutoresetMode.NEXT_STEP or not {*whole.kwargs} <= {*arguments_of(maker)}:
        return "sync"
    return "vector"
