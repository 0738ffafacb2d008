"""Recipes: defaults, preset, file and keywords, in this order; what is wrong is said precisely."""

from pathlib import Path
from typing import Any

import pytest
import tomli_w

from upright.ground.errors import UprightError
from upright.settings.hyperparameters import SETTINGS, PPOSettings
from upright.settings.recipe import ENVIRONMENT, RUN_KEYS
from upright.settings.resolving import read_recipe, resolve

ENV = "CartPole-v0"


def written(folder: Path, text: str) -> Path:
    path = folder / "my.toml"
    path.write_text(text)
    return path


def test_without_a_preset_a_recipe_is_the_defaults() -> None:
    recipe = resolve(ENV, "ppo")
    assert recipe.settings == PPOSettings()
    assert (recipe.preset, recipe.seed, recipe.until, recipe.threads) == (
        "default",
        0,
        "solved",
        1,
    )


def test_a_file_goes_before_the_preset_and_keywords_before_the_file(tmp_path: Path) -> None:
    lesson = resolve("CartPole-v1", "reinforce", preset="lesson").settings
    assert (lesson.gamma, lesson.hidden_sizes, lesson.bias) == (0.99, (128,), False)
    config = written(tmp_path, "gamma = 0.9\nhidden_sizes = [7]\nseed = 3\n")
    recipe = resolve(
        "CartPole-v1", "reinforce", preset="lesson", config=config, gamma=0.8, seed=None
    )
    assert recipe.settings.gamma == 0.8
    assert recipe.settings.hidden_sizes == (7,)
    assert recipe.settings.bias is False
    assert recipe.seed == 3


def test_a_file_alone_may_name_everything(tmp_path: Path) -> None:
    config = written(tmp_path, f'env = "{ENV}"\nalgo = "actor-critic"\nnum_steps = 5\n')
    recipe = resolve(config=config)
    assert (recipe.env, recipe.algo, recipe.settings.num_steps) == (ENV, "actor-critic", 5)


