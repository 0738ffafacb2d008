"""Environments made and looked up, from whatever names them."""

import inspect
import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from copy import deepcopy
from numbers import Real
from typing import Any

import gymnasium as gym

from upright.envs.atari import (
    game_called,
    is_atari,
    is_older_game,
    make_atari,
    register_atari,
)
from upright.envs.composition import (
    Composed,
    EnvFactory,
    EnvSource,
    in_full,
    is_code,
    is_own,
    name_of,
)
from upright.envs.loading import (
    EXTRAS,
    found_in,
    import_all,
    install_hint,
    missing_extra,
)
from upright.envs.mujoco import quieten_mujoco
from upright.envs.parts import LARGEST_SHAPE
from upright.envs.refusals import RESERVED, failed_call, refuse_made, refuse_what_is_none
from upright.ground import UprightError, did_you_mean, raised, said_by
from upright.settings import parse_wrapper


def make_env(env: EnvSource, **kwargs: Any) -> gym.Env[Any, Any]:
    """One environment from whatever names it, in its wrappers.

    Raises:
        UprightError: Unknown (with the nearest ids), or it cannot be made; why, in its own words.
    """
    whole = in_full(env)
    source = _resolve(whole)
    options = {**deepcopy(dict(whole.kwargs)), **kwargs}
    quieten_mujoco(source)
    try:
        if isinstance(source, str):
            make = make_atari if is_atari(source) else gym.make
            made = make(source, disable_env_checker=True, **options)
        else:
            made = source(**options)
    except UprightError:
        raise
    except (Exception, SystemExit) as error:
        raise cannot_make(env, error) from error
    refuse_what_is_none(made, name_of(env))
    for wrapper in whole.wrappers:
        made = _wrapped(made, wrapper, name_of(env))
        refuse_what_is_none(made, wrapper)
    return made if whole.frames == 1 else _stacked(made, whole.frames, name_of(env))


def refuse_shared(made: Sequence[gym.Env[Any, Any]], env: EnvSource) -> None:
    """Refuse what was made several times over and is one environment, and close it.

    Raises:
        UprightError: It is.
    """
    if len({id(each.unwrapped) for each in made}) < len(made):
        close_quietly(made[0])
        raise UprightError(
            f"{name_of(env)} returned the same environment twice.",
            "Let it make a new one each time: several are played side by side.",
        )


def close_quietly(env: gym.Env[Any, Any]) -> None:
    """Release an environment; what it raises then is nobody's loss."""
    with suppress(Exception, SystemExit):
        env.close()


def _stacked(env: gym.Env[Any, Any], frames: int, name: str) -> gym.Env[Any, Any]:
    """An environment whose newest observations are shown together, the first one repeated."""
    size = frames * math.prod(env.observation_space.shape or ())
    if size > LARGEST_SHAPE:
        raise UprightError(
            f"{frames} observations of {name} together are {size:,} numbers, more than "
            f"{LARGEST_SHAPE:,}.",
            "Say a smaller frame_stack, or make the observation smaller.",
        )
    try:
        return gym.wrappers.FrameStackObservation(env, frames)
    except Exception as error:
        failed = f"Cannot stack observations of {name}, {env.observation_space}"
        raise UprightError(f"{failed}: {raised(error)}.", "Leave frame_stack out.") from error


def _wrapped(env: gym.Env[Any, Any], text: str, inside: str) -> gym.Env[Any, Any]:
    """An environment, called `inside`, in one more wrapper."""
    place, name, kwargs = parse_wrapper(text)
    wrapper = found_in(place, name, "wrapper")
    assert not isinstance(wrapper, str)
    if inspect.isclass(wrapper) and not issubclass(wrapper, gym.Wrapper):
        raise UprightError(
            f"{place}:{name} is no gymnasium.Wrapper.",
            "Name a class that is one, or a function that takes an environment and returns one.",
        )
    # TOML has no tuples, and Gymnasium's own wrappers take no list where they want one.
    given = {key: tuple(each) if isinstance(each, list) else each for key, each in kwargs.items()}
    try:
        return wrapper(env, **given)
    except UprightError:
        raise
    except (Exception, SystemExit) as error:
        failed = f"Cannot put the wrapper {place}:{name} around {inside}"
        raise failed_call(failed, f"{place}:{name}", wrapper, kwargs, error) from error


