"""Every hyperparameter once, and the recipe: all that a run depends on, resolved once."""

from typing import TYPE_CHECKING

from upright.ground.door import opened

if TYPE_CHECKING:
    from upright.settings.backends import Backend, successor
    from upright.settings.budget import with_budget
    from upright.settings.command import command_line
    from upright.settings.config import read_config
    from upright.settings.fields import as_text, bounds
    from upright.settings.hyperparameters import (
        SETTINGS,
        ActorCriticSettings,
        PPOSettings,
        ReinforceSettings,
        Settings,
    )
    from upright.settings.kwargs import WrapperCall, parse_wrapper
    from upright.settings.presets import FAMILIES, Result, presets_of
    from upright.settings.recipe import (
        ENVIRONMENT,
        FLAGS,
        OPERATION,
        Recipe,
        flag_of,
    )
    from upright.settings.resolving import parse_recipe, read_recipe, recipe_from, resolve
    from upright.settings.space import SearchSpace, read_space

__getattr__, __dir__, __all__ = opened(__name__)
