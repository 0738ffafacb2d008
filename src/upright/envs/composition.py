"""How an environment is made: what names it, with which arguments, in which wrappers."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import gymnasium as gym

from upright.envs.atari import FRAMES_TOGETHER, is_atari, shows_screen
from upright.ground import UprightError
from upright.settings import parse_wrapper

if TYPE_CHECKING:
    from upright.settings import Recipe, WrapperCall

EnvFactory = Callable[..., "gym.Env[Any, Any]"]
OWN_WRAPPERS = "gymnasium.wrappers"
# Those of Gymnasium's own that do more than wrap: one imports what it is told to, one writes files.
UNSAFE_WRAPPERS = ("ArrayConversion", "RecordVideo")
# The fields of a recipe that may name code, and what each names.
CODE = {
    "env": "environment",
    "wrapper": "wrapper",
    "imports": "import",
    "eval_env": "environment",
}


@dataclass(frozen=True)
class Composed:
    """An environment with what goes into it and around it; worker processes are sent it.

    Attributes:
        base: A Gymnasium id, "module:Name", "file.py:Name", or a function.
        kwargs: Its arguments.
        wrappers: "module:Wrapper(key=value)" each, the first one innermost.
        imports: Modules that are imported before, since they register environments.
        frame_stack: How many of its newest observations are shown together, around everything
            else; 0 for what is usual.
    """

    base: str | EnvFactory
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    wrappers: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    frame_stack: int = 0

    @property
    def frames(self) -> int:
        """How many observations are shown together: as asked, else 1, and 4 of an Atari game."""
        is_screen = is_atari(self.base) and shows_screen(self.kwargs)
        return self.frame_stack or (FRAMES_TOGETHER if is_screen else 1)


EnvSource = str | EnvFactory | Composed


def in_full(env: EnvSource) -> Composed:
    """The same environment, described in full."""
    return env if isinstance(env, Composed) else Composed(env)


def training_env(recipe: "Recipe", env: EnvSource | None = None) -> EnvSource:
    """The environment that a recipe is trained in.

    Args:
        recipe: Says what goes into it and around it.
        env: What makes it, where that is not the recipe's name for it.
    """
    base = in_full(recipe.env if env is None else env).base
    return _around(base, recipe.env_kwargs, recipe)


def evaluation_env(recipe: "Recipe", env: EnvSource | None = None) -> EnvSource:
    """The environment that a recipe's policy is evaluated and shown in; `env` as in training.

    It has the wrappers of training, and its arguments too where it is the same environment.
    """
    if recipe.judged_in == recipe.env:
        base = in_full(recipe.env if env is None else env).base
        return _around(base, recipe.env_kwargs | recipe.eval_env_kwargs, recipe)
    return _around(recipe.judged_in, recipe.eval_env_kwargs, recipe)


def _around(base: str | EnvFactory, kwargs: dict[str, Any], recipe: "Recipe") -> EnvSource:
    whole = Composed(base, kwargs, recipe.wrapper, recipe.imports, recipe.frame_stack)
    return base if whole == Composed(base) else whole


def name_of(env: EnvSource) -> str:
    """The id, or the factory's own name."""
    base = in_full(env).base
    return base if isinstance(base, str) else getattr(base, "__name__", type(base).__name__)


def is_code(env: EnvSource) -> bool:
    """Whether making this environment imports a file or a module that its name names."""
    base = in_full(env).base
    return isinstance(base, str) and ":" in base


def is_own(wrapper: "WrapperCall") -> bool:
    """Whether it is a wrapper of Gymnasium's own that does no more than wrap."""
    from gymnasium import wrappers

    safe = wrapper.name in wrappers.__all__ and wrapper.name not in UNSAFE_WRAPPERS
    return wrapper.place == OWN_WRAPPERS and safe


def code_in(recipe: "Recipe", given: Mapping[str, object]) -> str:
    """The first code that a recipe names in what was not given, such as "wrapper mine:Noisy".

    Args:
        recipe: From a file, at least in part.
        given: The fields that somebody else named than the file; those that are None were not.

    Returns:
        Nothing where all that it names is Gymnasium's own.
    """
    for name, kind in CODE.items():
        said = getattr(recipe, name) or ()
        for each in (said,) if isinstance(said, str) else said:
            if given.get(name) is None and _is_foreign(name, each):
                return f"{kind} {each}"
    return ""


def _is_foreign(name: str, text: str) -> bool:
    if name == "wrapper":
        return not is_own(parse_wrapper(text))
    return name == "imports" or is_code(text)


def refuse_untrusted(recipe: "Recipe", given: Mapping[str, object], named_by: object) -> None:
    """Refuse code that only a file names; the arguments are those of `code_in`, and the file.

    Raises:
        UprightError: There is some.
    """
    code = code_in(recipe, given)
    if code:
        raise UprightError(
            f"{named_by} names the {code}, code that would be imported and run.",
            f"If you trust it, say --trust-code, or name the {code.partition(' ')[0]} yourself.",
        )
