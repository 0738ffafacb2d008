"""What names an environment: a Gymnasium id, "module:Name", "file.py:Name", or a function."""

import importlib
import importlib.util
import sys
import zlib
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import gymnasium as gym

from upright.ground import UprightError, did_you_mean, in_a_line

# The module that each of Upright's extras of environments brings along.
EXTRAS = {"box2d": "Box2D", "mujoco": "mujoco"}
EnvFactory = Callable[..., "gym.Env[Any, Any]"]
EnvSource = str | EnvFactory


def is_code(env: EnvSource) -> bool:
    """Whether making this environment imports a file or a module that it names."""
    return isinstance(env, str) and ":" in env


def name_of(env: EnvSource) -> str:
    """The id, or the factory's own name."""
    return env if isinstance(env, str) else getattr(env, "__name__", type(env).__name__)


def make_env(env: EnvSource, **kwargs: Any) -> gym.Env[Any, Any]:
    """One environment from whatever names it.

    Raises:
        UprightError: Unknown (with the nearest ids), or it cannot be made; why, in its own words.
    """
    source = _resolve(env)
    try:
        if isinstance(source, str):
            return gym.make(source, disable_env_checker=True, **kwargs)
        made = source(**kwargs)
    except UprightError:
        raise
    except (gym.error.Error, ImportError) as error:
        raise cannot_make(env, error) from error
    except (Exception, SystemExit) as error:
        raise UprightError(
            f"Cannot make {name_of(env)}: {type(error).__name__}: {_said(error)}.",
            "--debug shows where it happened.",
        ) from error
    if not isinstance(made, gym.Env):
        raise UprightError(
            f"{name_of(env)} made a {type(made).__name__}, not a gymnasium.Env.",
            "Name a class or a function that returns an environment.",
        )
    for name in ("observation_space", "action_space"):
        if not isinstance(getattr(made, name, None), gym.Space):
            raise UprightError(
                f"{name_of(env)} has no {name}.", "It should be set in the environment's __init__."
            )
    return made


def _said(error: BaseException) -> str:
    return in_a_line(str(error)).rstrip(".")


def spec_of(env: EnvSource) -> gym.envs.registration.EnvSpec | None:
    """The registered specification of an environment (threshold, time limit), if it has one."""
    source = _resolve(env)
    if isinstance(source, str):
        return gym.spec(source)
    made = make_env(source)
    with suppress(Exception):
        made.close()
    return made.spec


def reward_threshold(env: EnvSource, chosen: float | None = None) -> float | None:
    """The mean return that counts as solved: the chosen one, else the environment's, if any."""
    if chosen is not None:
        return chosen
    spec = spec_of(env)
    return None if spec is None else spec.reward_threshold


def is_gymnasiums_own(env: EnvSource) -> bool:
    """Whether the environment came with Gymnasium."""
    if not isinstance(env, str) or is_code(env):
        return False
    return str(_registered(env).entry_point).startswith("gymnasium.envs.")


def refuse_untrusted(env: str, named_by: object) -> None:
    """Refuse code that only a file names as the environment.

    Args:
        env: What the file names.
        named_by: The file.

    Raises:
        UprightError: It is code.
    """
    if is_code(env):
        raise UprightError(
            f"{named_by} names the environment {env}, code that would be imported and run.",
            "If you trust it, say --trust-code, or name the environment yourself.",
        )


def cannot_make(env: EnvSource, error: Exception) -> UprightError:
    """What to say of an environment that lacks something; `error` said so first."""
    extra = missing_extra(error)
    said = f"{EXTRAS[extra]} is not installed" if extra else _said(error)
    return UprightError(f"Cannot make {name_of(env)}: {said}.", install_hint(error))


def install_hint(error: Exception) -> str:
    """What to do about an environment that lacks something."""
    extra = missing_extra(error)
    if extra:
        return f"`pip install 'upright[{extra}]'` adds it."
    return "" if "pip install" in str(error) else "Install what it needs, then try again."


def missing_extra(error: BaseException | None) -> str:
    """The extra of Upright's whose module was not there to import, or nothing."""
    while error is not None:
        if isinstance(error, ModuleNotFoundError):
            for extra, module in EXTRAS.items():
                if error.name and error.name.partition(".")[0] == module:
                    return extra
        error = error.__cause__
    return ""


def _resolve(env: EnvSource) -> EnvSource:
    """A registered id, or something to call."""
    if not isinstance(env, str):
        return env
    if is_code(env):
        return _from_code(env)
    _registered(env)
    return env


def _registered(env: str) -> gym.envs.registration.EnvSpec:
    try:
        return gym.spec(env)
    except (gym.error.Error, ImportError, ValueError) as error:
        raise UprightError(
            f"There is no environment '{env}'.",
            did_you_mean(env, gym.registry, "`upright envs` lists what there is."),
        ) from error


def _from_code(env: str) -> EnvSource:
    place, _, name = env.rpartition(":")
    try:
        module = _file(place) if place.endswith(".py") else _load_module(place)
    except UprightError:
        raise
    except (Exception, SystemExit) as error:
        raise UprightError(
            f"Importing {place} for the environment {env} failed: "
            f"{type(error).__name__}: {_said(error)}.",
            "--debug shows where it happened.",
        ) from error
    found = getattr(module, name, None)
    if callable(found):
        return found  # type: ignore[no-any-return]
    if name in gym.registry:
        return name
    public = [each for each, value in vars(module).items() if callable(value)]
    raise UprightError(
        f"{place} has no environment '{name}'.",
        did_you_mean(name, [*public, *gym.registry], "It should be a class or a function."),
    )


def _load_module(place: str) -> ModuleType:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    return importlib.import_module(place)


def _file(place: str) -> ModuleType:
    path = Path(place)
    if not path.is_file():
        raise UprightError(
            f"There is no file {place}.", f"The path is taken from {Path.cwd()}, the folder here."
        )
    return _load_file(path.resolve())


@cache
def _load_file(path: Path) -> ModuleType:
    name = f"upright_env_{path.stem}_{zlib.crc32(str(path).encode()):08x}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
