"""Environments go on exactly where they stood, or say which of them could not."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.classic_control.cartpole import CartPoleVectorEnv
from gymnasium.vector import AutoresetMode

import upright
from support import Recorder
from upright.cli.terminal.lines import Lines
from upright.envs import Envs, fastest_backend, make_envs
from upright.ground.errors import UprightError

N = 3
KINDS = [
    ("CartPole-v1", "vector"),
    *((env, "sync") for env in ("CartPole-v1", "Acrobot-v1", "MountainCar-v0", "Pendulum-v1")),
]


def actions(envs: Envs, rng: np.random.Generator) -> np.ndarray:
    space = envs.actions.space
    if isinstance(space, gym.spaces.Discrete):
        return rng.integers(space.n, size=envs.num_envs)
    assert isinstance(space, gym.spaces.Box)
    shape = (envs.num_envs, *space.shape)
    return rng.uniform(space.low, space.high, shape).astype(np.float32)


def play(envs: Envs, obs: Any, rng: np.random.Generator, steps: int) -> tuple[Any, list[Any]]:
    """Some steps; the observations to act on next, and all that happened."""
    story: list[Any] = []
    for _ in range(steps):
        step = envs.step(actions(envs, rng))
        obs = envs.restart(step.done, step.obs) if step.any_done else step.obs.copy()
        story += [array.tobytes() for array in (*step[:-1], obs)]
    return obs, story


@pytest.mark.parametrize(("env", "backend"), KINDS)
@pytest.mark.parametrize("steps", [0, 1, 37, 250])
def test_after_a_restore_the_next_steps_are_identical(env: str, backend: str, steps: int) -> None:
    envs = make_envs(env, N, 7, backend)
    obs, _ = play(envs, envs.reset(), np.random.default_rng(0), steps)
    state = envs.state()
    _, expected = play(envs, obs, np.random.default_rng(1), 50)
    envs.close()
    other = make_envs(env, N, 7, backend)
    found, lost = other.restore(state, obs.copy())
    assert not lost.any()
    assert found is not None
    assert found.tobytes() == obs.tobytes()
    _, again = play(other, found, np.random.default_rng(1), 50)
    other.close()
    assert again == expected


def test_environments_of_different_ages_are_each_where_they_were() -> None:
    envs = make_envs("Acrobot-v1", N, 7, "sync")
    obs = envs.reset()
    for age in (5, 11):
        obs, _ = play(envs, obs, np.random.default_rng(age), age)
        obs = envs.restart(np.array([age == 5, age == 11, False]), obs)
    state = envs.state()
    assert state.arrays["lengths"].tolist() == [11, 0, 16]
    _, expected = play(envs, obs, np.random.default_rng(1), 50)
    found, lost = envs.restore(state, obs)  # the same environments, moved on meanwhile
    assert not lost.any()
    assert play(envs, found, np.random.default_rng(1), 50)[1] == expected
    envs.close()


@pytest.mark.parametrize("backend", ["vector", "sync"])
def test_a_state_without_unfinished_episodes_goes_on_with_the_next_seeds(backend: str) -> None:
    envs = make_envs("CartPole-v1", N, 7, backend)
    play(envs, envs.reset(), np.random.default_rng(0), 20)
    state = envs.state(unfinished=False)
    expected = envs.reset()
    envs.close()
    other = make_envs("CartPole-v1", N, 7, backend)
    found, lost = other.restore(state, None)
    assert found is None
    assert not lost.any()
    np.testing.assert_array_equal(other.reset(), expected)
    other.close()


@pytest.mark.parametrize("backend", ["vector", "sync"])
def test_a_state_of_another_number_of_environments_is_refused(backend: str) -> None:
    envs, other = (make_envs("CartPole-v1", n, 7, backend) for n in (2, 3))
    obs = envs.reset()
    with pytest.raises(UprightError):
        other.restore(envs.state(), obs)
    envs.close()
    other.close()


class Fickle(gym.Env[Any, int]):
    """Where it arrives depends on the object, not on the seed; environment 1 of 3 does so."""

    made = 0

    def __init__(self) -> None:
        self.observation_space = gym.spaces.Box(-np.inf, np.inf, (1,), np.float32)
        self.action_space = gym.spaces.Discrete(2)
        self.now, self.odd = 0.0, False

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        super().reset(seed=seed)
        assert seed is not None
        self.odd = seed % 2 == 1
        self.now = 0.0
        return np.array([self.now], np.float32), {}

    def step(self, action: int) -> Any:
        self.now += np.random.default_rng().random() if self.odd else 1.0
        return np.array([self.now], np.float32), 0.0, False, False, {}


def seeds_of(envs: Envs) -> np.ndarray:
    return np.array([seed % 2 == 1 for seed in envs._current_seeds()])  # type: ignore[attr-defined]


def test_an_environment_that_is_not_deterministic_is_lost_and_begins_anew() -> None:
    envs, other = (make_envs(Fickle, 8, 7, "sync") for _ in range(2))
    envs.reset()
    odd = seeds_of(envs)
    assert odd.any()
    assert not odd.all()
    for _ in range(4):
        obs = envs.step(np.zeros(8, np.int64)).obs
    found, lost = other.restore(envs.state(), obs)
    np.testing.assert_array_equal(lost, odd)
    assert found is not None
    np.testing.assert_array_equal(found[:, 0], np.where(odd, 0.0, 4.0))
    # Those that were lost are in their next episode; the others still in the old one.
    state = other.state()
    np.testing.assert_array_equal(state.arrays["counts"], 1 + odd)
    np.testing.assert_array_equal(state.arrays["lengths"], np.where(odd, 0, 4))
    envs.close()
    other.close()


class BreaksAgain(Fickle):
    """Raises when it is played a second time."""

    broken = False

    def reset(self, **options: Any) -> Any:
        answer = super().reset(**options)
        self.odd = False
        return answer

    def step(self, action: int) -> Any:
        if type(self).broken and self.now == 2.0:
            raise ValueError("not again")
        return super().step(action)


def test_an_environment_that_fails_when_played_again_is_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    envs = make_envs(BreaksAgain, 2, 7, "sync")
    envs.reset()
    for _ in range(4):
        obs = envs.step(np.zeros(2, np.int64)).obs
    state = envs.state()
    envs.close()
    monkeypatch.setattr(BreaksAgain, "broken", True)
    other = make_envs(BreaksAgain, 2, 7, "sync")
    found, lost = other.restore(state, obs)
    assert lost.all()
    assert found is not None
    assert not found.any()
    other.close()


UNKNOWN = "test/Unknown-v0"


class Unknown(CartPoleVectorEnv):
    """A vector form that nobody knows how to restore."""

    metadata = {"autoreset_mode": AutoresetMode.NEXT_STEP, "render_modes": []}  # noqa: RUF012


@pytest.fixture
def unknown() -> Iterator[str]:
    gym.register(
        UNKNOWN,
        "gymnasium.envs.classic_control.cartpole:CartPoleEnv",
        vector_entry_point=Unknown,
        max_episode_steps=500,
        reward_threshold=475.0,
    )
    yield UNKNOWN
    del gym.registry[UNKNOWN]


def test_an_unknown_vector_form_is_not_exact_and_begins_anew(unknown: str) -> None:
    assert fastest_backend(unknown) == "sync"
    envs = make_envs(unknown, N, 7, "vector")
    assert envs.exact is False
    first = envs.reset()
    obs, _ = play(envs, first, np.random.default_rng(0), 5)
    state = envs.state()
    envs.close()
    starts = []
    for _ in range(2):
        other = make_envs(unknown, N, 7, "vector")
        found, lost = other.restore(state, obs)
        assert lost.all()
        assert found is not None
        starts.append(found.tobytes())
        again = other.state()
        other.close()
        assert again.values["anew"] == state.values["anew"] + 1
    # The same resumption is the same, and not the episodes of the beginning.
    assert starts[0] == starts[1] != first.tobytes()


class Told(Recorder):
    def __init__(self) -> None:
        super().__init__()
        self.notes: Sequence[str] = ()

    def resumed(self, trainer: Any, folder: Path, notes: Sequence[str]) -> None:
        self.notes = notes


def test_a_run_on_an_unknown_vector_form_says_that_it_is_not_exact(
    tmp_path: Path, unknown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    import sys

    chosen: dict[str, Any] = {"num_envs": 2, "num_steps": 16, "num_epochs": 1, "hidden_sizes": [4]}
    run = upright.train(
        unknown,
        "ppo",
        out=tmp_path,
        total_timesteps=64,
        backend="vector",
        listener=Lines(sys.stderr, sys.stdout),
        **chosen,
    )
    assert "not exact: the backend vector cannot restore these episodes" in capsys.readouterr().err
    assert json.loads((run.path / "run.json").read_text())["exact"] is False
    told = Told()
    longer = upright.resume(run.path, total_timesteps=128, listener=told)
    said = "The backend vector cannot restore these episodes: every environment begins a new one."
    assert said in told.notes
    assert said in longer.info["resumptions"][0]["notes"]
    assert longer.info["resumptions"][0]["exact"] is False
    assert all(episode["length"] <= 500 for episode in episodes(longer.path))


def episodes(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "episodes.jsonl").read_text().splitlines()]


def test_a_run_on_a_known_form_says_that_it_is_exact(run: Any) -> None:
    assert json.loads((run.path / "run.json").read_text())["exact"] is True