@pytest.mark.parametrize("algo", SETTINGS)
def test_a_flat_recipe_reads_back_as_it_was(tmp_path: Path, algo: str) -> None:
    recipe = resolve(
        ENV, algo, seed=5, until="budget", learning_rate="0.01:0", hidden_sizes="8,4", threads=2
    )
    path = written(tmp_path, tomli_w.dumps(recipe.flat()))
    assert read_recipe(path) == recipe
    assert resolve(config=path) == recipe
    known = {*RUN_KEYS, *SETTINGS[algo].model_fields}
    unnamed = {"reward_threshold", "ray_address", *ENVIRONMENT}
    assert set(recipe.flat()) == known - unnamed


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"algo": "pp"}, "Unknown algorithm 'pp'. Did you mean ppo?"),
        ({"algo": "zzz"}, "There are reinforce, actor-critic, ppo."),
        ({"gama": 0.9}, "has no setting 'gama'. Did you mean gamma"),
        ({"gamma": 2.0}, "at least 0 and at most 1"),
        ({"gamma": "high"}, "gamma = 'high'"),
        ({"num_envs": 1.5}, "num_envs = 1.5"),
        ({"seed": -1}, "seed = -1"),
        ({"seed": 2**63}, "seed"),
        ({"threads": 0}, "at least 1"),
        ({"until": "tomorrow"}, "'solved' or 'budget'"),
        ({"device": "tpu"}, "device = 'tpu'"),
        ({"algo": "reinforce", "clip_range": 0.1}, "reinforce has no setting 'clip_range'"),
        ({"algo": "reinforce", "clip_range": 0.1}, "It belongs to ppo."),
        ({"algo": "reinforce", "num_episodes": 5}, "multiple of num_envs"),
        (
            {"backend": "async"},
            "backend = 'async': worker processes collect shards now; say --shard",
        ),
        ({"preset": "tunned"}, "has no preset 'tunned'"),
    ],
    ids=str,
)
def test_what_is_wrong_is_named_with_what_would_be_right(
    arguments: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(UprightError) as caught:
        resolve(ENV, **({"algo": "ppo"} | arguments))
    assert sentence in str(caught.value)


def test_a_preset_of_another_algorithm_is_refused() -> None:
    with pytest.raises(UprightError, match="'lesson' of CartPole-v1 is for reinforce and actor"):
        resolve("CartPole-v1", "ppo", preset="lesson")


def test_an_unknown_key_in_a_file_is_named_with_file_and_line(tmp_path: Path) -> None:
    config = written(tmp_path, '# mine\nalgo = "ppo"\n\ngama = 0.9\n')
    with pytest.raises(UprightError) as caught:
        resolve(ENV, config=config)
    assert f"{config}, line 4: unknown key 'gama'." in str(caught.value)
    assert "gamma" in caught.value.hint


def test_a_table_in_a_file_is_an_unknown_key(tmp_path: Path) -> None:
    config = written(tmp_path, "gamma = 0.9\n[ppo]\ngamma = 0.8\n")
    with pytest.raises(UprightError, match=r"line 2: unknown key 'ppo'"):
        resolve(ENV, config=config)


def test_a_key_of_another_algorithm_in_a_file_is_named_with_the_file(tmp_path: Path) -> None:
    config = written(tmp_path, "clip_range = 0.1\n")
    with pytest.raises(UprightError, match=r"no setting 'clip_range'.*my\.toml"):
        resolve(ENV, "reinforce", config=config)


@pytest.mark.parametrize(
    "text",
    [
        "gamma = ",
        "gamma = 0.9\ngamma = 0.8",
        'gamma = "high"',
        "seed = -4",
        "preset = 3",
        "env = 3",
        "algo = 3",
        'algo = ["ppo"]',
        "algo = {a = 1}",
        "preset = []",
        "seed = [1]",
        "hidden_sizes = {a = 1}",
        "learning_rate = [1, 2, 3]",
        "until = 1979-05-27",
    ],
)
def test_a_file_that_will_not_do_is_a_clear_error(tmp_path: Path, text: str) -> None:
    config = written(tmp_path, text)
    with pytest.raises(UprightError):
        resolve(None if text.startswith("env") else ENV, config=config)


def test_a_file_with_a_wrong_value_is_named(tmp_path: Path) -> None:
    config = written(tmp_path, 'algo = "ppo"\ngamma = 2.0\n')
    with pytest.raises(UprightError, match="gamma = 2"):
        resolve(ENV, config=config)


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_a_file_that_cannot_be_read_is_a_clear_error(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "my.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UprightError, match=r"Cannot read the config file .*my\.toml"):
        resolve(ENV, config=path)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(UprightError, match="Cannot read the config file"):
        resolve(ENV, config=tmp_path)


def test_no_environment_is_a_clear_error() -> None:
    with pytest.raises(UprightError, match="No environment was named"):
        resolve()


def test_checkpoints_come_at_an_interval_and_sooner_at_first_where_none_was_asked_for() -> None:
    def due(timesteps: int, **settings: Any) -> list[int]:
        recipe = resolve("CartPole-v1", "ppo", **settings)
        found, at = [], 0
        while at < timesteps:
            at = recipe.checkpoint_after(at)
            found.append(at)
        return found

    assert due(50, total_timesteps=10_000, checkpoint_every=20) == [20, 40, 60]
    assert due(20_000, total_timesteps=200_000) == [625, 1250, 2500, 5000, 10_000, 20_000]
    assert due(4, total_timesteps=60) == [1, 3, 6]
    assert due(3, total_timesteps=3) == [1, 2, 3]
    recipe = resolve("CartPole-v1", "ppo", total_timesteps=200_000)
    assert [recipe.checkpoint_after(n) for n in (624, 625, 3000, 11_000)] == [
        625, 1250, 5000, 20_000,
    ]  # fmt: skip
