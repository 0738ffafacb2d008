"""One interface over every kind of environment."""

from collections.abc import Iterator
from typing import Any, get_args

import gymnasium as gym
import numpy as np
import pytest

from probes.envs import EndlessReward, ObsReward
from upright.envs import (
    BACKENDS,
    fastest_backend,
    make_env,
    make_envs,
    name_of,
    reward_threshold,
    spec_of,
)
from upright.envs.composition import Composed
from upright.ground.errors import UprightError
from upright.settings import Backend

SHORT = "ShortCartPole-v0"


@pytest.fixture
def short() -> Iterator[str]:
    """CartPole with a time limit of 5, in both its forms."""
    place = "gymnasium.envs.classic_control.cartpole"
    gym.register(
        SHORT,
        f"{place}:CartPoleEnv",
        vector_entry_point=f"{place}:CartPoleVectorEnv",
        max_episode_steps=5,
        reward_threshold=4.0,
    )
    yield SHORT
    del gym.registry[SHORT]


@pytest.mark.parametrize("backend", ["vector", "sync"])
def test_every_backend_has_the_time_limit_of_the_id(short: str, backend: str) -> None:
    envs = make_envs(short, 2, seed=0, backend=backend)
    obs = envs.reset()
    assert obs.shape == (2, 4)
    assert obs.dtype == np.float32
    for t in range(5):
        step = envs.step(np.array([t % 2, t % 2]))
        assert step.truncated.tolist() == [t == 4, t == 4]
        assert not step.terminated.any()
        assert step.valid.all()
        assert step.any_done is (t == 4)
    envs.close()
    assert envs.backend == backend


def test_what_is_known_of_backends_is_known_of_those_that_can_be_named() -> None:
    assert set(BACKENDS) == set(get_args(Backend))


@pytest.mark.parametrize(
    "backend", [name for name, each in BACKENDS.items() if each.exact("CartPole-v1")]
)
def test_a_backend_makes_what_its_row_says(backend: str) -> None:
    envs = make_envs("CartPole-v1", 2, seed=0, backend=backend)
    envs.close()
    known = BACKENDS[backend]
    assert (envs.backend, envs.kind, envs.exact) == (backend, known.kind, True)
    assert envs.state().values["kind"] == known.kind
    assert known.can("CartPole-v1")
    assert known.lanes > 0


def test_auto_takes_the_vector_form_where_there_is_one() -> None:
    assert fastest_backend("CartPole-v1") == "vector"
    assert fastest_backend("Acrobot-v1") == "sync"
    assert fastest_backend(EndlessReward) == "sync"


@pytest.mark.parametrize("env", ["Acrobot-v1", EndlessReward])
def test_a_vector_form_that_does_not_exist_is_refused(env: Any) -> None:
    with pytest.raises(UprightError, match="has no vector form"):
        make_envs(env, 2, seed=0, backend="vector")


@pytest.mark.parametrize("backend", ["vector", "sync"])
def test_the_seed_decides_the_episodes(backend: str) -> None:
    def first_observations(seed: int) -> np.ndarray:
        envs = make_envs("CartPole-v1", 3, seed, backend)
        observations = [envs.reset()]
        for _ in range(12):
            step = envs.step(np.ones(3, np.int64))
            observations.append(envs.restart(step.terminated, step.obs))
        envs.close()
        return np.stack(observations)

    np.testing.assert_array_equal(first_observations(4), first_observations(4))
    assert (first_observations(4) != first_observations(5)).any()


@pytest.mark.parametrize("backend", ["vector", "sync"])
def test_a_reset_with_a_seed_starts_the_same_episodes_again(backend: str) -> None:
    envs = make_envs("CartPole-v1", 2, seed=0, backend=backend)
    first, second, again = envs.reset(seed=9), envs.reset(), envs.reset(seed=9)
    envs.close()
    np.testing.assert_array_equal(first, again)
    assert (first != second).any()


