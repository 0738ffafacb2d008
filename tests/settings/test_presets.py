"""Presets: every table is valid, and the lesson's are the lesson's."""

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from support import shapes
from upright.learning.ladder import ALGORITHMS
from upright.policy.layers import Stack
from upright.policy.policy import Policy
from upright.settings import presets
from upright.settings.hyperparameters import SETTINGS
from upright.settings.presets import FAMILIES, presets_of
from upright.settings.recipe import RUN_KEYS, Recipe
from upright.settings.resolving import resolve

RECORDED = sorted(
    path.stem.replace("--", "/") for path in Path(presets.__file__).parent.glob("*.toml")
)
TABLES = [
    (env, preset, algo)
    for env in RECORDED
    for preset, algos in presets_of(env).tables.items()
    for algo in algos
]


def built(recipe: Recipe) -> tuple[Policy, Any]:
    env = gym.make(recipe.env)
    policy = Policy(env.observation_space, env.action_space, recipe.settings)
    algorithm = ALGORITHMS[recipe.algo](policy, recipe.settings, np.random.default_rng(0))
    return policy, algorithm


def activations(stack: Stack) -> list[str]:
    """What comes after a layer, for each layer that something comes after."""
    return [stack.activation] * (len(stack.layers) - 1 + stack.activate_last)


def test_cartpole_is_recorded_for_every_algorithm() -> None:
    assert "CartPole-v1" in RECORDED
    assert set(presets_of("CartPole-v1").tables["tuned"]) == set(SETTINGS)


@pytest.mark.parametrize("env", RECORDED)
def test_a_preset_file_names_an_environment_and_a_default_algorithm_that_exist(env: str) -> None:
    assert gym.spec(env).id == env
    recorded = presets_of(env)
    assert recorded.default_algorithm in SETTINGS
    assert resolve(env).algo == recorded.default_algorithm


@pytest.mark.parametrize(("env", "preset", "algo"), TABLES)
def test_every_table_resolves_to_settings_of_its_algorithm(
    env: str, preset: str, algo: str
) -> None:
    recipe = resolve(env, algo, preset=preset)
    table = presets_of(env).tables[preset][algo]
    settings = {key: value for key, value in table.items() if key not in RUN_KEYS}
    assert recipe.preset == preset
    assert preset not in FAMILIES
    assert recipe.settings == SETTINGS[algo](**settings)
    assert all(getattr(recipe, key) == table[key] for key in table.keys() - settings.keys())


RESULTS = [
    (env, preset, algo)
    for env in RECORDED
    for preset, algos in presets_of(env).results.items()
    for algo in algos
]


def test_every_environment_records_how_its_usual_preset_went() -> None:
    assert [env for env in RECORDED if presets_of(env).usual_result is None] == []


@pytest.mark.parametrize(("env", "preset", "algo"), RESULTS)
def test_a_result_is_one_that_could_have_been(env: str, preset: str, algo: str) -> None:
    result = presets_of(env).results[preset][algo]
    recipe = resolve(env, algo, preset=preset)
    assert result.bar == (recipe.reward_threshold or gym.spec(env).reward_threshold)
    assert 0 < result.solved <= result.tried
    for median, least, greatest in (result.timesteps, *([result.seconds] * bool(result.seconds))):
        assert 0 < least <= median <= greatest
    assert "result" not in presets_of(env).tables[preset][algo]


def test_the_page_on_environments_says_what_the_presets_record() -> None:
    page = Path(__file__).parents[2] / "docs" / "environments.md"
    lines = page.read_text(encoding="utf-8").splitlines()
    begin = lines.index("| environment | algorithm | bar | solved | seeds | timesteps | seconds |")
    end = lines.index("", begin)
    rows = []
    for env, preset, algo in RESULTS:
        result = presets_of(env).results[preset][algo]
        solved, seeds = f"{result.solved} of {result.tried}", "{} to {}".format(*result.seeds)
        steps = "{:,} ({:,} to {:,})".format(*result.timesteps)
        seconds = "{:.2f} ({:.2f} to {:.2f})".format(*result.seconds) if result.seconds else "–"
        rows.append(
            f"| {env} | {algo} | {result.bar:g} | {solved} | {seeds} | {steps} | {seconds} |"
        )
    assert lines[begin + 2 : end] == rows


