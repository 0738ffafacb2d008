"""An environment with arguments, in wrappers, evaluated in another one: made alike everywhere."""

import pickle
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import upright
from upright.cli import main
from upright.envs import evaluation_env, fastest_backend, make_env, make_envs, training_env
from upright.envs.composition import Composed
from upright.ground.errors import UprightError
from upright.settings import resolve

SMALL: dict[str, Any] = {
    "algo": "ppo",
    "preset": "default",
    "num_envs": 2,
    "num_steps": 32,
    "total_timesteps": 128,
    "media": False,
}
LIMIT = "gymnasium.wrappers:TimeLimit(max_episode_steps=7)"
DOUBLES = """
import gymnasium as gym


class Doubled(gym.RewardWrapper):
    def reward(self, reward):
        return 2.0 * reward


class Plus(gym.RewardWrapper):
    def __init__(self, env, more=1.0):
        super().__init__(env)
        self.more = more

    def reward(self, reward):
        return reward + self.more


def short():
    return gym.make("CartPole-v1", max_episode_steps=4)


class Nothing:
    def __init__(self, env):
        pass
"""


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "doubles.py").write_text(DOUBLES)
    return tmp_path


def reward_of(env: Any) -> float:
    made = make_env(env)
    made.reset(seed=0)
    reward = float(made.step(made.action_space.sample())[1])
    made.close()
    return reward


def test_arguments_reach_the_environment_and_the_first_wrapper_is_innermost() -> None:
    recipe = resolve(
        "Pendulum-v1",
        env_kwargs={"g": 3.5},
        wrapper=["doubles.py:Plus(more=1000.0)", "doubles.py:Doubled", LIMIT],
    )
    env = make_env(training_env(recipe))
    assert env.unwrapped.g == 3.5  # type: ignore[attr-defined]
    assert type(env).__name__ == "TimeLimit"
    assert 2.0 * (1000.0 - 17.0) <= reward_of(training_env(recipe)) <= 2000.0


@pytest.mark.parametrize("backend", ["sync", "async"])
def test_every_backend_makes_it_alike(backend: str) -> None:
    composed = Composed("CartPole-v1", {}, (LIMIT,))
    envs = make_envs(composed, 2, 0, backend)
    obs, lengths = envs.reset(0), 0
    for _ in range(7):
        step = envs.step(np.zeros(2, np.int64))
        lengths += 1
        obs = step.obs
    assert step.truncated.all()
    assert not step.terminated.any()
    assert lengths == 7
    assert obs.shape == (2, 4)
    envs.close()


def test_a_wrapped_environment_has_no_vector_form_and_an_argument_of_both_keeps_it() -> None:
    assert fastest_backend("CartPole-v1") == "vector"
    assert fastest_backend(Composed("CartPole-v1", {}, (LIMIT,))) == "sync"
    assert fastest_backend(Composed("CartPole-v1", {"sutton_barto_reward": True})) == "vector"
    with pytest.raises(UprightError, match="in a wrapper has no vector form"):
        make_envs(Composed("CartPole-v1", {}, (LIMIT,)), 2, 0, "vector")


def test_a_description_travels_to_worker_processes() -> None:
    composed = Composed("CartPole-v1", {"sutton_barto_reward": True}, (LIMIT,), ("json",))
    assert pickle.loads(pickle.dumps(composed)) == composed


@pytest.mark.parametrize(
    ("arguments", "sentence", "hint"),
    [
        ({"env_kwargs": {"map_nam": "8x8"}}, "takes no argument 'map_nam'", "map_name"),
        ({"wrapper": ["doubles.py:Nothing"]}, "no gymnasium.Wrapper", "Name a class"),
        ({"wrapper": ["doubles.py:Dubled"]}, "has no wrapper 'Dubled'", "Doubled"),
        ({"wrapper": ["doubles.py:Plus(les=1)"]}, "takes no argument 'les'", "more"),
        ({"wrapper": ["missing.py:Plus"]}, "no file missing.py", "folder here"),
        ({"imports": ["no_such_suite"]}, "Importing no_such_suite failed", "Install"),
        ({"eval_env": "CartPole-v1"}, "The policy is for Box", "spaces"),
        ({"eval_env": "NoSuch-v1"}, "no environment 'NoSuch-v1'", "upright envs"),
    ],
)
def test_what_cannot_be_made_is_said_in_a_sentence_and_nothing_is_written(
    here: Path, arguments: dict[str, Any], sentence: str, hint: str
) -> None:
    name = "FrozenLake-v1" if "env_kwargs" in arguments else "Acrobot-v1"
    with pytest.raises(UprightError, match=sentence) as refused:
        upright.train(name, out=here / "runs", **SMALL, **arguments)
    assert hint in refused.value.hint
    assert not (here / "runs").exists()


def test_a_run_is_judged_and_opened_in_its_evaluation_environment(here: Path) -> None:
    run = upright.train(
        "CartPole-v1",
        out=here / "runs",
        wrapper=[LIMIT, "doubles.py:Doubled"],
        eval_env="doubles.py:short",
        **SMALL,
    )
    opened = upright.load(run.path, trust_code=True)
    verdict = opened.verdict()
    assert max(verdict.proof.lengths) == 4
    assert verdict.proof.returns == tuple(2.0 * length for length in verdict.proof.lengths)
    assert verdict.proof.threshold == 475.0
    assert upright.verify(opened).identical
    assert "--eval-env doubles.py:short" in (run.path / "command.txt").read_text()


def test_arguments_of_the_training_hold_in_evaluation_unless_others_go_before_them() -> None:
    recipe = resolve("Pendulum-v1", env_kwargs={"g": 3.0}, eval_env_kwargs={"g": 9.0})
    assert make_env(training_env(recipe)).unwrapped.g == 3.0  # type: ignore[attr-defined]
    assert make_env(evaluation_env(recipe)).unwrapped.g == 9.0  # type: ignore[attr-defined]
    alike = resolve("Pendulum-v1", env_kwargs={"g": 3.0})
    assert make_env(evaluation_env(alike)).unwrapped.g == 3.0  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "line",
    [
        'wrapper = ["doubles.py:Doubled"]',
        'imports = ["doubles"]',
        'eval_env = "doubles.py:Doubled"',
        "wrapper = [\"gymnasium.wrappers:RecordVideo(video_folder='videos')\"]",
    ],
)
def test_code_that_only_a_file_names_is_not_imported_unasked(
    here: Path, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "doubles.py").write_text("raise SystemExit('imported')")
    (here / "c.toml").write_text(f'env = "CartPole-v1"\n{line}\n')
    assert main(["train", "--config", "c.toml"]) == 2
    said = capsys.readouterr().err
    assert "code that would be imported and run" in said
    assert "--trust-code" in said
    assert "imported'" not in said
    assert not (here / "runs").exists()


def test_a_wrapper_of_gymnasiums_own_needs_no_trust(here: Path) -> None:
    (here / "c.toml").write_text(f'env = "CartPole-v1"\nwrapper = ["{LIMIT}"]\n')
    trainer = upright.Trainer(config=here / "c.toml", algo="ppo", preset="default", num_steps=32)
    assert max(episode.length for episode in next(trainer).episodes) <= 7
    trainer.close()


def test_a_function_is_made_with_arguments_and_wrappers_too() -> None:
    def maker(length: int = 3) -> gym.Env[Any, Any]:
        return gym.make("CartPole-v1", max_episode_steps=length)

    trainer = upright.Trainer(
        maker, "ppo", preset="default", num_steps=32, env_kwargs={"length": 5}
    )
    assert max(episode.length for episode in next(trainer).episodes) <= 5
    trainer.close()
