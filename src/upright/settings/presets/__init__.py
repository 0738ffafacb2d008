"""Tuned settings as data: one TOML file per environment.

default_algorithm = "ppo"
[tuned.ppo]          # preset "tuned" of algorithm "ppo"
[tuned.ppo.result]   # how seeds that chose nothing went with it: a `Result`, no settings
[lesson.reinforce]   # preset "lesson" of algorithm "reinforce"

`families/` has settings for kinds of environments, one file each: a table for every algorithm.
"""

import tomllib
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from upright.ground import UprightError, did_you_mean

NONE = "default"
FIRST_CHOICE = "tuned"
# Presets of every environment: for what is of a kind; `envs/families.py` says what is of which.
FAMILIES = {
    "discrete": "observations of numbers, actions to choose from",
    "continuous": "observations of numbers, Box actions",
    "tabular": "observations out of n, actions to choose from",
    "image": "pictures, actions to choose from",
    "image-continuous": "pictures, Box actions",
}


@dataclass(frozen=True)
class Result:
    """How the seeds went with a preset that chose nothing of it.

    Attributes:
        bar: The mean return that counted as solved.
        seeds: The first and the last of them.
        solved: How many ended with a verified policy.
        timesteps: Of those that did: median, least and greatest.
        seconds: Of training, likewise, evaluations apart, on one core of the machine of
            benchmarks/classic.md; empty where nobody took them with that core free for it.
    """

    bar: float
    seeds: tuple[int, int]
    solved: int
    timesteps: tuple[int, int, int]
    seconds: tuple[float, ...] = ()

    @property
    def tried(self) -> int:
        """How many seeds there were."""
        first, last = self.seeds
        return last - first + 1


@dataclass(frozen=True)
class Presets:
    """What is recorded for one environment.

    Attributes:
        env: Its id.
        default_algorithm: Which algorithm trains it where none is named.
        tables: Settings by preset and algorithm.
        results: What came of them, likewise, where that is recorded.
    """

    env: str
    default_algorithm: str = "ppo"
    tables: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    results: dict[str, dict[str, Result]] = field(default_factory=dict)

    @property
    def usual_result(self) -> Result | None:
        """What came of training it with nothing named but its id."""
        return self.results.get(FIRST_CHOICE, {}).get(self.default_algorithm)

    def is_tuned(self, algo: str) -> bool:
        """Whether there are tuned settings for an algorithm."""
        return algo in self.tables.get(FIRST_CHOICE, {})

    def choose(self, name: str | None, algo: str) -> tuple[str, dict[str, Any]]:
        """The preset or family called `name` for `algo`; with no name, "tuned" where there is one.

        Raises:
            UprightError: No such preset, or it does not cover the algorithm.
        """
        if name == NONE or (name is None and not self.is_tuned(algo)):
            return NONE, {}
        name = name or FIRST_CHOICE
        if name in FAMILIES:
            return name, family_tables(name)[algo]
        if name not in self.tables:
            names = [*self.tables, *FAMILIES, NONE]
            raise UprightError(
                f"{self.env} has no preset '{name}'.",
                did_you_mean(name, names, f"It has: {', '.join(names)}."),
            )
        if algo not in self.tables[name]:
            covered = " and ".join(self.tables[name])
            raise UprightError(f"The preset '{name}' of {self.env} is for {covered}, not {algo}.")
        return name, self.tables[name][algo]


def presets_of(env: str) -> Presets:
    """The presets of an environment id; an empty set where none is recorded."""
    if len(env) > 200 or not all(character.isalnum() or character in "-_./" for character in env):
        return Presets(env)
    path = resources.files(__name__) / f"{env.replace('/', '--')}.toml"
    if not path.is_file():
        return Presets(env)
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    default, results = tables.pop("default_algorithm"), {}
    for preset, algos in tables.items():
        found = {algo: table.pop("result") for algo, table in algos.items() if "result" in table}
        results[preset] = {algo: _result(table) for algo, table in found.items()}
    return Presets(env, default, tables, results)


def family_tables(family: str) -> dict[str, dict[str, Any]]:
    """The settings of one of `FAMILIES`, by algorithm."""
    path = resources.files(__name__) / "families" / f"{family}.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _result(table: dict[str, Any]) -> Result:
    given: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in table.items()
    }
    return Result(**given)
