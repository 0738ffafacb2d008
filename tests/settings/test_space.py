"""Spaces of a search: what they draw, what is refused, and that the algorithms' own fit."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from upright.ground.errors import UprightError
from upright.settings.hyperparameters import SETTINGS, Schedule
from upright.settings.presets import FAMILIES
from upright.settings.resolving import resolve
from upright.settings.space import read_space

BASE = resolve("CartPole-v1", "ppo", preset="default")


class Ends:
    """Draws the last of everything."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        return high

    def suggest_int(self, name: str, low: int, high: int, *, log: bool = False) -> int:
        return high

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        return choices[-1]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "space.toml"


WRONG: dict[str, tuple[str, str]] = {
    "nothing": ("", "space.toml names no setting"),
    "no TOML": ("[gamma", "space.toml is not valid TOML"),
    "unknown": ("[gama]\nchoices = [1]", "line 1: ppo has no setting 'gama'. Did you mean gamma?"),
    "another's": (
        "[gamma]\nchoices = [0.9]\n[baseline]\nchoices = [true]",
        "line 3: ppo has no setting 'baseline'. It belongs to reinforce.",
    ),
    "no setting": ("[seed]\nchoices = [1]", "ppo has no setting 'seed'."),
    "the budget": ("[total_timesteps]\nchoices = [9]", "is the same for all trials"),
    "no table": ("gamma = 0.9", "line 1: gamma: should have low and high"),
    "half a range": ("[gamma]\nlow = 0.9", "gamma: should have low and high"),
    "both": ("[gamma]\nlow = 0.1\nhigh = 0.9\nchoices = [1]", "should have low and high"),
    "unknown key": ("[gamma]\nlow = 0.1\nhihg = 0.9", "gamma: has no 'hihg'; did you mean high."),
    "empty range": ("[gamma]\nlow = 0.9\nhigh = 0.1", "the range from 0.9 to 0.1 is empty."),
    "no width": ("[gamma]\nlow = 0.9\nhigh = 0.9", "the range from 0.9 to 0.9 is empty."),
    "no choices": ("[gamma]\nchoices = []", "should be a list of at least one value."),
    "twice": ("[gamma]\nchoices = [0.9, 0.9]", "the choice 0.9 comes twice."),
    "above": ("[gamma]\nlow = 0.9\nhigh = 1.1", "gamma = 1.1 is out of range: should be at least"),
    "a choice": ("[gamma]\nchoices = [0.9, -1]", "line 1: gamma = -1 is out of range"),
    "a text": ("[gamma]\nlow = 'a'\nhigh = 2", "gamma: low = 'a' should be a number."),
    "no whole": ("[num_epochs]\nlow = 1.5\nhigh = 2", "low = 1.5 should be a whole number."),
    "endless": ("[ent_coef]\nlow = 0\nhigh = inf", "high = inf is no number that a setting can be"),
    "log of 0": ("[ent_coef]\nlow = 0\nhigh = 1\nlog = true", "low = 0 should be above 0"),
    "log": ("[ent_coef]\nlow = 1\nhigh = 2\nlog = 3", "log should be true or false."),
    "no number": ("[activation]\nlow = 0\nhigh = 1", "activation: is no number"),
    "a choice of names": ("[activation]\nchoices = ['gelu']", "'tanh' or 'relu'"),
    "a table": ("[gamma]\nchoices = [{a = 1}]", "choices should be numbers, texts"),
    "a fall": ("[gamma]\nlow = 0.1\nhigh = 0.9\nfalls_to = 0.1", "cannot move while it trains"),
    "rising": (
        "[learning_rate]\nlow = 0.1\nhigh = 0.9\nfalls_to = 2",
        "falls_to should be a part, from 0 to 1.",
    ),
    "a stranger": ("[num_steps]\nsame_as = 'seed'", "same_as = 'seed' is no other setting."),
    "itself": ("[num_steps]\nsame_as = 'num_steps'", "is no other setting."),
    "round": (
        "[num_steps]\nsame_as = 'num_envs'\n[num_envs]\nsame_as = 'num_steps'",
        "same_as names num_envs, which has one itself.",
    ),
    "two": (
        "[shared_network]\nchoices = [false, true]\n[separate_optimizers]\nchoices = [false, true]",
        "line 3: shared_network = True with separate_optimizers = True will not do. The settings",
    ),
    "with what is given": ("[shards]\nchoices = [0, 3]", "shards = 3 will not do."),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_space_is_refused_in_a_sentence_that_names_file_and_key(
    case: str, file: Path
) -> None:
    text, said = WRONG[case]
    file.write_text(text)
    with pytest.raises(UprightError) as refused:
        read_space(file, "ppo").refuse_unfit(BASE)
    assert said in str(refused.value)
    assert "space.toml" in refused.value.message
    assert refused.value.message.endswith(".")
    assert "\n" not in refused.value.message


def test_a_space_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UprightError, match=r"none\.toml: No such file"):
        read_space(tmp_path / "none.toml", "ppo")