def _creator(source: str | EnvFactory) -> Callable[..., Any]:
    """What makes an environment, of what is registered too."""
    if not isinstance(source, str):
        return source
    creator: Any = gym.spec(source).entry_point
    return gym.envs.registration.load_env_creator(creator) if isinstance(creator, str) else creator


def spec_of(env: EnvSource) -> gym.envs.registration.EnvSpec | None:
    """The registered specification of an environment (threshold, time limit), if it has one."""
    source = _resolve(in_full(env))
    if isinstance(source, str):
        return gym.spec(source)
    made = make_env(env)
    close_quietly(made)
    return made.spec


def registration_of(env: EnvSource) -> gym.envs.registration.EnvSpec | None:
    """What another process needs to know the environment's id; None if `make_env` makes it known.

    Who registered it may be the script that is running, which another process does not run.
    """
    whole = in_full(env)
    is_id = isinstance(whole.base, str) and not is_code(env)
    return spec_of(env) if is_id and not whole.imports and not is_atari(whole.base) else None


def register_as(spec: gym.envs.registration.EnvSpec | None) -> None:
    """Let this process know the id that another one registered."""
    if spec is None:
        return
    if isinstance(spec.entry_point, str):  # its package may register it by itself
        with suppress(Exception, SystemExit):
            gym.envs.registration.load_env_creator(spec.entry_point)
    gym.registry.setdefault(spec.id, spec)


def reward_threshold(env: EnvSource, chosen: float | None = None) -> float | None:
    """The mean return that counts as solved: the chosen one, else the environment's, if any."""
    if chosen is not None:
        return chosen
    spec = spec_of(env)
    registered: object = None if spec is None else spec.reward_threshold
    if registered is None:
        return None
    if isinstance(registered, Real) and math.isfinite(registered):
        return float(registered)
    raise UprightError(
        f"{name_of(env)} is registered with the reward_threshold {registered!r}, and that is no "
        "finite number.",
        "Say --reward-threshold, or register it with another one.",
    )


def is_gymnasiums_own(env: EnvSource) -> bool:
    """Whether the environment and all its wrappers came with Gymnasium."""
    whole = in_full(env)
    if not isinstance(whole.base, str) or is_code(env):
        return False
    source = _resolve(whole)
    assert isinstance(source, str)
    own = str(gym.spec(source).entry_point).startswith("gymnasium.envs.")
    return own and all(is_own(parse_wrapper(each)) for each in whole.wrappers)


def cannot_make(env: EnvSource, error: BaseException) -> UprightError:
    """What to say of an environment that could not be made; `error` said so first."""
    name, extra = name_of(env), missing_extra(error)
    if not extra and not isinstance(error, gym.error.Error | ImportError):
        whole = in_full(env)
        try:
            creator = _creator(_resolve(whole))
        except (Exception, SystemExit):  # it is what failed
            return UprightError(f"Cannot make {name}: {raised(error)}.", "Mend what it names.")
        return failed_call(f"Cannot make {name}", name, creator, whole.kwargs, error)
    said = f"{EXTRAS[extra]} is not installed" if extra else said_by(error)
    return UprightError(f"Cannot make {name}: {said}.", install_hint(error))


def _resolve(whole: Composed) -> str | EnvFactory:
    """A registered id, or something to call; what registers it is imported first."""
    for name in RESERVED:
        if name in whole.kwargs:
            raise UprightError(f"{name} is not for --env-kwargs: Upright gives it itself.")
    import_all(whole.imports)
    base = whole.base
    if not isinstance(base, str):
        refuse_made(base)
        return base
    if is_atari(base):
        try:
            register_atari()
        except ImportError as error:
            raise cannot_make(whole, error) from error
    if is_code(whole):
        place, _, name = base.rpartition(":")
        found = found_in(place, name, "environment")
        return found if not isinstance(found, str) else _registered(found)
    return _registered(base)


def _registered(name: str) -> str:
    """The same id, where an environment has it.

    Raises:
        UprightError: None has; with the nearest ids, or the one that a game has now.
    """
    try:
        if not is_older_game(gym.spec(name)):
            return name
        cause = None
    except (gym.error.Error, ImportError, ValueError) as error:
        cause = error
    listed = "`upright envs` lists what there is; --import MODULE adds what a module registers."
    near, game = did_you_mean(name, gym.registry, listed), game_called(name)
    hint = f"This game of Atari's is {game}." if game else near
    if name.endswith(".py"):
        hint = f"Name what is in it: {name}:Name."
    raise UprightError(f"There is no environment '{name}'.", hint) from cause
