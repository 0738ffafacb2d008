"""A recipe is all that a run depends on: defaults < preset < config file < keywords and flags."""

import re
import shlex
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SerializeAsAny, ValidationError

from upright import presets
from upright.errors import UprightError, did_you_mean
from upright.reading import TOML_BYTES, read_bytes
from upright.settings import SETTINGS, Float, Int, Settings

# A key of n parts takes the parser n * n steps.
LINE = 2000
Algo = Literal["reinforce", "actor-critic", "ppo"]


class Recipe(BaseModel):
    """The complete description of a run; `settings.toml` is this, flat.

    Attributes:
        env: A Gymnasium id, "module:Name" or "file.py:Name".
        algo: The algorithm.
        preset: The table that the settings began from.
        seed: Where all randomness comes from.
        until: Stop when solved and verified, or only when the budget is spent.
        device: Where to train.
        threads: PyTorch's threads.
        checkpoint_every: Timesteps between checkpoints; 0 for a twentieth of the budget, and some
            before the first of them.
        keep: The newest checkpoints that are kept, beside the best one.
        outside_space: What an observation outside its space does: stop the run, or be accepted;
            auto accepts it from Gymnasium's own environments, some of which leave theirs.
        env_timeout: Seconds after which a worker process that does not answer counts as hung.
        settings: The algorithm's own.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    env: str
    algo: Algo
    preset: str = "default"
    seed: Annotated[Int, Field(ge=0, lt=2**63)] = 0
    until: Literal["solved", "budget"] = "solved"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: Annotated[Int, Field(ge=1, le=1024)] = 1
    checkpoint_every: Annotated[Int, Field(ge=0, lt=2**63)] = 0
    keep: Annotated[Int, Field(ge=1, lt=2**31)] = 20
    outside_space: Literal["auto", "stop", "accept"] = "auto"
    env_timeout: Annotated[Float, Field(gt=0, le=1e6)] = 60.0
    settings: SerializeAsAny[Settings]

    def flat(self) -> dict[str, Any]:
        """The recipe as one table of TOML values; `resolve` reads it back unchanged."""
        table = self.model_dump(mode="json", exclude={"settings"})
        return table | self.settings.model_dump(mode="json")

    @property
    def timesteps_between_checkpoints(self) -> int:
        """`checkpoint_every`, or the twentieth of the budget that 0 stands for."""
        return self.checkpoint_every or max(1, self.settings.total_timesteps // 20)

    def checkpoint_after(self, timesteps: int) -> int:
        """When the next checkpoint is due: at every multiple of the interval.

        Where none was asked for, also at a sixteenth, an eighth, a quarter and a half of the first
        one: it is early that a policy changes most.
        """
        every = self.timesteps_between_checkpoints
        parts = () if self.checkpoint_every else (every // 16, every // 8, every // 4, every // 2)
        early = (part for part in parts if part > timesteps)
        return next(early, timesteps - timesteps % every + every)


RUN_KEYS = tuple(key for key in Recipe.model_fields if key != "settings")


def resolve(
    env: str | None = None,
    algo: str | None = None,
    *,
    preset: str | None = None,
    config: str | Path | None = None,
    **overrides: Any,
) -> Recipe:
    """The recipe that the caller means.

    Args:
        env: Gymnasium id; may come from the config file instead.
        algo: reinforce, actor-critic or ppo; the preset names the default.
        preset: A table of the environment's preset file, "default" for none of them; where
            nothing is said, "tuned" if there is one.
        config: A TOML file such as a run's settings.toml.
        **overrides: Settings and the other fields of `Recipe`; None means not given.

    Raises:
        UprightError: Anything unknown, out of range or inconsistent.
    """
    written = read_config(config) if config is not None else {}
    given = {key: value for key, value in overrides.items() if value is not None}
    env = env or written.get("env")
    if not isinstance(env, str) or not env:
        raise UprightError("No environment was named.", "Give a Gymnasium id, say CartPole-v1.")
    available = presets.load(env)
    algo = algo or written.get("algo") or available.default_algorithm
    preset = preset or written.get("preset")
    if algo not in SETTINGS:
        raise UprightError(
            f"Unknown algorithm '{algo}'.",
            did_you_mean(algo, SETTINGS, f"There are {', '.join(SETTINGS)}."),
        )
    preset, table = available.choose(preset, algo)
    merged = {**table, **written, **given, "env": env, "algo": algo, "preset": preset}
    _refuse_unknown(merged, algo, dict.fromkeys(written, config))
    return _validate(merged, SETTINGS[algo])


def read_recipe(path: str | Path) -> Recipe:
    """The recipe in a run's settings.toml, which is complete; no preset is looked up.

    Raises:
        UprightError: The file is not one, or is a link.
    """
    try:
        text = read_bytes(Path(path), TOML_BYTES).decode("utf-8")
    except UnicodeDecodeError as error:
        raise UprightError(f"{path} is not UTF-8 text.") from error
    table = _table(path, text)
    if table.get("algo") not in SETTINGS:
        raise UprightError(f"{path} names no algorithm.", f"There are {', '.join(SETTINGS)}.")
    _refuse_unknown(table, table["algo"], dict.fromkeys(table, path))
    return _validate(table, SETTINGS[table["algo"]])


def read_config(path: str | Path) -> dict[str, Any]:
    """The flat TOML table in `path`, with errors that name the file and, if possible, the line."""
    return _table(path, _text(path))


def _table(path: str | Path, text: str) -> dict[str, Any]:
    if max(map(len, text.splitlines()), default=0) > LINE:
        raise UprightError(f"{path} has a line of more than {LINE:,} characters.")
    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise UprightError(f"{path} is not valid TOML: {error}.") from error
    for key in ("env", "algo", "preset"):
        if not isinstance(table.get(key, ""), str):
            place = f"{path}, line {_line_of(key, text)}"
            raise UprightError(f"{place}: {key} should be a name, in quotes.")
    algo = table.get("algo")
    known = _known_keys([algo] if algo in SETTINGS else SETTINGS)
    for key in table:
        if key not in known:
            raise UprightError(
                f"{path}, line {_line_of(key, text)}: unknown key '{key}'.",
                did_you_mean(key, known, "`upright train --help` lists every setting."),
            )
        if not _is_flat(table[key]):
            place = f"{path}, line {_line_of(key, text)}"
            raise UprightError(f"{place}: {key} should be a value, or a list of values.")
    return table


def _text(path: str | Path) -> str:
    """The config file's text; it may be a link or a pipe, since the user named it."""
    try:
        with Path(path).open("rb") as file:
            data = file.read(TOML_BYTES + 1)
        if len(data) > TOML_BYTES:
            raise UprightError(f"{path} is larger than the {TOML_BYTES:,} bytes of a config file.")
        return data.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise UprightError(f"Cannot read the config file {path}: {reason}.") from error


