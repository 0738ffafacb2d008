"""Where a training is cut and taken up again, every later number is the one it would have been."""

import os
import shutil
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import kills
import upright
from kills import differences
from probes.envs import Transition
from probes.masked import Forbidding, ForbiddingTwo
from probes.spaces import Wandering, WanderingUnseen
from support import checkpoint_of, same_weights, weights_of
from upright.envs import EnvSource
from upright.experiment.listener import Listener
from upright.ground.signals import Interrupted
from upright.ground.state import State
from upright.learning.trainer import Iteration
from upright.runs.checkpoint import read_checkpoint
from upright.runs.folder import checkpoint_folders
from upright.runs.run import Run

Weights = dict[str, np.ndarray]
MORE = 3


class Cut(BaseException):
    """Ends a training as abruptly as one process can."""


def same_state(one: State, other: State) -> bool:
    return one.values == other.values and same_weights(one.arrays, other.arrays)


def advance(trainer: upright.Trainer, count: int) -> list[tuple[Iteration, Weights]]:
    return [(next(trainer), weights_of(trainer.policy)) for _ in range(count)]


def check_cuts(
    env: EnvSource, algo: str, settings: dict[str, Any], folder: Path, cuts: Sequence[int]
) -> None:
    """Take a training up again from checkpoints after so many iterations, and go on with it."""
    chosen = {"preset": "default", "seed": 6, "total_timesteps": 20_000, **settings}
    straight = upright.Trainer(env, algo, **chosen)
    passed: list[tuple[Iteration, Weights]] = []
    for cut in cuts:
        passed += advance(straight, cut - len(passed))
        checkpoint_of(cut, straight.policy.weights, straight.state()).save(folder)
    passed += advance(straight, MORE)
    straight.close()
    for cut in cuts:
        other = upright.Trainer(env, algo, **chosen)
        found = read_checkpoint(folder / f"{cut:09d}", other.policy)
        assert other.restore(found.weights, found.trainer) == []
        assert same_state(other.state(), found.trainer)
        for (iteration, then), (expected, after) in zip(
            advance(other, MORE), passed[cut:], strict=False
        ):
            assert iteration == expected
            assert same_weights(then, after)
        other.close()


# The first algorithm in the short form, the others in the long one.
FIRST_SHORT = [
    pytest.param(algo, marks=[pytest.mark.long] if n else [])
    for n, algo in enumerate(kills.algorithms())
]


# One group of environments, or shards of them.
SHARDS = [0, 2]


def matrix() -> list[Any]:
    return [
        pytest.param(algo, backend, option, id=f"{algo}-{backend}-{option}")
        for algo in kills.algorithms()
        for backend in kills.backends()
        for option in kills.options(algo)
    ]


def long_episodes() -> list[Any]:
    return [
        pytest.param(algo, backend, env, id=f"{algo}-{backend}-{env}")
        for algo in kills.algorithms()
        for backend in kills.backends()
        for env in kills.environments(backend)
        if env != "CartPole-v1"
    ]


@pytest.mark.parametrize(("algo", "backend", "option"), matrix())
def test_a_trainer_goes_on_exactly_where_it_was_cut(
    tmp_path: Path, algo: str, backend: str, option: str
) -> None:
    settings = kills.small(algo) | {"backend": backend} | kills.options(algo)[option]
    check_cuts("CartPole-v1", algo, settings, tmp_path, (1, 2, 5))


@pytest.mark.parametrize("shards", SHARDS)
@pytest.mark.parametrize("algo", kills.algorithms())
@pytest.mark.parametrize("env", [Forbidding, ForbiddingTwo])
def test_a_trainer_under_masks_goes_on_exactly_where_it_was_cut(
    tmp_path: Path, algo: str, shards: int, env: Any
) -> None:
    settings = kills.small(algo) | {"shards": shards, "num_envs": 2}
    check_cuts(env, algo, settings, tmp_path, (1, 2, 5))


@pytest.mark.parametrize("shards", SHARDS)
def test_a_trainer_of_a_wrapped_environment_goes_on_exactly_where_it_was_cut(
    tmp_path: Path, shards: int
) -> None:
    around = {
        "env_kwargs": {"g": 9.0},
        "wrapper": [
            "gymnasium.wrappers:TimeLimit(max_episode_steps=30)",
            "gymnasium.wrappers:ClipReward(min_reward=-5.0, max_reward=0.0)",
        ],
        "eval_env_kwargs": {"g": 10.0},
        "frame_stack": 3,
    }
    settings = kills.small("ppo") | {"shards": shards, "num_envs": 2}
    check_cuts("Pendulum-v1", "ppo", settings | around, tmp_path, (1, 2, 5))


