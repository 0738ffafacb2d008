"""The table of names from Stable-Baselines3 to Upright has no name that is not there."""

import inspect
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import stable_baselines3
import torch
from stable_baselines3 import A2C, PPO
from stable_baselines3.common.callbacks import (
    CheckpointCallback,
    EvalCallback,
    StopTrainingOnRewardThreshold,
)
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.vec_env import VecNormalize

import upright
from docs.pages import blocks, columns_of_metrics, named, python_blocks, rows
from upright.settings import SETTINGS, Recipe, resolve

PAGE = "docs/howto/stable-baselines3.md"
THEIRS = (
    PPO,
    A2C,
    PPO.learn,
    ActorCriticPolicy,
    VecNormalize,
    make_vec_env,
    EvalCallback,
    CheckpointCallback,
    StopTrainingOnRewardThreshold,
)
NOTHING = "–"


def settings() -> set[str]:
    every = {name for each in SETTINGS.values() for name in each.model_fields}
    return every | set(Recipe.model_fields)


@pytest.mark.parametrize("section", ["Hyperparameters", "Callbacks"])
def test_every_name_of_a_setting_is_one_there_and_here(section: str) -> None:
    theirs = {name for each in THEIRS for name in inspect.signature(each).parameters}
    table = rows(PAGE, section)
    for their, our, _ in table:
        assert set(named(their)) <= theirs
        assert our == NOTHING or set(named(our)) <= settings()
    assert len(table) > 5


def test_every_name_of_a_metric_is_one_there_and_here() -> None:
    sources = Path(stable_baselines3.__file__).parent.rglob("*.py")
    code = "".join(path.read_text(encoding="utf-8") for path in sources)
    table = rows(PAGE, "Metrics")
    for their, our, _ in table:
        assert all(f'"{name}"' in code for name in named(their))
        assert set(named(our)) <= columns_of_metrics()
    assert len(table) > 10


def test_their_defaults_on_the_page_are_theirs_and_ours_to_take(tmp_path: Path) -> None:
    (text,) = (each.text for each in blocks(PAGE) if each.language == "toml")
    path = tmp_path / "sb3.toml"
    path.write_text(text, encoding="utf-8")
    recipe = resolve("CartPole-v1", config=path)
    signature = inspect.signature(PPO).parameters
    table = {name: our for their, our, _ in rows(PAGE, "Hyperparameters") for name in named(their)}
    compared = 0
    for name, parameter in signature.items():
        if isinstance(parameter.default, int | float) and name in table and table[name] != NOTHING:
            ours = getattr(recipe.settings, named(table[name])[0])
            assert (ours.start if hasattr(ours, "start") else ours) == parameter.default, name
            compared += 1
    assert compared > 9


def test_weights_carried_over_say_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = next(each for each in python_blocks(PAGE) if "def to_sb3" in each)
    names: dict[str, Any] = {}
    exec(compile(code, PAGE, "exec"), names)
    obs = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    recipe: dict[str, Any] = {"preset": "default", "value_scale": 50.0, "num_envs": 1}
    trainer = upright.Trainer("CartPole-v1", **recipe, hidden_sizes=[64, 32], num_steps=8)
    ours = trainer.policy
    net: dict[str, Any] = {"net_arch": [64, 32]}
    model = PPO("MlpPolicy", "CartPole-v1", policy_kwargs=net, device="cpu")
    names["to_sb3"](ours, model, 2)
    assert said_by(model, obs) == pytest.approx(said_by(ours, obs), abs=1e-4)
    other = upright.Trainer("CartPole-v1", preset="default", hidden_sizes=[64, 32]).policy
    names["from_sb3"](model, other, 2)
    assert said_by(other, obs) == pytest.approx(said_by(ours, obs), abs=1e-4)


def said_by(policy: Any, obs: np.ndarray) -> np.ndarray:
    """The probabilities and the values of a policy of ours, or of a model of theirs, [B, n + 1]."""
    if isinstance(policy, PPO):
        rows = torch.from_numpy(obs)
        with torch.no_grad():
            probs = policy.policy.get_distribution(rows).distribution.probs.numpy()
            values = policy.policy.predict_values(rows).numpy()
        return np.concatenate([probs, values], axis=1)
    probabilities = policy.distribution.probabilities(policy.params(obs))
    return np.concatenate([probabilities, policy.values(obs)[:, None]], axis=1)
