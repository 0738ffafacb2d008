"""N environments behind one interface, by the fastest way that there is."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from copy import copy, deepcopy
from dataclasses import dataclass
from typing import Any, Protocol

import gymnasium as gym
from gymnasium.vector import AutoresetMode

from upright.envs.atari import is_atari
from upright.envs.composition import Composed, EnvSource, in_full, is_code, name_of
from upright.envs.envpool import EnvPoolEnvs, is_in_envpool
from upright.envs.local import SyncEnvs
from upright.envs.masks import Mask
from upright.envs.refusals import arguments_of
from upright.envs.sources import (
    cannot_make,
    is_gymnasiums_own,
    make_env,
    refuse_shared,
    spec_of,
)
from upright.envs.step import Envs
from upright.envs.vector import RESTORABLE, NextStepEnvs
from upright.ground import UprightError
from upright.settings import Backend

# An argument of gym.make, which takes -1 for none.
TIME_LIMIT = "max_episode_steps"


def make_envs(
    env: EnvSource,
    num_envs: int,
    seed: int,
    backend: str = "auto",
    mask: Mask = "auto",
    first: int = 0,
) -> Envs:
    """N environments behind one interface.

    Args:
        env: What names or makes the environment.
        num_envs: N, at least 1.
        seed: Where all episodes of these environments derive from.
        backend: One of `BACKENDS`, or "auto" for `fastest_backend`.
        mask: Whether the environments are asked which actions they allow, "auto" or "off".
        first: The number that messages call the first of them by, where they are some of many.

    Raises:
        UprightError: The environment cannot be made, or has no such backend.
    """
    name: Any = fastest_backend(env) if backend == "auto" else backend
    return BACKENDS[name].make(env, num_envs, seed, mask, first)


def _vector(env: EnvSource, num_envs: int, seed: int, mask: Mask, first: int) -> Envs:
    whole = in_full(env)
    if not isinstance(whole.base, str) or not _has_vector_form(env):
        named = name_of(env) + _surroundings(whole)
        raise UprightError(f"{named} has no vector form.", "Use the backend sync.")
    mode, kwargs = "vector_entry_point", deepcopy(dict(whole.kwargs))
    try:
        vector = gym.make_vec(whole.base, num_envs, vectorization_mode=mode, **kwargs)
    except Exception as error:
        raise cannot_make(env, error) from error
    envs = NextStepEnvs(vector, seed, mask)
    _take_unasked(env, [vector])
    return envs


def _sync(env: EnvSource, num_envs: int, seed: int, mask: Mask, first: int) -> Envs:
    made = [make_env(env) for _ in range(num_envs)]
    refuse_shared(made, env)
    envs = SyncEnvs(made, seed, mask, first)
    _take_unasked(env, made)
    return envs


def _envpool(env: EnvSource, num_envs: int, seed: int, mask: Mask, first: int) -> Envs:
    name = _bare_id(env)
    if not name:
        named = name_of(env) + _surroundings(in_full(env))
        raise UprightError(
            f"EnvPool has Gymnasium's own environments only, not {named}.", "Use the backend sync."
        )
    return EnvPoolEnvs(name, num_envs, seed)


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


def _vector_form(env: EnvSource) -> Any:
    """What Gymnasium makes many of it with at once, and resets on the next step; or None.

    The form is for bare environments, and does not always take what a single one takes.
    """
    whole = in_full(env)
    if whole.wrappers or whole.frames > 1 or is_atari(whole.base) or is_code(env):
        return None
    if not isinstance(whole.base, str):
        return None
    spec = spec_of(env)
    maker: Any = None if spec is None else spec.vector_entry_point
    with suppress(Exception, SystemExit):
        if isinstance(maker, str):
            maker = gym.envs.registration.load_env_creator(maker)
    mode = getattr(maker, "metadata", {}).get("autoreset_mode")
    taken = {*arguments_of(maker)}
    if mode != AutoresetMode.NEXT_STEP or not {*whole.kwargs} <= taken:
        return None
    limit = whole.kwargs.get(TIME_LIMIT, None if spec is None else spec.max_episode_steps)
    has_limit = type(limit) is int and limit > 0  # without one it takes a limit of its own
    return maker if has_limit or TIME_LIMIT not in taken else None


def _has_vector_form(env: EnvSource) -> bool:
    return _vector_form(env) is not None


def _has_restorable_form(env: EnvSource) -> bool:
    return _vector_form(env) in RESTORABLE


def _surroundings(whole: Composed) -> str:
    """What is around an environment or goes into it, to be read after its name; else nothing."""
    if whole.wrappers:
        return " in a wrapper"
    if whole.frames > 1:
        return " with frame_stack"
    return " with these arguments" * bool(whole.kwargs)


def _bare_id(env: EnvSource) -> str:
    """The id of an environment of Gymnasium's own with nothing in or around it, else nothing."""
    whole = in_full(env)
    bare = isinstance(whole.base, str) and not _surroundings(whole)
    return str(whole.base) if bare and is_gymnasiums_own(env) else ""


def _has_envpools(env: EnvSource) -> bool:
    return is_in_envpool(_bare_id(env))


def _always(env: EnvSource) -> bool:
    return True


def _never(env: EnvSource) -> bool:
    return False


class Maker(Protocol):
    """What makes N environments; arguments as those of `make_envs`."""

    def __call__(self, env: EnvSource, num_envs: int, seed: int, mask: Mask, first: int) -> Envs:
        """N environments.

        Raises:
            UprightError: They cannot be made.
        """


@dataclass(frozen=True)
class BackendSpec:
    """What is known of one way to run environments.

    Attributes:
        what: It, in words.
        make: Makes environments that run so.
        can: Whether an environment can run so.
        kind: `Envs.kind` of what it makes.
        exact: Whether an environment's resumed run is, so run, the one that was never stopped.
        lanes: Environments side by side in an evaluation; 0 where nothing is judged on them.
    """

    what: str
    make: Maker
    can: Callable[[EnvSource], bool]
    kind: str
    exact: Callable[[EnvSource], bool]
    lanes: int


# In the order of their speed (benchmarks/throughput.py), save that what is not exact comes last.
BACKENDS: dict[Backend, BackendSpec] = {
    "vector": BackendSpec(
        "its own vector form",
        _vector,
        _has_vector_form,
        NextStepEnvs.kind,
        exact=_has_restorable_form,
        lanes=128,
    ),
    "sync": BackendSpec(
        "one loop in this process", _sync, _always, SyncEnvs.kind, exact=_always, lanes=10
    ),
    "envpool": BackendSpec(
        "EnvPool's own of that id", _envpool, _has_envpools, EnvPoolEnvs.kind, exact=_never, lanes=0
    ),
}


def fastest_backend(env: EnvSource) -> Backend:
    """What "auto" stands for: of the backends that resume exactly the fastest that can run it."""
    return next(name for name, each in BACKENDS.items() if each.can(env) and each.exact(env))