@pytest.mark.parametrize("shards", SHARDS)
@pytest.mark.parametrize("algo", kills.algorithms())
def test_a_trainer_with_a_cnn_goes_on_exactly_where_it_was_cut(
    tmp_path: Path, algo: str, shards: int
) -> None:
    settings = kills.small(algo) | {"shards": shards, "num_envs": 2, "frame_stack": 2}
    check_cuts(Wandering, algo, settings | {"normalize_obs": True}, tmp_path, (1, 2, 5))


@pytest.mark.parametrize(
    ("env", "network", "frame_stack"),
    [(WanderingUnseen, "cnn", 1), (WanderingUnseen, "mlp", 1), ("CartPole-v1", "mlp", 4)],
)
@pytest.mark.parametrize("shards", SHARDS)
def test_a_trainer_of_pictures_or_of_stacked_numbers_goes_on_exactly_where_it_was_cut(
    tmp_path: Path, shards: int, env: Any, network: str, frame_stack: int
) -> None:
    settings = {"shards": shards, "num_envs": 2, "network": network, "frame_stack": frame_stack}
    check_cuts(env, "ppo", kills.small("ppo") | settings, tmp_path, (1, 3))


@pytest.mark.parametrize("backend", kills.backends())
@pytest.mark.parametrize("algo", kills.algorithms())
def test_a_trainer_goes_on_exactly_before_its_first_iteration(
    tmp_path: Path, algo: str, backend: str
) -> None:
    settings = kills.small(algo) | {"backend": backend, "num_envs": 2}
    check_cuts("CartPole-v1", algo, settings, tmp_path, (0,))


@pytest.mark.parametrize(("algo", "backend", "env"), long_episodes())
def test_episodes_longer_than_many_rollouts_are_gone_on_with(
    tmp_path: Path, algo: str, backend: str, env: str
) -> None:
    settings = kills.small(algo) | {"backend": backend, "num_envs": 2}
    stepwise = "num_steps" in settings
    less = {"num_steps": 8} if stepwise else {"num_episodes": 2}
    check_cuts(env, algo, settings | less, tmp_path, (1, 12, 30) if stepwise else (1,))


@pytest.mark.parametrize("algo", kills.algorithms())
def test_looking_at_the_state_changes_nothing(algo: str) -> None:
    chosen = {"preset": "default", "seed": 1, **kills.small(algo)}
    looked, alone = (upright.Trainer("CartPole-v1", algo, **chosen) for _ in range(2))
    for _ in range(4):
        before = looked.state()
        assert same_state(looked.state(), before)
        assert next(looked) == next(alone)
    looked.close()
    alone.close()


class Remembering(gym.Env[np.ndarray, int]):
    """Five steps; the first observation counts the episodes that this object has played."""

    def __init__(self) -> None:
        self.observation_space = gym.spaces.Box(0.0, 1000.0, (2,), np.float32)
        self.action_space = gym.spaces.Discrete(2)
        self.played, self.now = 0, 0

    def observe(self) -> np.ndarray:
        return np.array([self.played, self.now], np.float32)

    def reset(self, **options: Any) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=options.get("seed"))
        self.played, self.now = self.played + 1, 0
        return self.observe(), {}

    def step(self, action: int) -> Transition:
        self.now += 1
        return self.observe(), float(action), self.now == 5, False, {}


def test_episodes_that_cannot_be_played_again_are_named_and_begun_anew() -> None:
    chosen = {"num_envs": 2, "num_steps": 3, "backend": "sync", "total_timesteps": 600}
    trainer = upright.Trainer(Remembering, "ppo", **chosen)
    first, later = (upright.Trainer(Remembering, "ppo", **chosen) for _ in range(2))
    next(trainer)
    assert first.restore(trainer.policy.weights, trainer.state()) == []
    advance(trainer, 2)
    assert later.restore(trainer.policy.weights, trainer.state()) == [0, 1]
    assert later.timesteps == 18
    assert [each.length for each in next(later).episodes] == []
    assert [each.length for each in next(later).episodes] == [5, 5]
    for each in (trainer, first, later):
        each.close()


class Notes(Listener):
    """Keeps the notes of a resumption."""

    def resumed(self, trainer: Any, folder: Path, notes: Sequence[str]) -> None:
        self.notes = list(notes)


class Ends(Listener):
    """Ends the training in its k-th iteration from now, by a signal or abruptly."""

    def __init__(self, at: int, how: str) -> None:
        self.left, self.how = at, how

    def iterated(self, iteration: Any, row: dict[str, Any]) -> None:
        self.left -= 1
        if self.left == 0 and self.how == "abruptly":
            raise Cut
        if self.left == 0:
            os.kill(os.getpid(), signal.Signals[self.how])


def run_folder(out: Path) -> Path:
    (found,) = out.glob("*/*/run.json")
    return found.parent


def started_and_ended(call: Callable[[Listener], Run], at: int, how: str) -> None:
    with pytest.raises(Cut if how == "abruptly" else Interrupted):
        call(Ends(at, how))


