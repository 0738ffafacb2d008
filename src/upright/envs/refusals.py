"""What is said of something that makes no environment."""

import inspect
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import gymnasium as gym

from upright.ground import UprightError, did_you_mean, raised

# Arguments that gym.make has for itself; Upright gives them.
RESERVED = ("id", "disable_env_checker", "render_mode")
UNEXPECTED = re.compile(r"got an unexpected keyword argument '(\w+)'")
MISSING = re.compile(r"missing \d+ required .*argument")


def refuse_made(source: object) -> None:
    """Refuse what can make no environment, since it is one, or is nothing to call.

    Raises:
        UprightError: It is such a thing.
    """
    if isinstance(source, gym.Env | gym.vector.VectorEnv):
        name = source.spec.id if source.spec is not None else type(source.unwrapped).__name__
        raise UprightError(
            f"This {name} is made already, and several are made of an environment.",
            "Give its id, or a function that makes a new one each time: lambda: gym.make(...).",
        )
    if not callable(source):
        raise UprightError(
            f"An object of type {type(source).__name__} makes no environment.",
            "Give an id, such as 'CartPole-v1', or a function that makes an environment.",
        )


def refuse_what_is_none(made: object, what: str) -> None:
    """Refuse what was made if it is no environment with two spaces.

    Raises:
        UprightError: It is none.
    """
    if not isinstance(made, gym.Env):
        raise UprightError(
            f"{what} made an object of type {type(made).__name__}, not a gymnasium.Env.",
            "Name a class or a function that returns an environment.",
        )
    for name in ("observation_space", "action_space"):
        if not isinstance(getattr(made, name, None), gym.Space):
            raise UprightError(
                f"{what} has no {name}.", "It should be set in the environment's __init__."
            )


def failed_call(
    failed: str,
    name: str,
    creator: Callable[..., Any],
    kwargs: Mapping[str, Any],
    error: BaseException,
) -> UprightError:
    """What to say of something that raised when it was called with these arguments."""
    said = raised(error).partition(" was raised from the environment creator")[0]
    unexpected = UNEXPECTED.search(said) if isinstance(error, TypeError) else None
    if unexpected and unexpected[1] in kwargs:
        known = arguments_of(creator)
        takes = f"It takes {', '.join(known)}." if known else "It takes none."
        return UprightError(
            f"{name} takes no argument '{unexpected[1]}'.",
            did_you_mean(unexpected[1], known, takes),
        )
    hint = "--debug shows where it happened."
    if isinstance(error, TypeError) and MISSING.search(said):
        hint = "Give what is missing: --env-kwargs key=value, or in a wrapper's brackets."
    return UprightError(f"{failed}: {said}.", hint)


def arguments_of(creator: Callable[..., Any]) -> list[str]:
    """The names of the arguments that a class or a function takes, of its parents' too."""
    names: list[str] = []
    for each in inspect.getmro(creator) if inspect.isclass(creator) else (creator,):
        with suppress(TypeError, ValueError):
            parameters = inspect.signature(each).parameters.values()
            names += [one.name for one in parameters if one.kind in _NAMED]
            if not any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters):
                break
    return [each for each in dict.fromkeys(names) if each not in (*RESERVED, "env")]


_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
