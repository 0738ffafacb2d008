"""The run folder, read."""

import pickle
from collections.abc import Callable
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest

import upright
from support import renamed, same_weights, weights_of, write_json
from upright.ground.errors import UprightError
from upright.ground.reading import read_json
from upright.runs.run import Run


def test_a_loaded_run_knows_what_it_was(run: Run, finished_run: Path) -> None:
    assert run.path == finished_run
    assert run.status == "finished"
    assert run.solved is False
    assert run.recipe.env == "CartPole-v1"
    assert run.recipe.settings.total_timesteps == 2048
    assert "finished" in repr(run)
    assert upright.load(str(finished_run)).info == run.info


def test_an_evaluation_has_what_is_promised(run: Run) -> None:
    evaluation = run.evaluate(episodes=10)
    low, high = evaluation.interval
    assert len(evaluation.returns) == 10
    assert low <= evaluation.mean <= high
    assert evaluation.std >= 0.0
    assert evaluation.solved is False
    assert evaluation.threshold == 475.0
    assert evaluation == run.evaluate(episodes=10)
    assert evaluation.returns != run.evaluate(episodes=10, seed=1).returns
    assert evaluation.returns != run.evaluate(episodes=10, deterministic=False).returns


@pytest.mark.parametrize("episodes", [0, -1])
def test_an_evaluation_needs_an_episode(run: Run, episodes: int) -> None:
    with pytest.raises(UprightError, match="at least 1"):
        run.evaluate(episodes=episodes)


def test_the_policy_predicts_for_one_observation_and_for_many(run: Run) -> None:
    env = gym.make("CartPole-v1")
    obs, _ = env.reset(seed=0)
    action, state = run.policy.predict(obs, deterministic=True)
    assert env.action_space.contains(action)
    assert state is None
    actions, _ = run.policy.predict(np.stack([obs] * 3), deterministic=True)
    assert actions.tolist() == [action] * 3
    env.step(action)
    env.close()


def test_stable_baselines3_evaluates_the_policy(run: Run) -> None:
    from stable_baselines3.common.env_util import make_vec_env
    from stable_baselines3.common.evaluation import evaluate_policy

    env = make_vec_env("CartPole-v1", n_envs=2, seed=0)
    returns, lengths = evaluate_policy(
        run.policy, env, n_eval_episodes=20, deterministic=True, return_episode_rewards=True
    )
    env.close()
    assert len(returns) == 20
    assert returns == lengths
    low, high = run.evaluate(episodes=100).interval
    assert low * 0.5 <= np.mean(returns) <= high * 2.0


def test_the_policy_of_a_run_is_the_one_that_was_judged(run: Run) -> None:
    one, other = run.policy, upright.load(run.path).policy
    obs = np.random.default_rng(0).normal(size=(50, 4))
    expected, _ = one.predict(obs, deterministic=True)
    np.testing.assert_array_equal(other.predict(obs, deterministic=True)[0], expected)


@pytest.mark.parametrize("name", ["nothing", "empty", "file"])
def test_a_folder_that_is_no_run_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    with pytest.raises(UprightError, match="run folder"):
        upright.load(tmp_path / name)


def test_another_schema_is_refused(run_copy: Path) -> None:
    write_json(run_copy / "run.json", read_json(run_copy / "run.json") | {"schema": 99})
    with pytest.raises(UprightError, match="schema 99"):
        upright.load(run_copy)


def no_json(folder: Path) -> None:
    (folder / "run.json").write_text("{")


def no_settings(folder: Path) -> None:
    (folder / "settings.toml").unlink()


def no_algo(folder: Path) -> None:
    (folder / "settings.toml").write_text('env = "CartPole-v1"\n')


def no_weights(folder: Path) -> None:
    (folder / "policy.safetensors").unlink()


def a_pickle(folder: Path) -> None:
    (folder / "policy.safetensors").write_bytes(pickle.dumps([1, 2]))