def test_a_resume_says_which_environments_could_not_be_restored(tmp_path: Path) -> None:
    chosen = {"num_envs": 2, "num_steps": 3, "total_timesteps": 120, "checkpoint_every": 6}

    def train(listener: Listener) -> Run:
        return upright.train(Remembering, "ppo", out=tmp_path, listener=listener, **chosen)

    started_and_ended(train, 3, "SIGTERM")
    notes = Notes()
    run = upright.resume(run_folder(tmp_path), Remembering, listener=notes)
    (said,) = [note for note in notes.notes if "could not be restored" in note]
    assert "environments 0, 1" in said
    assert run.info["resumptions"][0]["notes"] == notes.notes
    assert run.info["timesteps"] == 120


TUNED: dict[str, Any] = {"preset": "tuned", "seed": 2, "checkpoint_every": 700}


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Undisturbed runs by algorithm, each trained once."""
    done: dict[str, Path] = {}

    def train(algo: str) -> Path:
        if algo not in done:
            out = tmp_path_factory.mktemp("undisturbed")
            done[algo] = upright.train("CartPole-v1", algo, out=out, **TUNED).path
        return done[algo]

    return train


@pytest.mark.parametrize("how", ["SIGTERM", "abruptly"])
@pytest.mark.parametrize("algo", FIRST_SHORT)
def test_a_run_that_was_ended_again_and_again_is_the_undisturbed_one(
    tmp_path: Path, tuned: Callable[[str], Path], algo: str, how: str
) -> None:
    def train(listener: Listener) -> Run:
        return upright.train("CartPole-v1", algo, out=tmp_path, listener=listener, **TUNED)

    started_and_ended(train, 1, how)
    folder = run_folder(tmp_path)
    for at in (2, 3, 5):
        started_and_ended(lambda listener: upright.resume(folder, listener=listener), at, how)
    run = upright.resume(folder)
    assert run.solved
    assert differences(tuned(algo), folder) == []


@pytest.mark.parametrize("how", ["SIGTERM", "abruptly"])
@pytest.mark.parametrize("algo", FIRST_SHORT)
def test_a_run_that_was_ended_in_its_last_iteration_is_the_undisturbed_one(
    tmp_path: Path, algo: str, how: str
) -> None:
    chosen = {"preset": "default", "total_timesteps": 1000, "until": "budget"} | kills.small(algo)
    whole = upright.train("CartPole-v1", algo, out=tmp_path / "whole", **chosen)
    last = whole.info["iterations"]

    def train(listener: Listener) -> Run:
        return upright.train("CartPole-v1", algo, out=tmp_path, listener=listener, **chosen)

    started_and_ended(train, last, how)
    folder = tmp_path / "CartPole-v1" / f"{algo}-s0"
    upright.resume(folder)
    assert differences(whole.path, folder) == []


def newest(run: Run) -> Path:
    return next(checkpoint_folders(run.path / "checkpoints"))


@pytest.mark.parametrize("option", ["plain", "schedules"])
@pytest.mark.parametrize("algo", FIRST_SHORT)
def test_a_larger_budget_leads_where_a_straight_run_of_it_leads(
    tmp_path: Path, algo: str, option: str
) -> None:
    chosen = {
        "preset": "default",
        "backend": "sync",
        "until": "budget",
        "eval_every": 512,
        "checkpoint_every": 256,
        **kills.small(algo),
        **kills.options(algo)[option],
    }
    if algo == "reinforce":
        chosen |= {"num_envs": 1, "num_episodes": 1}
    line = {"schedule_timesteps": 1024} if option == "schedules" else {}
    short = upright.train("CartPole-v1", algo, out=tmp_path, total_timesteps=1024, **chosen)
    longer = upright.resume(short.path, total_timesteps=2048)
    straight = upright.train(
        "CartPole-v1", algo, out=tmp_path / "straight", total_timesteps=2048, **chosen, **line
    )
    assert newest(longer).name == newest(straight).name
    for name in ("policy.safetensors", "trainer.safetensors"):
        assert (newest(longer) / name).read_bytes() == (newest(straight) / name).read_bytes(), name


def test_a_run_without_its_folder_of_checkpoints_begins_again(tmp_path: Path) -> None:
    words = {"total_timesteps": 2000, "preset": "default", "until": "budget", "seed": 6}
    straight = upright.train("CartPole-v1", "ppo", out=tmp_path / "a", **words)
    copy = tmp_path / "copy"
    shutil.copytree(straight.path, copy, ignore=shutil.ignore_patterns("checkpoints", ".lock"))
    info = (copy / "run.json").read_text()
    (copy / "run.json").write_text(info.replace('"finished"', '"running"'))
    resumed = upright.resume(copy)
    assert differences(straight.path, resumed.path) == []
