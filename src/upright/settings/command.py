"""A recipe as a line that a person would type."""

import shlex
from typing import Any

from upright.settings.kwargs import write_value
from upright.settings.recipe import ENVIRONMENT, Recipe, flag_of
from upright.settings.resolving import resolve


def command_line(recipe: Recipe) -> str:
    """The line that repeats the recipe's run: what its preset has is not said again."""
    flat = recipe.flat()
    named = {name: flat[name] for name in ("algo", "preset", "seed")}
    usual = resolve(recipe.env, recipe.algo, preset=recipe.preset, seed=recipe.seed).flat()
    changed = {name: value for name, value in flat.items() if value != usual.get(name)}
    words = ["upright", "train", recipe.env]
    for name, value in (named | changed).items():
        words += _words(name, value)
    return shlex.join(words)


def _words(name: str, value: Any) -> list[str]:
    """A setting's flag and its value, as they are typed."""
    flag = flag_of(name)
    if isinstance(value, bool):
        return [flag if value else flag.replace("--", "--no-", 1)]
    if isinstance(value, dict):
        return [flag, *(f"{key}={write_value(each)}" for key, each in value.items())]
    if name in ENVIRONMENT and isinstance(value, list):
        return [word for each in value for word in (flag, each)]
    return [flag, ",".join(map(str, value)) if isinstance(value, list) else str(value)]