def no_spaces(folder: Path) -> None:
    write_json(folder / "run.json", {"schema": 1, "env": "CartPole-v1"})


def other_spaces(folder: Path) -> None:
    info = read_json(folder / "run.json")
    info["action_space"] = {"type": "Discrete", "n": 5, "start": 0}
    write_json(folder / "run.json", info)


def space_of_no_kind(folder: Path) -> None:
    info = read_json(folder / "run.json")
    info["observation_space"] = [1, 2]
    write_json(folder / "run.json", info)


@pytest.mark.parametrize(
    "spoil",
    [
        no_json,
        no_settings,
        no_algo,
        no_weights,
        a_pickle,
        no_spaces,
        other_spaces,
        space_of_no_kind,
    ],
)
def test_a_spoilt_folder_is_a_clear_error(run_copy: Path, spoil: Callable[[Path], None]) -> None:
    spoil(run_copy)
    with pytest.raises(UprightError):
        _ = upright.load(run_copy).policy


def test_a_run_names_the_module_it_would_have_to_import_and_does_not(run_copy: Path) -> None:
    renamed(run_copy, "some_module:CartPole-v1")
    with pytest.raises(UprightError, match="some_module"):
        upright.load(run_copy).evaluate(episodes=1)


def test_a_run_whose_two_files_name_other_environments_is_refused(run_copy: Path) -> None:
    info = read_json(run_copy / "run.json")
    write_json(run_copy / "run.json", info | {"env": "some_module:CartPole-v1"})
    with pytest.raises(UprightError, match="name other environments"):
        upright.load(run_copy).evaluate(episodes=1)


def test_the_package_has_the_names_it_lists() -> None:
    assert set(upright.__all__) >= {
        "Evaluation",
        "Run",
        "Trainer",
        "UprightError",
        "load",
        "train",
    }
    assert all(callable(getattr(upright, name)) for name in upright.__all__)
    assert set(upright.__all__) <= set(dir(upright))
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = upright.no_such_name


def test_a_run_has_the_policy_of_every_checkpoint_and_the_untrained_one(run: Run) -> None:
    steps = run.checkpoints()
    assert steps == sorted(steps)
    assert len(steps) > 2
    for which, step in (("first", steps[0]), ("last", steps[-1]), (str(steps[1]), steps[1])):
        folder = run.path / "checkpoints" / f"{step:09d}"
        expected = run.checkpoint(folder).weights
        assert same_weights(weights_of(run.policy_at(which)), expected)
    assert run.policy_at("best") is run.policy
    trainer = upright.Trainer("CartPole-v1", "ppo", config=run.path / "settings.toml")
    assert same_weights(weights_of(run.policy_at(0)), weights_of(trainer.policy))
    assert same_weights(weights_of(run.policy_at("0")), weights_of(trainer.policy))
    trainer.close()


@pytest.mark.parametrize("name", ["newest", "7", "-1", "9" * 5000, "²", ""])
def test_a_checkpoint_that_is_not_there_is_said_with_those_that_are(run: Run, name: str) -> None:
    with pytest.raises(UprightError, match="has no checkpoint") as caught:
        run.policy_at(name)
    assert f"{run.checkpoints()[0]}" in caught.value.hint


def test_a_torn_checkpoint_is_passed_over_as_if_it_were_not_there(run_copy: Path) -> None:
    run = upright.load(run_copy)
    before = run.checkpoints()
    torn = run_copy / "checkpoints" / f"{before[-1]:09d}" / "policy.safetensors"
    torn.write_bytes(torn.read_bytes()[:-1])
    assert run.checkpoints() == before[:-1]
    run.policy_at("last")
    for folder in (run_copy / "checkpoints").iterdir():
        (folder / "manifest.json").unlink()
    with pytest.raises(UprightError, match="no whole checkpoint"):
        run.policy_at("last")
    assert run.policy_at(0) is not run.policy_at("best")