@pytest.mark.parametrize("algo", SETTINGS)
@pytest.mark.parametrize("preset", ["default", "tuned", *FAMILIES])
def test_an_algorithms_own_space_fits_every_preset(algo: str, preset: str) -> None:
    recipe = resolve("CartPole-v1", algo, preset=preset)
    space = read_space(None, algo)
    space.refuse_unfit(recipe)
    assert recipe.changed(space.settings(space.draw(Ends()), recipe)) != recipe


def test_learning_rates_fall_and_are_such_that_a_person_can_type_them(file: Path) -> None:
    file.write_text("[learning_rate]\nlow = 0.001\nhigh = 0.0123456\nlog = true\nfalls_to = 0.1\n")
    space = read_space(file, "ppo")
    (drawn,) = (space.dimensions["learning_rate"],)
    assert drawn.value(0.00234567) == "0.002346:0.0002346"
    assert drawn.value(0.0123456) == "0.0123456:0.001235"  # no further than the range
    found = BASE.changed(space.settings({"learning_rate": 0.002}, BASE))
    assert found.settings.learning_rate == Schedule(0.002, 0.0002)


def test_what_is_the_same_as_another_follows_it_whoever_gave_that(file: Path) -> None:
    file.write_text("[num_envs]\nchoices = [4, 16]\n[num_episodes]\nsame_as = 'num_envs'\n")
    recipe, space = resolve("CartPole-v1", "reinforce", num_envs=8), read_space(file, "reinforce")
    assert space.settings({"num_envs": 4}, recipe) == {"num_envs": 4, "num_episodes": 4}
    file.write_text("[gamma]\nchoices = [0.9]\n[num_episodes]\nsame_as = 'num_envs'\n")
    space = read_space(file, "reinforce")
    assert space.settings({"gamma": 0.9}, recipe) == {"gamma": 0.9, "num_episodes": 8}


def test_what_is_given_is_not_drawn(file: Path) -> None:
    file.write_text("[gamma]\nchoices = [0.9]\n[num_envs]\nchoices = [4]\n")
    space = read_space(file, "ppo")
    space.hold(["gamma", "env"])
    assert space.draw(Ends()) == {"num_envs": 4}
    with pytest.raises(UprightError, match=r"Nothing is left to search: all that .*space\.toml"):
        space.hold(["num_envs"])


def test_a_recipes_own_values_are_found_wherever_the_space_has_them(file: Path) -> None:
    recipe = BASE.changed({"learning_rate": "0.008:0.0008", "hidden_sizes": [64, 64]})
    file.write_text(
        "[learning_rate]\nlow = 0.001\nhigh = 0.01\nlog = true\nfalls_to = 0.1\n"
        "[clip_range]\nlow = 0.1\nhigh = 0.15\n"
        "[num_epochs]\nlow = 4\nhigh = 12\n"
        "[gamma]\nlow = 0.9\nhigh = 0.995\n"
        "[hidden_sizes]\nchoices = [[32], [64, 64]]\n"
        "[activation]\nchoices = ['relu', 'tanh']\n"
        "[normalize_obs]\nchoices = [true, false]\n"
        "[minibatch_size]\nchoices = [64, 128]\n"
    )
    space = read_space(file, "ppo")
    found = space.params(recipe)
    assert found == {
        "learning_rate": 0.008, "num_epochs": 10, "gamma": 0.99, "hidden_sizes": "64,64",
        "activation": "tanh", "normalize_obs": False,
    }  # fmt: skip
    others = {"clip_range": 0.1, "minibatch_size": 64}
    settings = recipe.changed(space.settings(found | others, recipe)).settings
    assert settings.learning_rate == recipe.settings.learning_rate
    assert settings.hidden_sizes == (64, 64)


def test_a_rate_that_stays_is_not_one_that_falls(file: Path) -> None:
    file.write_text("[learning_rate]\nlow = 0.001\nhigh = 0.01\n")
    space = read_space(file, "ppo")
    assert space.params(BASE.changed({"learning_rate": 0.005})) == {"learning_rate": 0.005}
    assert space.params(BASE.changed({"learning_rate": "0.005:0.0005"})) == {}