def test_tuned_is_taken_where_there_is_one_and_default_means_none() -> None:
    recorded = presets_of("CartPole-v1")
    assert recorded.choose(None, "ppo")[0] == "tuned"
    assert recorded.choose("default", "ppo") == ("default", {})
    assert presets_of("CartPole-v0").choose(None, "ppo") == ("default", {})


@pytest.mark.parametrize("name", ["no/such-v0", "../secrets", "a b", ""])
def test_an_environment_without_a_file_has_no_presets(name: str) -> None:
    assert presets_of(name).tables == {}


def test_an_argument_is_added_to_the_presets_and_takes_the_place_of_its_own_alone() -> None:
    limited = {"max_episode_steps": 200}
    assert resolve("CliffWalking-v1").env_kwargs == limited
    added = resolve("CliffWalking-v1", env_kwargs=["is_slippery=true"])
    assert added.env_kwargs == {**limited, "is_slippery": True}
    changed = resolve("CliffWalking-v1", env_kwargs={"max_episode_steps": 50})
    assert changed.env_kwargs == {"max_episode_steps": 50}
    assert resolve("CliffWalking-v1", preset="default", env_kwargs={"a": 1}).env_kwargs == {"a": 1}


def test_the_lessons_reinforce_is_the_notebooks() -> None:
    recipe = resolve("CartPole-v1", "reinforce", preset="lesson")
    settings = recipe.settings
    policy, algorithm = built(recipe)
    assert shapes(policy.network.actor) == [(128, 4), (2, 128)]
    assert all(layer.bias is None for layer in policy.network.actor.layers)
    assert activations(policy.network.actor) == ["relu"]
    assert not policy.has_critic
    assert shapes(policy.network.critic) == []
    assert policy.normalizer is None
    assert shapes(policy.network.torso) == []
    assert len(algorithm.optimizers) == 1
    assert algorithm.optimizers[0].eps == 1e-8
    assert (settings.learning_rate.start, settings.learning_rate.end) == (0.01, 0.01)
    assert settings.max_grad_norm == 0.0
    assert settings.ent_coef == 0.0
    assert settings.gamma == 0.99
    assert settings.normalize_returns is True
    assert settings.normalize_eps == 1e-4
    assert (settings.num_envs, settings.num_episodes, settings.total_episodes) == (1, 1, 300)
    assert settings.rollout_steps == 0
    assert settings.initialization == "uniform"
    assert recipe.until == "budget"


def test_the_lessons_actor_critic_is_the_notebooks() -> None:
    recipe = resolve("CartPole-v1", "actor-critic", preset="lesson")
    settings = recipe.settings
    policy, algorithm = built(recipe)
    assert shapes(policy.network.actor) == [(128, 4), (256, 128), (2, 256)]
    assert shapes(policy.network.critic) == [(128, 4), (256, 128), (1, 256)]
    for network in (policy.network.actor, policy.network.critic):
        assert all(layer.bias is not None for layer in network.layers)
        assert activations(network) == ["relu", "relu"]
    assert policy.normalizer is None
    assert shapes(policy.network.torso) == []
    assert [optimizer.eps for optimizer in algorithm.optimizers] == [1e-8, 1e-8]
    assert (settings.learning_rate.start, settings.learning_rate.end) == (0.001, 0.001)
    assert settings.max_grad_norm == 0.0
    assert (settings.vf_coef, settings.value_scale, settings.ent_coef) == (1.0, 1.0, 0.0)
    assert (settings.gamma, settings.gae_lambda) == (0.99, 1.0)
    assert settings.normalize_advantages is False
    assert (settings.num_envs, settings.rollout_steps, settings.total_episodes) == (1, 0, 100)
    assert settings.initialization == "uniform"
    assert recipe.until == "budget"


@pytest.mark.parametrize("algo", ["reinforce", "actor-critic"])
def test_the_lessons_presets_train_one_episode_an_update(algo: str) -> None:
    import upright

    trainer = upright.Trainer("CartPole-v1", algo, preset="lesson", total_episodes=3, seed=0)
    iterations = list(trainer)
    trainer.close()
    assert [len(iteration.episodes) for iteration in iterations] == [1, 1, 1]
    assert trainer.timesteps == sum(episode.length for it in iterations for episode in it.episodes)
