"""How alike the sizes of observations are, and how many actions are at their bounds."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from upright.learning.batch import Batch
from upright.learning.spread import Spread
from upright.policy.policy import Policy
from upright.settings.hyperparameters import PPOSettings

SIGNS = gym.spaces.Discrete(2)
RATIO, PINNED = "rollout/obs_scale_ratio", "rollout/actions_at_bounds"


def box(size: int, bound: float = np.inf) -> gym.spaces.Box:
    return gym.spaces.Box(-bound, bound, (size,), np.float32)


def metrics(
    observations: gym.Space[Any],
    actions: gym.Space[Any],
    obs: Any = None,
    acted: Any = None,
    **settings: Any,
) -> dict[str, float]:
    policy = Policy(observations, actions, PPOSettings(**settings))
    nothing = np.zeros(1, np.float32)
    obs = np.zeros((1, *policy.observations.shape), np.float32) if obs is None else obs
    acted = np.zeros((1, *policy.actions.shape), np.float32) if acted is None else acted
    return Spread(policy).metrics(Batch(obs, acted, nothing, nothing, nothing))


def seen(*columns: Any) -> np.ndarray:
    return np.array(columns, np.float32).T


def test_the_ratio_is_of_the_deviations_whatever_the_means() -> None:
    rng = np.random.default_rng(0)
    obs = rng.normal([0.0, 1e4, -3.0], [2.0, 50.0, 0.1], (4000, 3)).astype(np.float32)
    deviations = obs.astype(np.float64).std(axis=0)
    found = metrics(box(3), SIGNS, obs)
    assert found == {RATIO: pytest.approx(deviations[1] / deviations[2], rel=1e-3)}


def test_what_never_moves_has_no_scale() -> None:
    moving, tenth = np.arange(50.0), np.full(50, 0.1)
    assert metrics(box(3), SIGNS, seen(moving, tenth, moving * 7)) == {RATIO: pytest.approx(7.0)}
    assert metrics(box(2), SIGNS, seen(moving, tenth)) == {}
    assert metrics(box(1), SIGNS, seen(moving)) == {}


@pytest.mark.filterwarnings("error")
def test_numbers_beyond_their_squares_say_nothing_and_stop_nothing() -> None:
    with np.errstate(all="ignore"):  # as in an update
        assert metrics(box(2), SIGNS, seen([0, 1e30], [0, 1])) == {}


@pytest.mark.parametrize(
    "space",
    [
        gym.spaces.Discrete(9),
        gym.spaces.MultiDiscrete([5, 500]),
        gym.spaces.MultiBinary(4),
    ],
    ids=str,
)
def test_what_is_counted_has_no_scale(space: gym.Space[Any]) -> None:
    policy = Policy(space, SIGNS, PPOSettings())
    obs = np.stack([policy.observations.row(space.sample()) for _ in range(20)])
    assert metrics(space, SIGNS, obs) == {}


def test_of_parts_those_that_are_measured_are_compared() -> None:
    space = gym.spaces.Tuple([gym.spaces.Discrete(500), box(2)])
    ticks = np.arange(100.0)
    assert metrics(space, SIGNS, seen(ticks, ticks, ticks * 3)) == {RATIO: pytest.approx(3.0)}


def test_an_action_is_at_a_bound_where_it_is_cut_off_or_nearly() -> None:
    acted = np.float32([[1.5, 0.0], [-0.995, 0.98], [0.5, -7.0], [0.0, 0.0]])
    bounds = gym.spaces.Box(np.float32([-2, 0]), np.float32([2, 30]))
    assert metrics(box(1), bounds, acted=acted) == {PINNED: 3 / 8}
    squashed = np.float32([[1.5, 0.0], [-2.7, 0.98], [0.5, -7.0], [0.0, 0.0]])
    assert metrics(box(1), bounds, acted=squashed, squash_actions=True) == {PINNED: 2 / 8}


def test_only_bounds_that_are_there_count() -> None:
    half = gym.spaces.Box(np.float32([0, -np.inf]), np.float32([np.inf, np.inf]))
    acted = np.float32([[-1, -9], [1, 1e9], [2, 0], [3, 0]])
    assert metrics(box(1), half, acted=acted) == {PINNED: 1 / 4}
    assert metrics(box(1), box(2), acted=acted) == {}
    parts = gym.spaces.Dict({"a": SIGNS, "b": box(1, 1.0)})
    assert metrics(box(1), parts, acted=np.float32([[1, 5.0], [0, 0.0]])) == {PINNED: 1 / 2}
