"""EnvPool: what it says is read as what Gymnasium would have said, and never as more."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import upright
from upright.envs import BACKENDS, Step, make_env, make_envs
from upright.envs.composition import Composed
from upright.ground.errors import UprightError
from upright.judging import Evaluator

pytestmark = pytest.mark.skipif(not find_spec("envpool"), reason="needs the extra envpool")
SMALL: dict[str, Any] = {
    "algo": "ppo",
    "preset": "default",
    "num_envs": 2,
    "num_steps": 16,
    "num_epochs": 1,
    "hidden_sizes": (4,),
    "total_timesteps": 64,
    "backend": "envpool",
}


@pytest.fixture
def limit(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What sets the registered time limit of an id for one test."""

    def set_limit(env: str, steps: int) -> None:
        monkeypatch.setattr(gym.registry[env], "max_episode_steps", steps)

    return set_limit


def played(env: str, seed: int, steps: int, num_envs: int = 2) -> list[Step]:
    envs = make_envs(env, num_envs, seed, "envpool")
    envs.reset()
    space, row = envs.actions.space, envs.actions.row
    space.seed(0)
    found = []
    for _ in range(steps):
        actions = np.array([row(space.sample()) for _ in range(num_envs)])
        step = envs.step(actions)
        found.append(step._replace(obs=step.obs.copy()))
    envs.close()
    return found


@pytest.mark.parametrize(
    "env", ["CartPole-v1", "Acrobot-v1", "Pendulum-v1", "MountainCarContinuous-v0", "FrozenLake-v1"]
)
def test_rows_and_spaces_are_gymnasiums_own(env: str) -> None:
    own = make_env(env)
    spaces = (own.observation_space, own.action_space)
    envs, others = make_envs(env, 3, 0, "envpool"), make_envs(env, 3, 0, "sync")
    assert (envs.observations.space, envs.actions.space) == spaces
    obs = envs.reset()
    assert (obs.shape, obs.dtype) == (others.reset().shape, others.observations.dtype)
    assert all(envs.observations.space.contains(row) for row in obs)
    for each in (own, envs, others):
        each.close()


def test_float64_observations_become_rows_of_float32() -> None:
    pytest.importorskip("mujoco")
    envs = make_envs("HalfCheetah-v5", 2, 0, "envpool")
    assert envs.reset().dtype == np.float32
    step = envs.step(np.zeros((2, 6), np.float32))
    envs.close()
    assert step.obs.dtype == np.float32
    assert step.rewards.dtype == np.float64


def test_the_rows_after_a_time_limit_are_no_transitions(limit: Any) -> None:
    limit("Pendulum-v1", 5)
    steps = played("Pendulum-v1", 3, 14)
    # Five transitions, the step that EnvPool's own limit is late by, and the reset.
    assert [step.valid.all() for step in steps] == [t % 7 < 5 for t in range(14)]
    assert [step.truncated.all() for step in steps] == [t % 7 == 4 for t in range(14)]
    assert [step.any_done for step in steps] == [t % 7 == 4 for t in range(14)]
    assert not any(step.terminated.any() for step in steps)
    assert all(step.rewards[~step.valid].sum() == 0.0 for step in steps)


def test_an_end_at_the_time_limit_itself_is_an_end(limit: Any) -> None:
    plain = played("CartPole-v1", 7, 60, num_envs=1)
    falls = next(t for t, step in enumerate(plain) if step.terminated[0])
    limit("CartPole-v1", falls + 1)
    steps = played("CartPole-v1", 7, falls + 2, num_envs=1)
    assert (steps[falls].terminated[0], steps[falls].truncated[0]) == (True, True)
    assert steps[falls].valid[0]
    assert not steps[falls + 1].valid[0]


