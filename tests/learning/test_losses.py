"""Losses against hand numbers, and the lesson's target against -log pi * G."""

import math

import numpy as np
import torch

from upright.learning.losses import (
    approx_kl,
    clipped_surrogate,
    clipped_value_loss,
    policy_gradient,
    value_loss,
)


def test_policy_gradient_is_the_mean_of_minus_log_prob_times_weight() -> None:
    # -(-1 * 2 + -3 * -1) / 2 = -0.5
    loss = policy_gradient(torch.tensor([-1.0, -3.0]), torch.tensor([2.0, -1.0]))
    torch.testing.assert_close(loss, torch.tensor(-0.5))


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

    log_probs = torch.log_softmax(logits, dim=1)[torch.arange(rows), actions]
    (gradient,) = torch.autograd.grad(policy_gradient(log_probs, weights), logits)
    torch.testing.assert_close(lesson_gradient, alpha / 2 * gradient)


def test_the_surrogate_at_the_acting_policy_has_the_policy_gradient() -> None:
    log_probs = torch.tensor([-0.5, -1.5, -2.0], requires_grad=True)
    advantages = torch.tensor([1.0, -2.0, 0.5])
    surrogate = clipped_surrogate(log_probs, log_probs.detach(), advantages, 0.2)
    (ours,) = torch.autograd.grad(surrogate, log_probs)
    (plain,) = torch.autograd.grad(policy_gradient(log_probs, advantages), log_probs)
    torch.testing.assert_close(ours, plain)


def test_the_surrogate_is_clipped_where_the_ratio_helped_and_only_there() -> None:
    ratios = torch.tensor([1.5, 1.5, 0.5, 0.5])
    advantages = torch.tensor([1.0, -1.0, 1.0, -1.0])
    old = torch.full((4,), -1.0)
    log_probs = (old + ratios.log()).requires_grad_()
    # min(1.5, 1.2) = 1.2;  min(-1.5, -1.2) = -1.5;  min(0.5, 0.8) = 0.5;  min(-0.5, -0.8) = -0.8
    loss = clipped_surrogate(log_probs, old, advantages, 0.2)
    torch.testing.assert_close(loss, torch.tensor(-(1.2 - 1.5 + 0.5 - 0.8) / 4))
    (gradient,) = torch.autograd.grad(loss, log_probs)
    assert gradient[[0, 3]].tolist() == [0.0, 0.0]
    torch.testing.assert_close(gradient[[1, 2]], torch.tensor([1.5 / 4, -0.5 / 4]))


def test_value_loss_is_the_mean_square() -> None:
    # (1^2 + 3^2) / 2 = 5
    loss = value_loss(torch.tensor([1.0, 0.0]), torch.tensor([2.0, 3.0]))
    torch.testing.assert_close(loss, torch.tensor(5.0))


def test_clipped_value_loss_takes_the_worse_of_both() -> None:
    values, old = torch.tensor([1.0, 1.0, 0.1]), torch.zeros(3)
    returns = torch.tensor([2.0, 0.0, 1.0])
    # 1st: clipped to 0.2, (0.2 - 2)^2 = 3.24 > 1;  2nd: max(1, 0.04) = 1;  3rd: not clipped, 0.81
    loss = clipped_value_loss(values, old, returns, 0.2)
    torch.testing.assert_close(loss, torch.tensor((3.24 + 1.0 + 0.81) / 3))


def test_a_wide_clip_leaves_the_value_loss_alone() -> None:
    rng = torch.Generator().manual_seed(0)
    values, old, returns = torch.randn(3, 10, generator=rng)
    clipped = clipped_value_loss(values, old, returns, 100.0)
    torch.testing.assert_close(clipped, value_loss(values, returns))


def test_approx_kl_is_zero_at_equality() -> None:
    log_probs = torch.tensor([-0.1, -2.0, -5.0])
    assert float(approx_kl(log_probs, log_probs)) == 0.0


def test_approx_kl_estimates_the_divergence() -> None:
    # KL((0.5, 0.5) || (0.8, 0.2)); the actions of the old policy are half of each kind.
    old, new = torch.tensor([0.5, 0.5]).log(), torch.tensor([0.8, 0.2]).log()
    exact = 0.5 * math.log(0.5 / 0.8) + 0.5 * math.log(0.5 / 0.2)
    torch.testing.assert_close(approx_kl(new, old), torch.tensor(exact))


def test_approx_kl_is_positive_whichever_way_a_probability_moved() -> None:
    # exp(x) - 1 - x:  0.148721 for x = 0.5,  0.106531 for x = -0.5
    old = torch.tensor([-1.0])
    torch.testing.assert_close(approx_kl(old + 0.5, old), torch.tensor(0.148721))
    torch.testing.assert_close(approx_kl(old - 0.5, old), torch.tensor(0.106531))
