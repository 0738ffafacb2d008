"""Losses against hand numbers and autograd, and the lesson's target against -log pi * G."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from upright.learning.losses import (
    Derived,
    approx_kl,
    clipped_surrogate,
    clipped_value_loss,
    policy_gradient,
    value_loss,
)
from upright.policy.distributions import Categorical


def test_policy_gradient_is_the_mean_of_minus_log_prob_times_weight() -> None:
    # -(-1 * 2 + -3 * -1) / 2 = -0.5
    loss, _ = policy_gradient(np.float32([-1.0, -3.0]), np.float32([2.0, -1.0]))
    assert loss == pytest.approx(-0.5, rel=1e-6)


def test_the_gradient_of_the_lessons_target_is_that_of_minus_log_prob_times_return() -> None:
    rng = np.random.default_rng(0)
    alpha, rows = 1e-4, 6
    logits = torch.tensor(rng.normal(size=(rows, 2)), requires_grad=True)
    weights = torch.tensor(rng.normal(size=rows))
    actions = torch.tensor(rng.integers(2, size=rows))
    onehot = torch.nn.functional.one_hot(actions, 2).double()

    predictions = torch.softmax(logits, dim=1)
    probs = predictions.detach()
    target = probs + alpha * (onehot - probs) * weights[:, None]
    lesson = -torch.mean(torch.log(predictions) * target)
    (lesson_gradient,) = torch.autograd.grad(lesson, logits)

    # The lesson's mean runs over rows and actions: 2 * rows numbers.
    expected = -alpha * weights[:, None] * (onehot - probs) / (2 * rows)
    torch.testing.assert_close(lesson_gradient, expected)

    distribution = Categorical(2)
    log_probs, _, memory = distribution.evaluate(logits.detach().numpy(), actions.numpy())
    _, d_log_probs = policy_gradient(log_probs, weights.numpy())
    gradient = distribution.gradient(memory, d_log_probs, 0.0)
    np.testing.assert_allclose(lesson_gradient, alpha / 2 * gradient, rtol=1e-7, atol=1e-15)


def policy_gradient_of_torch(log_probs: Tensor, advantages: Tensor) -> Tensor:
    return -(log_probs * advantages).mean()


def surrogate_of_torch(log_probs: Tensor, old: Tensor, advantages: Tensor) -> Tensor:
    ratio = (log_probs - old).exp()
    return -torch.minimum(ratio * advantages, ratio.clamp(0.8, 1.2) * advantages).mean()


def value_loss_of_torch(values: Tensor, returns: Tensor) -> Tensor:
    return torch.nn.functional.mse_loss(values, returns)


def clipped_value_loss_of_torch(values: Tensor, old: Tensor, returns: Tensor) -> Tensor:
    held = old + (values - old).clamp(-0.5, 0.5)
    return torch.maximum((values - returns).square(), (held - returns).square()).mean()


@pytest.mark.parametrize(
    ("ours", "theirs", "arguments"),
    [
        (policy_gradient, policy_gradient_of_torch, 2),
        (lambda *x: clipped_surrogate(*x, 0.2), surrogate_of_torch, 3),
        (value_loss, value_loss_of_torch, 2),
        (lambda *x: clipped_value_loss(*x, 0.5), clipped_value_loss_of_torch, 3),
    ],
    ids=["policy gradient", "clipped surrogate", "value loss", "clipped value loss"],
)
def test_a_loss_and_its_derivative_are_autograds(
    ours: Callable[..., Derived], theirs: Callable[..., Tensor], arguments: int
) -> None:
    given = np.random.default_rng(0).normal(size=(arguments, 500))
    leaf, *others = map(torch.tensor, given)
    expected = theirs(leaf.requires_grad_(), *others)
    expected.backward()
    value, derivative = ours(*given)
    assert value == pytest.approx(float(expected.detach()), rel=1e-9)
    np.testing.assert_allclose(derivative, leaf.grad, rtol=1e-9, atol=1e-15)
    value, derivative = ours(*given.astype(np.float32))
    assert isinstance(value, float)
    assert derivative.dtype == np.float32


def test_the_surrogate_at_the_acting_policy_has_the_policy_gradient() -> None:
    log_probs = np.float32([-0.5, -1.5, -2.0])
    advantages = np.float32([1.0, -2.0, 0.5])
    _, ours = clipped_surrogate(log_probs, log_probs.copy(), advantages, 0.2)
    _, plain = policy_gradient(log_probs, advantages)
    np.testing.assert_allclose(ours, plain, rtol=1.3e-6)


def test_the_surrogate_is_clipped_where_the_ratio_helped_and_only_there() -> None:
    ratios = np.float32([1.5, 1.5, 0.5, 0.5])
    advantages = np.float32([1.0, -1.0, 1.0, -1.0])
    old = np.full(4, -1.0, np.float32)
    # min(1.5, 1.2) = 1.2;  min(-1.5, -1.2) = -1.5;  min(0.5, 0.8) = 0.5;  min(-0.5, -0.8) = -0.8
    loss, gradient = clipped_surrogate(old + np.log(ratios), old, advantages, 0.2)
    assert loss == pytest.approx(-(1.2 - 1.5 + 0.5 - 0.8) / 4, rel=1.3e-6, abs=1e-5)
    assert gradient[[0, 3]].tolist() == [0.0, 0.0]
    np.testing.assert_allclose(gradient[[1, 2]], [1.5 / 4, -0.5 / 4], rtol=1.3e-6, atol=1e-5)


def test_value_loss_is_the_mean_square() -> None:
    # (1^2 + 3^2) / 2 = 5
    loss, _ = value_loss(np.float32([1.0, 0.0]), np.float32([2.0, 3.0]))
    assert loss == pytest.approx(5.0, rel=1e-6)


def test_clipped_value_loss_takes_the_worse_of_both() -> None:
    values, old = np.float32([1.0, 1.0, 0.1]), np.zeros(3, np.float32)
    returns = np.float32([2.0, 0.0, 1.0])
    # 1st: clipped to 0.2, (0.2 - 2)^2 = 3.24 > 1;  2nd: max(1, 0.04) = 1;  3rd: not clipped, 0.81
    loss, derivative = clipped_value_loss(values, old, returns, 0.2)
    assert loss == pytest.approx((3.24 + 1.0 + 0.81) / 3, rel=1.3e-6)
    np.testing.assert_allclose(derivative, [0.0, 2.0 / 3, -1.8 / 3], rtol=1e-6)


def test_a_wide_clip_leaves_the_value_loss_alone() -> None:
    values, old, returns = np.random.default_rng(0).normal(size=(3, 10)).astype(np.float32)
    clipped, its_derivative = clipped_value_loss(values, old, returns, 100.0)
    plain, derivative = value_loss(values, returns)
    assert clipped == pytest.approx(plain, rel=1.3e-6)
    np.testing.assert_allclose(its_derivative, derivative, rtol=1.3e-6)


def test_approx_kl_is_zero_at_equality() -> None:
    log_probs = np.float32([-0.1, -2.0, -5.0])
    assert approx_kl(log_probs, log_probs) == 0.0


def test_approx_kl_estimates_the_divergence() -> None:
    # KL((0.5, 0.5) || (0.8, 0.2)); the actions of the old policy are half of each kind.
    old, new = np.log(np.float32([0.5, 0.5])), np.log(np.float32([0.8, 0.2]))
    exact = 0.5 * math.log(0.5 / 0.8) + 0.5 * math.log(0.5 / 0.2)
    assert approx_kl(new, old) == pytest.approx(exact, rel=1.3e-6, abs=1e-5)


def test_approx_kl_is_positive_whichever_way_a_probability_moved() -> None:
    # exp(x) - 1 - x:  0.148721 for x = 0.5,  0.106531 for x = -0.5
    old = np.float32([-1.0])
    assert approx_kl(old + 0.5, old) == pytest.approx(0.148721, rel=1.3e-6, abs=1e-5)
    assert approx_kl(old - 0.5, old) == pytest.approx(0.106531, rel=1.3e-6, abs=1e-5)
