"""A forbidden action has probability 0, and so have its shares of entropy and gradient."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch

from upright.policy.discrete import Categorical
from upright.policy.joint import Joint
from upright.policy.masking import masked
from upright.policy.policy import Policy
from upright.settings.hyperparameters import PPOSettings

MASKS = np.array([[1, 0, 1, 1, 0], [0, 0, 1, 1, 1], [1, 1, 1, 0, 1], [0, 1, 0, 1, 0]], bool)
ACTIONS = np.array([[2, 0], [2, 1], [1, 1], [1, 0]])


def two_numbers() -> Joint:
    return Joint([Categorical(3), Categorical(2)], (2,), np.dtype(np.int64))


def logits(dtype: Any = np.float64) -> np.ndarray:
    return (5.0 * np.random.default_rng(0).normal(size=(4, 5))).astype(dtype)


def objective(params: np.ndarray) -> float:
    said = two_numbers().evaluate(masked(params, MASKS), ACTIONS)
    return float((said.log_probs * [1.0, -2.0, 0.5, 3.0] + 0.7 * said.entropy).sum())


def derivative(params: np.ndarray) -> np.ndarray:
    joint = two_numbers()
    said = joint.evaluate(masked(params, MASKS), ACTIONS)
    weights = np.array([1.0, -2.0, 0.5, 3.0], params.dtype)
    return joint.gradient(said.memory, weights, np.full(4, 0.7, params.dtype))


def test_the_gradient_under_masks_is_that_of_differences_and_0_where_forbidden() -> None:
    params, found = logits(), derivative(logits())
    for place in np.ndindex(params.shape):
        step = np.zeros_like(params)
        step[place] = 1e-6
        slope = (objective(params + step) - objective(params - step)) / 2e-6
        assert found[place] == pytest.approx(slope, abs=1e-7)
    assert (derivative(logits(np.float32))[~MASKS] == 0.0).all()


def test_the_gradient_under_masks_is_autograds() -> None:
    params = torch.tensor(logits(), requires_grad=True)
    held = params.masked_fill(~torch.from_numpy(MASKS), -torch.inf)
    total = torch.zeros((), dtype=torch.float64)
    weights = torch.tensor([1.0, -2.0, 0.5, 3.0], dtype=torch.float64)
    for part, column in ((held[:, :3], 0), (held[:, 3:], 1)):
        log_p = torch.log_softmax(part, dim=1)
        p = log_p.exp()
        taken = log_p[torch.arange(4), torch.from_numpy(ACTIONS[:, column])]
        entropy = -(p * torch.where(p > 0, log_p, 0.0)).sum(dim=1)
        total = total + (weights * taken + 0.7 * entropy).sum()
    assert total.item() == pytest.approx(objective(logits()))
    total.backward()
    assert params.grad is not None
    expected = torch.nan_to_num(params.grad).numpy()
    np.testing.assert_allclose(derivative(logits())[MASKS], expected[MASKS], atol=1e-12)


@pytest.mark.parametrize("size", [1.0, 1e4, 1e30])
def test_a_forbidden_action_has_no_probability_whatever_the_logits_are(size: float) -> None:
    params = np.array([[size, -size, 0.0]], np.float32)
    masks = np.array([[False, True, True]])
    with np.errstate(over="raise", invalid="raise"):
        said = Categorical(3).evaluate(masked(params, masks), np.array([2]))
        assert Categorical(3).probabilities(masked(params, masks))[0, 0] == 0.0
    assert np.isfinite(said.log_probs).all()
    assert np.isfinite(said.entropy).all()


def test_no_mask_leaves_the_parameters_alone() -> None:
    params = logits()
    assert masked(params, None) is params


def test_predict_takes_masks_as_the_contrib_package_does() -> None:
    space = gym.spaces.MultiDiscrete([3, 2], start=[5, -1])
    policy = Policy(gym.spaces.Box(-1, 1, (2,)), space, PPOSettings(), 0)
    one, many = np.zeros(2, np.float32), np.zeros((4, 2), np.float32)
    masks = np.array([[0, 0, 1, 0, 1]] * 4, np.int8)
    for mask in (masks[0], masks[:1], ([0, 0, 1], [0, 1])):
        action, _ = policy.predict(one, action_masks=mask)
        assert action.tolist() == [7, 0]
    actions, _ = policy.predict(many, action_masks=masks)
    assert actions.tolist() == [[7, 0]] * 4
    with pytest.raises(ValueError, match="forbids everything"):
        policy.predict(one, action_masks=np.array([0, 0, 0, 1, 1]))
