"""What has no preset takes its family's settings, by its spaces alone."""

import tomllib
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces

import upright
from upright.cli import main
from upright.envs.families import family_of_spaces, recipe_for
from upright.ground.errors import UprightError
from upright.settings.command import command_line
from upright.settings.hyperparameters import SETTINGS
from upright.settings.presets import FAMILIES, NONE
from upright.settings.resolving import resolve

NUMBERS = spaces.Box(-1.0, 1.0, (3,), np.float32)
PICTURE = spaces.Box(0, 255, (7, 7, 3), np.uint8)
TORQUE = spaces.Box(-2.0, 2.0, (1,), np.float32)
CELL, PUSH = spaces.Discrete(16), spaces.Discrete(2)
UNRECORDED = "probes/Easy-v0"
ENV_FILE = """
import gymnasium as gym
from pathlib import Path

def pole():
    Path("made").touch()
    return gym.make("CartPole-v1")

def bare():
    return object()
"""


@pytest.fixture(autouse=True)
def registered(easy: str) -> None:
    assert easy == UNRECORDED


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "poles.py").write_text(ENV_FILE)
    return tmp_path


@pytest.mark.parametrize(
    ("seen", "acted", "family"),
    [
        (NUMBERS, PUSH, "discrete"),
        (NUMBERS, spaces.MultiDiscrete([2, 3]), "discrete"),
        (NUMBERS, spaces.MultiBinary(2), "discrete"),
        (spaces.MultiBinary(4), PUSH, "discrete"),
        (spaces.Box(0, 255, (128,), np.uint8), PUSH, "discrete"),
        (NUMBERS, TORQUE, "continuous"),
        (NUMBERS, spaces.Tuple((PUSH, TORQUE)), "continuous"),
        (CELL, TORQUE, "continuous"),
        (CELL, PUSH, "tabular"),
        (spaces.Tuple((CELL, spaces.Discrete(11))), PUSH, "tabular"),
        (spaces.Dict({"cell": CELL, "speed": NUMBERS}), PUSH, "discrete"),
        (PICTURE, PUSH, "image"),
        (spaces.Dict({"picture": PICTURE, "speed": NUMBERS}), PUSH, "image"),
        (PICTURE, TORQUE, "image-continuous"),
    ],
)
def test_a_family_follows_from_the_spaces(seen: Any, acted: Any, family: str) -> None:
    assert family_of_spaces(seen, acted) == family


@pytest.mark.parametrize("algo", SETTINGS)
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_has_settings_for_every_algorithm(family: str, algo: str) -> None:
    recipe = resolve(UNRECORDED, algo, preset=family)
    assert recipe.preset == family
    assert recipe.settings != SETTINGS[algo]()
    assert recipe.reward_threshold is None


@pytest.mark.parametrize("algo", SETTINGS)
def test_what_has_no_preset_takes_its_family_and_says_so(algo: str) -> None:
    recipe = recipe_for(UNRECORDED, algo)
    assert recipe == resolve(UNRECORDED, algo, preset="discrete")
    assert f"--algo {algo} --preset discrete --seed 0" in command_line(recipe)


def test_keywords_and_files_go_before_the_family(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text('gamma = 0.5\nalgo = "ppo"\n')
    settings = recipe_for(UNRECORDED, config=tmp_path / "c.toml", num_epochs=3).settings
    family = resolve(UNRECORDED, "ppo", preset="discrete").settings
    assert settings == family.model_copy(update={"gamma": 0.5, "num_epochs": 3})


def test_a_preset_that_is_named_or_recorded_is_no_family(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text('preset = "default"\n')
    assert recipe_for("CartPole-v1").preset == "tuned"
    assert recipe_for(UNRECORDED, preset=NONE).settings == SETTINGS["ppo"]()
    assert recipe_for(UNRECORDED, config=tmp_path / "c.toml").preset == NONE
    assert recipe_for("CartPole-v1", preset="discrete").preset == "discrete"
    with pytest.raises(UprightError, match="no preset 'discret'") as refused:
        recipe_for("CartPole-v1", preset="discret")
    assert "discrete" in refused.value.hint


def test_a_complete_description_makes_no_environment(here: Path) -> None:
    recipe = recipe_for("poles.py:pole", preset="discrete")
    assert not (here / "made").exists()
    (here / "c.toml").write_text(
        "\n".join(f"{key} = {value!r}" for key, value in recipe.flat().items() if key in NAMED)
    )
    assert recipe_for(config=here / "c.toml", trust_code=True).preset == "discrete"
    assert not (here / "made").exists()
    assert recipe_for("poles.py:pole").preset == "discrete"
    assert (here / "made").exists()


NAMED = ("env", "algo", "preset")


def test_wrappers_and_arguments_are_part_of_what_is_looked_at() -> None:
    counted = "gymnasium.wrappers:DiscretizeObservation(bins=4)"
    assert recipe_for(UNRECORDED, wrapper=[counted]).preset == "tabular"
    assert recipe_for(lambda: gym.make("Pendulum-v1")).preset == "continuous"


def test_code_that_only_a_file_names_is_not_imported_to_see_its_family(here: Path) -> None:
    (here / "poles.py").write_text("raise SystemExit('imported')")
    (here / "c.toml").write_text('env = "poles.py:pole"\n')
    with pytest.raises(UprightError, match=r"names the environment poles\.py:pole, code"):
        recipe_for(config=here / "c.toml")
    (here / "c.toml").write_text(f'env = "{UNRECORDED}"\nimports = ["poles"]\n')
    with pytest.raises(UprightError, match="names the import poles, code"):
        upright.train(config=here / "c.toml", out=here / "runs")
    assert not (here / "runs").exists()


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ("NoSuch-v1", "There is no environment 'NoSuch-v1'"),
        ("poles.py:bare", "made an object of type object, not a gymnasium.Env"),
        ("poles.py:none", "has no environment 'none'"),
    ],
)
def test_what_cannot_be_made_is_said_as_ever_and_nothing_is_written(
    here: Path, env: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UprightError, match=said):
        upright.train(env, out=here / "runs")
    assert main(["train", env]) == 2
    assert said in capsys.readouterr().err
    assert not (here / "runs").exists()


def test_a_run_records_its_family_and_goes_on_with_it(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--total-timesteps", "512", "--num-steps", "32", "--eval-every", "512", "--no-media"]
    assert main(["train", "poles.py:pole", *words]) == 0
    said = "preset discrete: settings for a kind of environment (observations of numbers, actions"
    assert said in capsys.readouterr().err
    folder = here / "runs" / "poles.py-pole" / "ppo-s0"
    assert tomllib.loads((folder / "settings.toml").read_text())["preset"] == "discrete"
    assert "--preset discrete" in (folder / "command.txt").read_text()
    run = upright.load(folder, trust_code=True)
    assert run.info["preset"] == "discrete"
    assert upright.verify(run).identical
    more = ["--total-timesteps", "1024", "--trust-code", "--no-media"]
    assert main(["resume", str(folder), *more]) == 0
    assert said in capsys.readouterr().err
    assert upright.load(folder, trust_code=True).recipe.preset == "discrete"


def test_the_list_says_the_family_of_what_has_no_preset(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["envs", "Blackjack-v1"]) == 0
    assert "family: tabular" in capsys.readouterr().out
    assert main(["envs", "CartPole-v1"]) == 0
    assert "family" not in capsys.readouterr().out
