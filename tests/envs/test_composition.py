"""An environment with arguments, in wrappers, evaluated in another one: made alike everywhere."""

import os
import pickle
import signal
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import wrappers

import kills
import upright
from upright.cli import main
from upright.envs import evaluation_env, fastest_backend, make_env, make_envs, training_env
from upright.envs.codec import Codec
from upright.envs.composition import OWN_WRAPPERS, Composed, is_own
from upright.experiment import Listener
from upright.ground.errors import UprightError
from upright.ground.signals import Interrupted
from upright.runs.bundle import write_bundle
from upright.settings import WrapperCall, resolve
from upright.show.curves.curve import curve_of
from upright.show.curves.groups import grouped

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


def test_a_list_reaches_a_wrapper_as_the_tuple_that_gymnasiums_want() -> None:
    wrapped = resolve("CartPole-v1", wrapper="gymnasium.wrappers:ReshapeObservation(shape=[2, 2])")
    env = make_env(training_env(wrapped))
    assert env.reset(seed=0)[0].shape == (2, 2)
    env.close()


def test_several_are_made_alike() -> None:
    composed = Composed("CartPole-v1", {}, (LIMIT,))
    envs = make_envs(composed, 2, 0, "sync")
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


def test_the_wrappers_that_need_no_trust_are_those_that_only_wrap() -> None:
    known = {
        *("AtariPreprocessing", "DelayObservation", "DtypeObservation", "DiscretizeObservation"),
        *("FilterObservation", "FlattenObservation", "FrameStackObservation"),
        *("GrayscaleObservation", "TransformObservation", "MaxAndSkipObservation"),
        *("NormalizeObservation", "AddRenderObservation", "ResizeObservation"),
        *("ReshapeObservation", "RescaleObservation", "TimeAwareObservation", "ClipAction"),
        *("DiscretizeAction", "TransformAction", "RescaleAction", "StickyAction", "RepeatAction"),
        *("ClipReward", "TransformReward", "NormalizeReward", "TimeLimit", "Autoreset"),
        *("PassiveEnvChecker", "OrderEnforcing", "RecordEpisodeStatistics", "AddWhiteNoise"),
        *("ObstructView", "RenderCollection", "HumanRendering", "JaxToNumpy", "JaxToTorch"),
        "NumpyToTorch",
    }
    trusted = {each for each in wrappers.__all__ if is_own(WrapperCall(OWN_WRAPPERS, each, {}))}
    assert trusted - {"vector"} <= known  # a new one: does it import, or write?
    assert not is_own(WrapperCall(OWN_WRAPPERS, "ArrayConversion", {}))
    assert not is_own(WrapperCall(OWN_WRAPPERS, "importlib", {}))
    assert not is_own(WrapperCall("gymnasium.wrappers.vector", "RecordVideo", {}))


@pytest.mark.filterwarnings("ignore:.*is out of date:DeprecationWarning")
def test_a_run_in_arguments_and_wrappers_that_was_stopped_is_the_undisturbed_one(
    here: Path,
) -> None:
    chosen = SMALL | {
        "total_timesteps": 640,
        "eval_every": 192,
        "checkpoint_every": 128,
        "seed": 5,
        "env_kwargs": {"max_episode_steps": 40},
        "wrapper": ["doubles.py:Plus(more=0.5)", "gymnasium.wrappers:ClipReward(max_reward=1.25)"],
        "eval_env": "CartPole-v0",
        "eval_env_kwargs": {"max_episode_steps": 30},
    }
    whole = upright.train("CartPole-v1", out=here / "whole", **chosen)

    class Stops(Listener):
        def iterated(self, iteration: Any, row: dict[str, Any]) -> None:
            if iteration.number == 4:
                os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Interrupted) as stopped:
        upright.train("CartPole-v1", out=here / "cut", listener=Stops(), **chosen)
    folder = Path(stopped.value.folder)
    with pytest.raises(UprightError, match="code that would be imported"):
        upright.resume(folder)
    run = upright.resume(folder, trust_code=True, media=False)
    assert kills.differences(whole.path, folder) == []
    assert {*run.verdict().proof.lengths} <= {*range(31)}
    assert run.verdict_record()["env"] == "CartPole-v0"
    assert run.verdict().proof.threshold == 195.0
    write_bundle(folder, here / "run.zip")
    assert upright.verify(upright.load(here / "run.zip", trust_code=True)).identical


def test_runs_with_other_arguments_are_other_curves(here: Path) -> None:
    runs = [
        upright.train("CartPole-v1", out=here / "runs", seed=seed, env_kwargs=kwargs, **SMALL)
        for seed, kwargs in ((0, {}), (1, {}), (0, {"sutton_barto_reward": True}))
    ]
    names = [name for name, _ in grouped([curve_of(run) for run in runs])]
    assert len(names) == 2
    assert any("sutton_barto_reward" in name for name in names)


def test_an_unsupported_part_of_an_observation_is_named_with_what_leaves_it_out() -> None:
    known, text = gym.spaces.Discrete(3), gym.spaces.Text(5)
    with pytest.raises(UprightError, match="Text") as refused:
        Codec(gym.spaces.Dict({"a": known, "b": text, "c": gym.spaces.Tuple((known, text))}))
    assert 'gymnasium.wrappers:FilterObservation(filter_keys=["a"])' in refused.value.hint
    with pytest.raises(UprightError, match="Text") as refused:
        Codec(gym.spaces.Dict({"b": text}))
    assert "TransformObservation" in refused.value.hint


def test_a_function_is_made_with_arguments_and_wrappers_too() -> None:
    def maker(length: int = 3) -> gym.Env[Any, Any]:
        return gym.make("CartPole-v1", max_episode_steps=length)

    trainer = upright.Trainer(
        maker, "ppo", preset="default", num_steps=32, env_kwargs={"length": 5}
    )
    assert max(episode.length for episode in next(trainer).episodes) <= 5
    trainer.close()
