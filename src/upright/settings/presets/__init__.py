"""Tuned settings as data: one TOML file per environment.

default_algorithm = "ppo"
[tuned.ppo]          # preset "tuned" of algorithm "ppo"
[lesson.reinforce]   # preset "lesson" of algorithm "reinforce"
"""

import tomllib
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from upright.ground import UprightError, did_you_mean

NONE = "default"
FIRST_CHOICE = "tuned"


@dataclass(frozen=True)
class Presets:
    """What is recorded for one environment."""

    env: str
    default_algorithm: str = "ppo"
    tables: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)

    def choose(self, name: str | None, algo: str) -> tuple[str, dict[str, Any]]:
        """The preset called `name` for `algo`; with no name, "tuned" where there is one.

        Raises:
            UprightError: No such preset, or it does not cover the algorithm.
        """
        if name == NONE or (name is None and algo not in self.tables.get(FIRST_CHOICE, {})):
            return NONE, {}
        name = name or FIRST_CHOICE
        if name not in self.tables:
            names = [*self.tables, NONE]
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
    return Presets(env, tables.pop("default_algorithm"), tables)
