"""Which family of settings an environment without a preset takes, and the recipe that has it."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from gymnasium import spaces

from upright.envs.composition import EnvSource, name_of, refuse_untrusted, training_env
from upright.envs.parts import Space, columns_of, is_image, leaves_of
from upright.envs.sources import close_quietly, make_env
from upright.settings import resolve

if TYPE_CHECKING:
    from upright.settings import Recipe


def family_of_spaces(observation_space: Space, action_space: Space) -> str:
    """The name of a family: by whether it has pictures, Box actions, nothing but counts.

    Nothing is played and nothing is timed, so that an environment is always of the same family.

    Raises:
        UprightError: A space, or a part of one, is of a kind that is not supported.
    """
    seen = list(leaves_of(observation_space, observation_space))
    acted = list(leaves_of(action_space, action_space))
    is_continuous = any(isinstance(leaf, spaces.Box) for leaf in acted)
    if any(map(is_image, seen)):
        return "image-continuous" if is_continuous else "image"
    if is_continuous:
        return "continuous"
    counts = all(column.categories for leaf in seen for column in columns_of(leaf))
    return "tabular" if counts else "discrete"


def family_of(env: EnvSource) -> str:
    """Likewise, of an environment, which is made for it and closed again.

    Raises:
        UprightError: It cannot be made, or as `family_of_spaces`.
    """
    made = make_env(env)
    try:
        return family_of_spaces(made.observation_space, made.action_space)
    finally:
        close_quietly(made)


def recipe_for(
    env: EnvSource | None = None,
    algo: str | None = None,
    *,
    config: str | Path | None = None,
    trust_code: bool = False,
    **given: Any,
) -> "Recipe":
    """The recipe that the caller means, with a family's settings where no preset is recorded.

    Args:
        env: What names or makes the environment; may come from the config file instead.
        algo: As in `resolve`, which also says what the others are.
        config: Likewise.
        trust_code: Whether code that only the config file names may be imported.
        **given: The preset, settings and other fields of `Recipe`.

    Raises:
        UprightError: As `resolve`; or the file names code, or the environment cannot be made.
    """

    def trusted(recipe: "Recipe") -> "Recipe":
        if config is not None and not trust_code:
            refuse_untrusted(recipe, {"env": env, **given}, config)
        return recipe

    def family(recipe: "Recipe") -> str:
        return family_of(training_env(trusted(recipe), env))

    name = None if env is None else name_of(env)
    return trusted(resolve(name, algo, config=config, family_of=family, **given))