def test_truncation_is_bootstrapped_and_termination_is_not(limit: Any) -> None:
    from upright.policy import Policy
    from upright.rollout import LocalCollector
    from upright.settings import resolve

    limit("CartPole-v1", 12)
    settings = resolve("CartPole-v1", "ppo", preset="default").settings
    envs = make_envs("CartPole-v1", 4, 0, "envpool")
    policy = Policy(envs.observations.space, envs.actions.space, settings, 0)
    collector = LocalCollector(envs, policy, np.random.default_rng(0), 60)
    rollout = collector.collect()
    collector.close()
    assert rollout.terminated.any()
    assert (rollout.truncated & ~rollout.terminated).any()
    cut = np.argwhere(rollout.truncated[:-1] & rollout.valid[:-1])
    for t, n in cut:  # the row that follows shows the true final observation, and is not learned
        assert not rollout.valid[t + 1, n]
    lengths = [episode.length for episode in rollout.episodes]
    assert max(lengths) == 12
    assert sum(lengths) <= rollout.timesteps == rollout.valid.sum()


def test_the_seed_decides_the_episodes() -> None:
    first, again, other = (played("CartPole-v1", seed, 20) for seed in (4, 4, 5))
    np.testing.assert_array_equal([s.obs for s in first], [s.obs for s in again])
    assert any((a.obs != b.obs).any() for a, b in zip(first, other, strict=True))
    assert (first[0].obs[0] != first[0].obs[1]).any()


def test_nothing_is_judged_on_it() -> None:
    with pytest.raises(UprightError, match="judged on Gymnasium's own"):
        Evaluator("CartPole-v1", 2, "envpool")


def test_a_run_is_judged_on_gymnasiums_own_says_that_it_is_not_exact_and_goes_on_anew(
    tmp_path: Path,
) -> None:
    run = upright.train("CartPole-v1", out=tmp_path, **SMALL)
    assert (run.info["backend"], run.info["exact"]) == ("envpool", False)
    assert run.verdict().candidate.selection.backend == "vector"
    longer = upright.resume(run.path, total_timesteps=128)
    (resumption,) = longer.info["resumptions"]
    assert (
        "The backend envpool cannot restore these episodes: every environment begins a new one."
        in resumption["notes"]
    )
    assert longer.info["timesteps"] >= 128


def test_the_same_seed_is_the_same_run(tmp_path: Path) -> None:
    one, other = (upright.train("CartPole-v1", out=tmp_path, **SMALL) for _ in range(2))
    for name, array in one.policy.weights.items():
        np.testing.assert_array_equal(array, other.policy.weights[name])


def test_restored_episodes_are_neither_the_first_ones_nor_random() -> None:
    starts = []
    for _ in range(2):
        envs = make_envs("CartPole-v1", 2, 3, "envpool")
        first = envs.reset()
        state = envs.state()
        obs, lost = envs.restore(state, first)
        envs.close()
        assert lost.all()
        assert obs is not None
        starts.append(obs.tobytes())
    assert starts[0] == starts[1] != first.tobytes()


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ("Blackjack-v1", "Gymnasium's Tuple"),
        ("Taxi-v4", "EnvPool has no Taxi-v4."),
        (lambda: gym.make("CartPole-v1"), "Gymnasium's own environments only"),
        (
            Composed("CartPole-v1", {"sutton_barto_reward": True}),
            "not CartPole-v1 with these arguments",
        ),
        (
            Composed("CartPole-v1", wrappers=("gymnasium.wrappers:ClipReward(max_reward=1)",)),
            "not CartPole-v1 in a wrapper",
        ),
    ],
)
def test_what_it_does_not_have_alike_is_refused_in_a_sentence(env: Any, said: str) -> None:
    assert not BACKENDS["envpool"].can(env) or env == "Blackjack-v1"
    with pytest.raises(UprightError, match="EnvPool") as caught:
        make_envs(env, 2, 0, "envpool")
    assert said in caught.value.message
    assert "sync" in caught.value.hint


def test_where_it_is_missing_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "envpool", None)
    assert not BACKENDS["envpool"].can("CartPole-v1")
    with pytest.raises(UprightError, match="envpool is not installed") as caught:
        make_envs("CartPole-v1", 2, 0, "envpool")
    assert caught.value.hint == "`pip install 'upright[envpool]'` adds it."
