"""Where a recipe comes from: defaults < preset < config file < keywords and flags."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from upright.ground import TOML_BYTES, UprightError, did_you_mean, read_bytes
from upright.settings.backends import successor
from upright.settings.config import Config, parse_settings, read_config
from upright.settings.hyperparameters import SETTINGS, Settings
from upright.settings.presets import NONE, presets_of
from upright.settings.recipe import OLDER, RUN_KEYS, TABLES, Recipe, validated


def resolve(
    env: str | None = None,
    algo: str | None = None,
    *,
    preset: str | None = None,
    config: str | Path | None = None,
    family_of: "Callable[[Recipe], str] | None" = None,
    **overrides: Any,
) -> Recipe:
    """The recipe that the caller means.

    Args:
        env: Gymnasium id; may come from the config file instead.
        algo: reinforce, actor-critic or ppo; the preset names the default.
        preset: A table of the environment's preset file, a family, or "default" for neither;
            where nothing is said, "tuned" if there is one, else what `family_of` says.
        config: A TOML file such as a run's settings.toml, or a pipe, which is read once.
        family_of: The family of a recipe's environment, as `envs.recipe_for` finds it.
        **overrides: Settings and the other fields of `Recipe`; None means not given.

    Raises:
        UprightError: Anything unknown, out of range or inconsistent.

    Example:
        >>> recipe = resolve("CartPole-v1", gamma=0.98)
        >>> recipe.algo, recipe.preset, recipe.settings.gamma
        ('ppo', 'tuned', 0.98)
    """
    file = Config("", "", {}) if config is None else read_config(config)
    written = file.table
    given = {key: value for key, value in overrides.items() if value is not None}
    env = env or written.get("env")
    if not isinstance(env, str) or not env:
        raise UprightError(
            "No environment was named.", "Give a Gymnasium id first, say CartPole-v1."
        )
    available = presets_of(env)
    algo = algo or written.get("algo") or available.default_algorithm
    preset = preset or written.get("preset")
    if algo not in SETTINGS:
        raise UprightError(
            f"Unknown algorithm '{algo}'.",
            did_you_mean(algo, SETTINGS, f"There are {', '.join(SETTINGS)}."),
        )
    merged = {**written, **given, "env": env, "algo": algo, "preset": NONE}
    _refuse_unknown(merged, algo, file)
    if preset is None and family_of is not None and not available.is_tuned(algo):
        described = validated({key: merged[key] for key in merged if key in RUN_KEYS}, Settings)
        preset = family_of(described)
    preset, table = available.choose(preset, algo)
    recipe = validated({**table, **merged, "preset": preset}, SETTINGS[algo])
    # One argument of an environment's takes the place of that one alone.
    arguments = table.get("env_kwargs", {}) | recipe.env_kwargs
    return recipe.model_copy(update={"env_kwargs": arguments})


def read_recipe(path: str | Path) -> Recipe:
    """The recipe in a run's settings.toml, which is complete; no preset is looked up.

    Raises:
        UprightError: The file is not one, or is a link.
    """
    return parse_recipe(read_bytes(Path(path), TOML_BYTES), path)


def parse_recipe(data: bytes, path: str | Path) -> Recipe:
    """`read_recipe`, of bytes that were read already.

    Raises:
        UprightError: They are not those of one.
    """
    file = parse_settings(data, path)
    algo = file.table.get("algo")
    if algo not in SETTINGS:
        raise UprightError(f"{path} names no algorithm.", f"There are {', '.join(SETTINGS)}.")
    _refuse_unknown(file.table, algo, file)
    table = {**OLDER, **file.table}
    return validated(table | {"backend": successor(table["backend"])}, SETTINGS[algo])


def recipe_from(table: Mapping[str, Any]) -> Recipe:
    """The recipe that `flat` gave.

    Raises:
        UprightError: It is none.
    """
    return validated(table, SETTINGS[table["algo"]])


def _refuse_unknown(table: Mapping[str, Any], algo: str, file: Config) -> None:
    """Refuse what is no key of the algorithm's, or no value; `file` brought some of them."""
    known = [*RUN_KEYS, *SETTINGS[algo].model_fields]
    for key in table:
        if key in known:
            continue
        owners = [name for name, settings in SETTINGS.items() if key in settings.model_fields]
        place = file.place(key) if key in file.table else ""
        if place and not owners:
            raise UprightError(
                f"{place}: unknown key '{key}'.",
                did_you_mean(key, known, "`upright train --help` lists every setting."),
            )
        belongs = f"It belongs to {' and '.join(owners)}."
        lists = f"`upright train --algo {algo} --help` lists them."
        raise UprightError(
            f"{algo} has no setting '{key}'{f' (from {place})' if place else ''}.",
            belongs if owners else did_you_mean(key, known, lists),
        )
    file.refuse_nested(TABLES)