def test_only_what_is_done_is_reset_each_time_to_a_new_episode() -> None:
    envs = make_envs("CartPole-v1", 3, seed=0, backend="sync")
    envs.reset()
    moved = envs.step(np.zeros(3, np.int64)).obs
    done = np.array([False, True, False])
    fresh = envs.restart(done, moved)
    again = envs.restart(done, fresh)
    envs.close()
    np.testing.assert_array_equal(fresh[[0, 2]], moved[[0, 2]])
    assert (fresh[1] != moved[1]).any()
    assert (again[1] != fresh[1]).any()


def test_environments_side_by_side_have_episodes_of_their_own() -> None:
    envs = make_envs("CartPole-v1", 4, seed=0, backend="sync")
    assert len(np.unique(envs.reset(), axis=0)) == 4


def test_an_unknown_id_is_answered_with_the_nearest() -> None:
    with pytest.raises(UprightError, match="There is no environment 'CartPol-v1'") as caught:
        make_env("CartPol-v1")
    assert "CartPole-v1" in caught.value.hint


@pytest.mark.parametrize("name", ["CartPole-v99", "cartpole-v1", "no such thing", "nowhere/X-v0"])
def test_another_unknown_id_is_a_clear_error_too(name: str) -> None:
    with pytest.raises(UprightError, match="There is no environment"):
        make_envs(name, 1, seed=0)


def test_a_module_that_is_not_there_is_a_clear_error() -> None:
    with pytest.raises(UprightError, match=r"Importing no_such_module .* No module named"):
        make_env("no_such_module:X-v0")


def test_the_threshold_is_that_of_the_id_and_a_factory_may_have_none(short: str) -> None:
    assert reward_threshold("CartPole-v1") == 475.0
    assert reward_threshold(short) == 4.0
    assert reward_threshold(EndlessReward) is None
    assert reward_threshold(lambda: gym.make(short)) == 4.0
    assert spec_of(EndlessReward) is None


def test_a_factory_is_named_after_itself() -> None:
    assert name_of("CartPole-v1") == "CartPole-v1"
    assert name_of(ObsReward) == "ObsReward"


def test_a_sync_step_reports_what_each_environment_did() -> None:
    envs = make_envs(ObsReward, 8, seed=0)
    seen = envs.reset()[:, 0]
    step = envs.step(np.zeros(8, np.int64))
    np.testing.assert_array_equal(step.rewards, seen)
    assert len(set(seen.tolist())) == 2
    assert step.terminated.all()


@pytest.mark.parametrize(("env", "backend"), [("CartPole-v1", "vector"), ("Acrobot-v1", "sync")])
def test_only_inside_does_an_environment_of_gymnasiums_take_actions_unasked(
    env: str, backend: str
) -> None:
    envs = make_envs(env, 2, seed=0, backend=backend)
    made = make_env(env)
    envs.close()
    made.close()
    assert not envs.actions.space.contains(7)
    assert not made.action_space.contains(7)
    assert envs.actions.space == made.action_space


def test_an_environment_of_ones_own_is_still_asked() -> None:
    asked = []

    class Asking(ObsReward):
        def step(self, action: Any) -> Any:
            asked.append((self.action_space.contains(action), self.action_space.contains(7)))
            return super().step(action)

    envs = make_envs(Asking, 2, seed=0)
    envs.reset()
    envs.step(np.zeros(2, np.int64))
    envs.close()
    assert asked == [(True, False)] * 2


def test_only_a_time_limit_has_the_vector_form_cut_episodes_where_the_single_one_does() -> None:
    def backend(**kwargs: Any) -> str:
        return fastest_backend(Composed("CartPole-v1", kwargs))

    assert backend(max_episode_steps=20) == "vector"
    assert [backend(max_episode_steps=limit) for limit in (-1, 0, 1.5, "x")] == ["sync"] * 4
    place = "gymnasium.envs.classic_control.cartpole"
    gym.register(
        "probes/Unlimited-v0",
        f"{place}:CartPoleEnv",
        vector_entry_point=f"{place}:CartPoleVectorEnv",
    )
    try:
        assert fastest_backend("probes/Unlimited-v0") == "sync"
    finally:
        del gym.registry["probes/Unlimited-v0"]
