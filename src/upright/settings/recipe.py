"""A recipe: all that a run depends on, complete and frozen."""

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    SerializeAsAny,
    ValidationError,
    model_validator,
)

from upright.ground import UprightError, shortened
from upright.settings.fields import (
    EnvName,
    Float,
    Int,
    Kwargs,
    Modules,
    RayAddress,
    Wrappers,
    bounds,
    described,
)
from upright.settings.hyperparameters import SETTINGS, Settings

Algo = Literal["reinforce", "actor-critic", "ppo"]


class Recipe(BaseModel):
    """The complete description of a run; `settings.toml` is this, flat.

    Attributes:
        env: A Gymnasium id, "module:Name" or "file.py:Name".
        algo: The algorithm.
        preset: The table that the settings began from.
        settings: The algorithm's own. Every other field says itself what it is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    env: str
    algo: Algo
    preset: str = "default"
    env_kwargs: Kwargs = described(
        {}, "arguments of the environment, typed as in TOML", "KEY=VALUE", "none"
    )
    wrapper: Wrappers = described(
        (),
        "a wrapper around the environment, module:Wrapper(key=value); repeatable, the first one "
        "innermost",
        "WRAPPER",
        "none",
    )
    imports: Modules = described(
        (),
        "a module that registers environments, such as minigrid; repeatable",
        "MODULE",
        "none",
        "import",
    )
    frame_stack: Int = described(
        0,
        "newest observations shown together, pictures and numbers alike",
        "K",
        "1; 4 of an Atari game",
        ge=0,
        le=64,
    )
    eval_env: EnvName | None = described(
        None,
        "the environment of evaluations and of all that shows the policy",
        "ENV",
        "the training's",
    )
    eval_env_kwargs: Kwargs = described(
        {},
        "arguments of the evaluation's environment",
        "KEY=VALUE",
        "the training's, where the environment is the same; these go before them",
    )
    eval_episodes: Int = described(
        0,
        "episodes of an evaluation while it trains; a proof of a threshold has at least 100",
        "N",
        "100; 10 of an Atari game",
        ge=0,
        le=100_000,
    )
    seed: Int = described(0, "where all randomness comes from", "N", ge=0, lt=2**63)
    until: Literal["solved", "budget"] = described("solved", "solved or budget", "WHEN")
    device: Literal["auto", "cpu", "cuda"] = described("auto", "auto, cpu or cuda", "NAME")
    threads: Int = described(
        1, "threads of matrix products", "N", "1, the fastest for small nets", ge=1, le=1024
    )
    checkpoint_every: Int = described(
        0, "timesteps between checkpoints", "N", "a twentieth of the budget", ge=0, lt=2**63
    )
    keep: Int = described(20, "newest checkpoints to keep beside the best", "K", ge=1, lt=2**31)
    outside_space: Literal["auto", "stop", "accept"] = described(
        "auto",
        "observations outside their space: stop, accept, or auto (stop, save for Gymnasium's own "
        "environments)",
        "HOW",
    )
    reward_threshold: Float | None = described(
        None,
        "mean return that counts as solved",
        "RETURN",
        "the environment's own",
        ge=-1e30,
        le=1e30,
    )
    env_timeout: Float = described(
        60.0,
        "seconds until a worker counts as hung over its shard's rollout",
        "S",
        gt=0,
        le=1e6,
    )
    workers: Int = described(
        0, "processes that collect the shards; 0 for this one", "N", ge=0, le=1024
    )
    engine: Literal["process", "ray"] = described(
        "process", "what the workers are: process, or ray (extra ray)", "NAME"
    )
    ray_address: RayAddress | None = described(
        None,
        "the cluster that Ray's workers are on, HOST:PORT, or auto for the one of this machine",
        "ADDR",
        "none, this machine alone",
    )
    settings: SerializeAsAny[Settings]

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        if self.engine == "ray" and not self.workers:
            raise ValueError("engine = ray is of workers, and there are none (--workers)")
        if self.ray_address is not None and self.engine != "ray":
            raise ValueError("ray_address is of Ray's workers alone (--engine ray)")
        return self

    def flat(self) -> dict[str, Any]:
        """The recipe as one table of TOML values; `resolve` reads it back unchanged."""
        table = self.model_dump(mode="json", exclude={"settings"}, exclude_none=True)
        empty = [name for name in ENVIRONMENT if not table.get(name)]
        table = {name: value for name, value in table.items() if name not in empty}
        return table | self.settings.model_dump(mode="json")

    def of_any_seed(self) -> dict[str, Any]:
        """`flat`, without the seed and what changes nothing of what is learned."""
        left_out = {"seed", *OPERATION}
        return {name: value for name, value in self.flat().items() if name not in left_out}

    def changed(self, changes: Mapping[str, Any]) -> "Recipe":
        """The recipe with some of its own fields changed; None means not given.

        What it says of Ray is gone where no worker is Ray's any more.

        Raises:
            UprightError: One of them is out of range.
        """
        given = {key: value for key, value in changes.items() if value is not None}
        recorded = self.flat()
        if given.get("engine") == "process" or str(given.get("workers")) == "0":
            recorded = {key: value for key, value in recorded.items() if key not in OF_RAY}
        return validated({**recorded, **given}, SETTINGS[self.algo])

    @property
    def judged_in(self) -> str:
        """What names the environment in which the policy is evaluated."""
        return self.eval_env or self.env

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


# What runs did that are older than the setting.
OLDER = {"mask": "off", "backend": "auto"}
# Fields that change nothing of what is learned, so that a run may go on with others.
OPERATION = (
    "checkpoint_every", "keep", "outside_space", "env_timeout", "workers", "engine", "ray_address",
)  # fmt: skip
# Those of them that say something only of workers that Ray runs.
OF_RAY = ("engine", "ray_address")
# Fields that say of what an environment is made; a recipe that says nothing of it has no such key.
ENVIRONMENT = (
    "env_kwargs", "wrapper", "imports", "frame_stack", "eval_env", "eval_env_kwargs",
)  # fmt: skip
TABLES = tuple(key for key, field in Recipe.model_fields.items() if field.default == {})
FLAGS = tuple(key for key, field in Recipe.model_fields.items() if field.json_schema_extra)
RUN_KEYS = tuple(key for key in Recipe.model_fields if key != "settings")


def flag_of(name: str) -> str:
    """The flag of a setting, or of a field of the recipe."""
    field = Recipe.model_fields.get(name)
    extra: Any = None if field is None else field.json_schema_extra
    return f"--{(extra and extra['flag']) or name.replace('_', '-')}"


def validated(table: Mapping[str, Any], kind: type[Settings]) -> Recipe:
    """The recipe that a flat table says, with the settings of this kind.

    Raises:
        UprightError: One of them is unknown, out of range, or at odds with another.
    """
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
    if name in ENVIRONMENT and not allowed:  # what is wrong with it names it
        return f"{flag_of(name)[2:].replace('-', '_')}: {what}."
    if allowed and error["type"].startswith(("greater_than", "less_than")):
        return f"{name} = {error['input']!r} is out of range: should be {allowed}."
    shown = f"{name} = {shortened(repr(error['input']), 200)}" if len(error["loc"]) == 1 else name
    return f"{shown}: {what}{f' (allowed: {allowed})' if allowed else ''}."
