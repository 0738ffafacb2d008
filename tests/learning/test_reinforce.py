"""REINFORCE: the lesson's update, with the gradient of -log pi * G."""

import numpy as np
import pytest
import torch

from support import make_policy, make_rollout
from upright.learning.ladder import Reinforce
from upright.rollout.rollout import Rollout
from upright.settings.hyperparameters import ReinforceSettings

METRICS = {
    "rollout/obs_scale_ratio",
    "train/policy_gradient_loss",
    "train/value_loss",
    "train/entropy",
    "train/explained_variance",
    "train/learning_rate",
}


def one_episode(length: int = 9) -> Rollout:
    rng = np.random.default_rng(0)
    ended = np.zeros((length, 1))
    ended[-1] = 1
    return make_rollout(
        rng.normal(size=(length + 1, 1, 4)),
        rng.integers(2, size=(length, 1)),
        np.ones((length, 1)),
        terminated=ended,
    )


def test_one_update_has_the_direction_of_the_lessons_target() -> None:
    settings = ReinforceSettings(
        num_episodes=1,
        num_envs=1,
        gamma=0.99,
        normalize_eps=1e-4,
        hidden_sizes=(128,),
        activation="relu",
        bias=False,
        max_grad_norm=0.0,
        initialization="uniform",
    )
    policy, rollout = make_policy(settings), one_episode()
    algorithm = Reinforce(policy, settings, np.random.default_rng(0))
    layers = policy.network.actor.layers
    weights = [layer.weight.T.copy() for layer in layers]

    algorithm.update(rollout, schedule_progress=0.0)
    ours = [layer.d_weight.T for layer in layers]

    lesson = torch.nn.Sequential(
        torch.nn.Linear(4, 128, bias=False),
        torch.nn.ReLU(),
        torch.nn.Linear(128, 2, bias=False),
        torch.nn.Softmax(dim=1),
    ).double()
    with torch.no_grad():
        for parameter, first in zip(lesson.parameters(), weights, strict=True):
            parameter.copy_(torch.tensor(first))
    returns, total = [], 0.0
    for reward in rollout.rewards[::-1, 0]:
        total = reward + 0.99 * total
        returns.insert(0, total)
    normalized = (np.array(returns) - np.mean(returns)) / (np.std(returns) + 1e-4)
    states = torch.as_tensor(rollout.obs[:-1, 0]).double()
    predictions = lesson(states)
    alpha, probs = 1e-4, predictions.detach().numpy()
    onehot = np.eye(2)[rollout.actions[:, 0]]
    target = torch.as_tensor(alpha * (onehot - probs) * normalized[:, None] + probs)
    (-torch.mean(torch.log(predictions) * target)).backward()

    for mine, theirs in zip(ours, lesson.parameters(), strict=True):
        np.testing.assert_allclose(theirs.grad * 2 / alpha, mine, rtol=1e-3, atol=1e-6)


def test_without_normalization_the_loss_is_the_mean_of_minus_log_prob_times_return() -> None:
    settings = ReinforceSettings(normalize_returns=False, gamma=1.0)
    policy, rollout = make_policy(settings), one_episode(4)
    algorithm = Reinforce(policy, settings, np.random.default_rng(0))
    batch = algorithm.batch(rollout)
    params, values = policy.forward(batch.obs)
    said = policy.distribution.evaluate(params, batch.actions)
    loss = algorithm.loss(batch, said, values, schedule_progress=0.0)
    # Four rewards of 1, undiscounted: 4, 3, 2, 1.
    log_probs = policy.log_probs(batch.obs, batch.actions)
    expected = -(log_probs * [4.0, 3.0, 2.0, 1.0]).mean()
    assert loss.value == pytest.approx(expected, rel=1.3e-6, abs=1e-5)
    assert loss.d_log_probs.tolist() == [-1.0, -0.75, -0.5, -0.25]


@pytest.mark.parametrize("baseline", [True, False])
def test_an_update_reports_the_metrics_by_their_names(baseline: bool) -> None:
    settings = ReinforceSettings(baseline=baseline)
    algorithm = Reinforce(make_policy(settings), settings, np.random.default_rng(0))
    metrics = algorithm.update(one_episode(), schedule_progress=0.0)
    assert metrics.keys() >= METRICS - {"train/value_loss"}
    assert 0.0 < metrics["train/entropy"] <= np.log(2) + 1e-6


def test_only_a_baseline_makes_a_critic() -> None:
    for baseline in (True, False):
        policy = make_policy(ReinforceSettings(baseline=baseline))
        assert policy.has_critic == baseline
        assert any(name.startswith("critic.") for name in policy.weights) == baseline


def test_the_baselines_target_is_the_return_also_where_the_weights_are_normalized() -> None:
    settings = ReinforceSettings(baseline=True, gamma=1.0, normalize_returns=True)
    algorithm = Reinforce(make_policy(settings), settings, np.random.default_rng(0))
    rollout = one_episode(3)
    values = algorithm.batch(rollout).old_values
    metrics = algorithm.update(rollout, schedule_progress=0.0)
    expected = np.square(values - [3.0, 2.0, 1.0]).mean()
    assert metrics["train/value_loss"] == pytest.approx(float(expected), rel=1e-5)
