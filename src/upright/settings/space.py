"""What a search draws settings from: a TOML file with a table for each setting that varies.

[learning_rate]      # a number; `falls_to`: the part of itself that it falls to while it trains
low = 0.0003
high = 0.03
log = true
falls_to = 0.1

[num_steps]          # one of several
choices = [16, 32, 64]

[num_episodes]       # what another setting has
same_as = "num_envs"
"""

import tomllib
from collections.abc import Collection, Iterator, Mapping
from importlib import resources
from itertools import combinations
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from upright.ground import UprightError, did_you_mean, shortened
from upright.settings.config import Config, read_config
from upright.settings.dimensions import Choice, Dimension, Drawer, Range, Same, dimension_of
from upright.settings.hyperparameters import SETTINGS
from upright.settings.recipe import Recipe

# How trials are judged, which is the same for all of them.
JUDGED_BY = {
    "total_timesteps": "Give it with --total-timesteps.",
    "total_episodes": "Give it with --total-episodes.",
    "eval_every": "Give it with --eval-every.",
}


class SearchSpace:
    """What a search draws settings from.

    Args:
        file: The tables.
        algo: Whose settings they are.

    Attributes:
        text: The file's.
        dimensions: What is drawn, by setting.

    Raises:
        UprightError: A key is no setting, or its table describes nothing to draw.
    """

    def __init__(self, file: Config, algo: str) -> None:
        self._file, self.text = file, file.text
        self.dimensions: dict[str, Dimension] = {}
        if not file.table:
            raise UprightError(f"{file.path} names no setting, so that there is nothing to search.")
        for name, table in file.table.items():
            self._refuse_unknown(name, algo)
            try:
                kind = SETTINGS[algo].model_fields[name].annotation
                self.dimensions[name] = dimension_of(table, kind)
            except ValueError as error:
                raise UprightError(f"{self._place(name)}: {name}: {error}.") from None
        for name, each in self.dimensions.items():
            if isinstance(each, Same):
                self._refuse_unlike(name, each, algo)

    def hold(self, given: Collection[str]) -> None:
        """Draw nothing of the settings that were given otherwise.

        Raises:
            UprightError: Nothing is left, or nothing was drawn.
        """
        if not self._drawn():
            raise UprightError(
                f"{self._file.path} draws nothing.", "Give some setting a range, or choices."
            )
        self.dimensions = {
            name: each for name, each in self.dimensions.items() if name not in given
        }
        if not self._drawn():
            raise UprightError(
                f"Nothing is left to search: all that {self._file.path} names is given.",
                "Leave out a setting, or name another space.",
            )

    def refuse_unfit(self, recipe: Recipe) -> None:
        """Refuse a space that holds what is no setting, or two that do not go together.

        Args:
            recipe: Has all that is not drawn.

        Raises:
            UprightError: It holds such.
        """
        for name, each in self._drawn().items():
            for drawn in each.extremes():
                try:
                    recipe.changed({name: each.value(drawn)})
                except UprightError as error:
                    if _is_of_one(error):
                        raise UprightError(
                            f"{self._place(name)}: {error.message}", error.hint
                        ) from error
        for names, params in self._corners():
            try:
                recipe.changed(self.settings(params, recipe))
            except UprightError as error:
                which = " with ".join(f"{name} = {params[name]}" for name in names)
                raise UprightError(
                    f"{self._place(names[-1])}: {which} will not do. {error.message}", error.hint
                ) from error

    def draw(self, source: Drawer) -> dict[str, Any]:
        """What is drawn for each setting."""
        return {name: each.draw(name, source) for name, each in self._drawn().items()}

    def settings(self, params: Mapping[str, Any], recipe: Recipe) -> dict[str, Any]:
        """The settings that draws stand for; `recipe` has the others."""
        found = {name: each.value(params[name]) for name, each in self._drawn().items()}
        usual = recipe.flat()
        for name, each in self.dimensions.items():
            if isinstance(each, Same):
                found[name] = found.get(each.setting, usual[each.setting])
        return found

    def params(self, recipe: Recipe) -> dict[str, Any]:
        """What would be drawn to be the recipe's own settings, wherever the space has them."""
        own = {
            name: each.drawn(getattr(recipe.settings, name)) for name, each in self._drawn().items()
        }
        return {name: value for name, value in own.items() if value is not None}

    def table(self) -> dict[str, Any]:
        """What is searched, as JSON values."""
        return {name: each._asdict() for name, each in self.dimensions.items()}

    def _drawn(self) -> dict[str, Range | Choice]:
        return {name: each for name, each in self.dimensions.items() if not isinstance(each, Same)}

    def _corners(self) -> Iterator[tuple[list[str], dict[str, Any]]]:
        """Draws that try every two settings at their ends, and which these are."""
        drawn = self._drawn()
        first = {name: each.extremes()[0] for name, each in drawn.items()}
        if len(drawn) == 1:
            (name,) = drawn
            yield from (([name], {name: value}) for value in drawn[name].extremes())
        for one, other in combinations(drawn, 2):
            for value in drawn[one].extremes():
                for another in drawn[other].extremes():
                    yield [one, other], first | {one: value, other: another}

    def _refuse_unknown(self, name: str, algo: str) -> None:
        known = SETTINGS[algo].model_fields
        if name in JUDGED_BY:
            raise UprightError(
                f"{self._place(name)}: {name} is the same for all trials, and not searched.",
                JUDGED_BY[name],
            )
        if name not in known:
            owners = [each for each, kind in SETTINGS.items() if name in kind.model_fields]
            hint = f"It belongs to {' and '.join(owners)}."
            lists = f"`upright train --algo {algo} --help` lists them."
            raise UprightError(
                f"{self._place(name)}: {algo} has no setting '{shortened(name, 40)}'.",
                hint if owners else did_you_mean(name, known, lists),
            )

    def _refuse_unlike(self, name: str, same: Same, algo: str) -> None:
        other = same.setting
        if other == name or other not in SETTINGS[algo].model_fields:
            raise UprightError(
                f"{self._place(name)}: {name}: same_as = '{shortened(other, 40)}' is no other "
                "setting."
            )
        if isinstance(self.dimensions.get(other), Same):
            raise UprightError(
                f"{self._place(name)}: {name}: same_as names {other}, which has one itself."
            )

    def _place(self, name: str) -> str:
        return self._file.place(name)


def read_space(path: str | Path | None, algo: str) -> SearchSpace:
    """The space in a file, or an algorithm's own where none is named.

    Raises:
        UprightError: The file cannot be read, or is none.
    """
    if path is not None:
        return SearchSpace(read_config(path), algo)
    own = resources.files("upright.settings") / "spaces" / f"{algo}.toml"
    text = own.read_text(encoding="utf-8")
    return SearchSpace(Config(f"settings/spaces/{algo}.toml", text, tomllib.loads(text)), algo)


def _is_of_one(error: UprightError) -> bool:
    """Whether what was refused is one setting's value, whatever the others are."""
    cause = error.__cause__
    return isinstance(cause, ValidationError) and bool(cause.errors()[0]["loc"])