def _is_flat(value: object) -> bool:
    parts = value if isinstance(value, list) else [value]
    return all(isinstance(part, str | int | float) for part in parts)


def _line_of(key: str, text: str) -> int:
    named = re.compile(rf"""{re.escape(key)}["']?\s*[=.\]]""")
    numbered = enumerate(text.splitlines(), start=1)
    return next((number for number, line in numbered if named.match(line.lstrip(" \t[\"'"))), 1)


def _known_keys(algos: Iterable[str]) -> list[str]:
    fields = {field: None for algo in algos for field in SETTINGS[algo].model_fields}
    return [*RUN_KEYS, *fields]


def _refuse_unknown(table: Mapping[str, Any], algo: str, files: Mapping[str, object]) -> None:
    """Refuse what is no key of the algorithm's; `files` says which keys a file brought."""
    known = _known_keys([algo])
    for key in table:
        if key in known:
            continue
        owners = [name for name, settings in SETTINGS.items() if key in settings.model_fields]
        if owners:
            hint = f"It belongs to {' and '.join(owners)}."
        else:
            hint = did_you_mean(key, known, f"`upright train --algo {algo} --help` lists them.")
        place = f" (from {files[key]})" if key in files else ""
        raise UprightError(f"{algo} has no setting '{key}'{place}.", hint)


def _validate(table: Mapping[str, Any], kind: type[Settings]) -> Recipe:
    run_keys = {key: value for key, value in table.items() if key in RUN_KEYS}
    try:
        settings = kind(**{key: value for key, value in table.items() if key not in RUN_KEYS})
        return Recipe(**run_keys, settings=settings)
    except ValidationError as error:
        first = error.errors()[0]
        raise UprightError(_sentence(first, kind)) from error


def _sentence(error: Any, kind: type[Settings]) -> str:
    what = error["msg"].removeprefix("Value error, ").removeprefix("Input ")
    if not error["loc"]:
        return f"The settings do not fit together: {what}."
    name = str(error["loc"][0])
    field = kind.model_fields.get(name) or Recipe.model_fields[name]
    allowed = bounds(field.metadata)
    if allowed and error["type"].startswith(("greater_than", "less_than")):
        return f"{name} = {error['input']!r} is out of range: should be {allowed}."
    shown = f"{name} = {error['input']!r}" if len(error["loc"]) == 1 else name
    return f"{shown}: {what}{f' (allowed: {allowed})' if allowed else ''}."


def bounds(metadata: Iterable[Any]) -> str:
    """The range that a field's constraints allow, such as "at least 0 and at most 1"."""
    words = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
    parts = [
        f"{words[name]} {getattr(constraint, name):g}"
        for constraint in metadata
        for name in words
        if getattr(constraint, name, None) is not None
    ]
    return " and ".join(parts)


def checked(recipe: Recipe, changes: Mapping[str, Any]) -> Recipe:
    """The recipe with some of its own fields changed; None means not given.

    Raises:
        UprightError: One of them is unknown, or out of range.
    """
    given = {key: value for key, value in changes.items() if value is not None}
    return _validate({**recipe.flat(), **given}, SETTINGS[recipe.algo])


def command_line(recipe: Recipe) -> str:
    """The line that a person would type to repeat the run."""
    flat = recipe.flat()
    named = {name: flat[name] for name in ("algo", "preset", "seed")}
    usual = resolve(recipe.env, recipe.algo, preset=recipe.preset, seed=recipe.seed).flat()
    changed = {name: value for name, value in flat.items() if value != usual[name]}
    words = ["upright", "train", recipe.env]
    for name, value in (named | changed).items():
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        else:
            text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
            words += [f"--{flag}", text]
    return shlex.join(words)
