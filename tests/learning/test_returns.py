"""Returns and advantages, against numbers worked out by hand."""

import numpy as np
import pytest

from upright.learning.returns import explained_variance, gae

GAMMA, LAMBDA = 0.5, 0.5


def column(*numbers: float) -> np.ndarray:
    return np.array(numbers, np.float64)[:, None]


def mask(*flags: int) -> np.ndarray:
    return np.array(flags, np.bool_)[:, None]


def discounted_returns(
    rewards: np.ndarray, terminated: np.ndarray, truncated: np.ndarray, gamma: float
) -> np.ndarray:
    """G_t = r_t + gamma * (1 - done_t) * G_{t+1}: `gae` at lambda = 1 and V = 0."""
    nothing = np.zeros(rewards.shape)
    return gae(rewards, nothing, nothing, terminated, truncated, gamma, gae_lambda=1.0)


def test_termination_cuts_the_bootstrap() -> None:
    advantages = gae(
        rewards=column(1, 2, 3),
        values=column(0.5, 1, 2),
        next_values=column(1, 2, 99),
        terminated=mask(0, 0, 1),
        truncated=mask(0, 0, 0),
        gamma=GAMMA,
        gae_lambda=LAMBDA,
    )
    # A2 = 3 - 2                               = 1
    # A1 = (2 + 0.5 * 2 - 1) + 0.25 * 1        = 2.25
    # A0 = (1 + 0.5 * 1 - 0.5) + 0.25 * 2.25   = 1.5625
    np.testing.assert_array_equal(advantages, column(1.5625, 2.25, 1))


def test_truncation_bootstraps_from_the_true_final_value_and_cuts_the_recursion() -> None:
    advantages = gae(
        rewards=column(1, 2, 3),
        values=column(0.5, 1, 2),
        next_values=column(1, 4, 6),  # 4 is V(final obs); the next episode begins at V = 2
        terminated=mask(0, 0, 0),
        truncated=mask(0, 1, 0),
        gamma=GAMMA,
        gae_lambda=LAMBDA,
    )
    # A2 = 3 + 0.5 * 6 - 2                     = 4
    # A1 = 2 + 0.5 * 4 - 1                     = 3, nothing of A2
    # A0 = (1 + 0.5 * 1 - 0.5) + 0.25 * 3      = 1.75
    np.testing.assert_array_equal(advantages, column(1.75, 3, 4))


def test_the_end_of_the_rollout_bootstraps_from_the_observation_after_the_last_row() -> None:
    advantages = gae(
        rewards=column(1, 2),
        values=column(0.5, 1),
        next_values=column(1, 8),
        terminated=mask(0, 0),
        truncated=mask(0, 0),
        gamma=GAMMA,
        gae_lambda=LAMBDA,
    )
    # A1 = 2 + 0.5 * 8 - 1                     = 5
    # A0 = (1 + 0.5 * 1 - 0.5) + 0.25 * 5      = 2.25
    np.testing.assert_array_equal(advantages, column(2.25, 5))


@pytest.mark.parametrize("garbage", [0.0, -7.0, 1e6])
def test_the_dead_row_after_an_end_leaks_nothing(garbage: float) -> None:
    # Two lanes: the first is terminated in row 1, the second truncated there. Row 2 resets.
    rewards = np.array([[1, 1], [2, 2], [garbage, garbage], [3, 3]], np.float64)
    values = np.array([[0.5, 0.5], [1, 1], [garbage, 4], [2, 2]], np.float64)
    next_values = np.array([[1, 1], [garbage, 4], [garbage, garbage], [6, 6]], np.float64)
    terminated = np.array([[0, 0], [1, 0], [0, 0], [0, 0]], np.bool_)
    truncated = np.array([[0, 0], [0, 1], [0, 0], [0, 0]], np.bool_)
    advantages = gae(rewards, values, next_values, terminated, truncated, GAMMA, LAMBDA)
    # Row 3, both:       3 + 0.5 * 6 - 2                   = 4
    # Row 1, terminated: 2 - 1                             = 1
    # Row 1, truncated:  2 + 0.5 * 4 - 1                   = 3
    # Row 0, terminated: (1 + 0.5 * 1 - 0.5) + 0.25 * 1    = 1.25
    # Row 0, truncated:  (1 + 0.5 * 1 - 0.5) + 0.25 * 3    = 1.75
    np.testing.assert_array_equal(advantages[[0, 1, 3]], [[1.25, 1.75], [1, 3], [4, 4]])


def test_termination_and_truncation_in_one_step_is_a_termination() -> None:
    advantages = gae(column(1), column(0), column(10), mask(1), mask(1), GAMMA, LAMBDA)
    np.testing.assert_array_equal(advantages, column(1))


def test_lambda_0_is_the_one_step_error() -> None:
    rng = np.random.default_rng(0)
    rewards, values, next_values = rng.normal(size=(3, 5, 2))
    none = np.zeros((5, 2), np.bool_)
    advantages = gae(rewards, values, next_values, none, none, 0.9, 0.0)
    np.testing.assert_allclose(advantages, rewards + 0.9 * next_values - values)


def test_discounted_returns_by_hand() -> None:
    # G2 = 4;  G1 = 2, an end;  G0 = 1 + 0.5 * 2 = 2
    for terminated, truncated in ((mask(0, 1, 0), mask(0, 0, 0)), (mask(0, 0, 0), mask(0, 1, 0))):
        returns = discounted_returns(column(1, 2, 4), terminated, truncated, GAMMA)
        np.testing.assert_array_equal(returns, column(2, 2, 4))


def test_discounted_returns_equal_the_lesson_loop() -> None:
    rewards = np.random.default_rng(0).normal(size=50)
    lesson, total = [], 0.0
    for reward in rewards[::-1]:
        total = reward + 0.99 * total
        lesson.insert(0, total)
    terminated = np.zeros((50, 1), np.bool_)
    terminated[-1] = True
    returns = discounted_returns(rewards[:, None], terminated, np.zeros_like(terminated), 0.99)
    np.testing.assert_allclose(returns[:, 0], lesson, rtol=1e-12)


def test_lanes_do_not_touch_each_other() -> None:
    rng = np.random.default_rng(1)
    rewards, values, next_values = rng.normal(size=(3, 20, 3))
    terminated, truncated = rng.random((2, 20, 3)) < 0.2
    together = gae(rewards, values, next_values, terminated, truncated, 0.9, 0.8)
    for n in range(3):
        lane = (slice(None), slice(n, n + 1))
        alone = gae(
            rewards[lane],
            values[lane],
            next_values[lane],
            terminated[lane],
            truncated[lane],
            0.9,
            0.8,
        )
        np.testing.assert_array_equal(together[lane], alone)


def test_explained_variance_by_hand() -> None:
    targets = np.array([1.0, 3.0])
    assert explained_variance(targets, targets) == 1.0
    assert explained_variance(np.zeros(2), targets) == 0.0
    # Errors 1 - 2 and 3 - 2: a spread as wide as the targets'; halved errors explain 3/4.
    assert explained_variance(np.array([1.5, 2.5]), targets) == pytest.approx(0.75)
    assert explained_variance(np.array([1.0, 2.0]), np.ones(2)) == 0.0
