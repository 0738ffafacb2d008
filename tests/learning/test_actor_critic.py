"""Advantage actor-critic: what one update does and reports."""

import numpy as np
import pytest
import torch

from support import make_policy, random_rollout
from upright.learning.ladder import ActorCritic
from upright.settings.hyperparameters import ActorCriticSettings


def made(**settings: object) -> ActorCritic:
    chosen = ActorCriticSettings(**settings)
    return ActorCritic(make_policy(chosen), chosen, np.random.default_rng(0))


def test_one_update_reports_the_loss_it_took_its_step_on() -> None:
    algorithm = made(normalize_advantages=False)
    rollout = random_rollout()
    batch = algorithm.batch(rollout)
    log_probs = algorithm.policy.evaluate_actions(batch.obs, batch.actions).log_probs.detach()
    metrics = algorithm.update(rollout, schedule_progress=0.0)
    policy_loss = -(log_probs * batch.advantages).mean()
    value_loss = (batch.old_values - batch.returns).square().mean()
    assert metrics["train/policy_gradient_loss"] == pytest.approx(float(policy_loss), rel=1e-4)
    assert metrics["train/value_loss"] == pytest.approx(float(value_loss), rel=1e-4)
    assert 0.0 < metrics["train/entropy"] <= np.log(2) + 1e-6
    assert metrics["train/explained_variance"] <= 1.0


def test_separate_networks_learn_from_their_own_losses_only() -> None:
    algorithm = made(vf_coef=0.0)
    first = [parameter.detach().clone() for parameter in algorithm.policy.critic.parameters()]
    algorithm.update(random_rollout(), schedule_progress=0.0)
    for before, after in zip(first, algorithm.policy.critic.parameters(), strict=True):
        assert torch.equal(before, after)


def test_a_shared_network_learns_from_both_losses() -> None:
    algorithm = made(shared_network=True, normalize_advantages=False)
    batch = algorithm.batch(random_rollout())
    flat = batch._replace(advantages=torch.zeros_like(batch.advantages))
    loss, _ = algorithm.loss(flat, schedule_progress=0.0)
    torso = list(algorithm.policy.torso.parameters())
    gradients = torch.autograd.grad(loss, torso)
    assert all(bool(gradient.any()) for gradient in gradients)


def test_the_entropy_bonus_flattens_the_policy() -> None:
    def entropy_after(ent_coef: float) -> float:
        algorithm = made(ent_coef=ent_coef, learning_rate=0.01, initialization="uniform")
        rollout = random_rollout()
        for _ in range(10):
            algorithm.update(rollout, schedule_progress=0.0)
        obs = torch.as_tensor(rollout.obs[:-1]).flatten(0, 1)
        actions = torch.as_tensor(rollout.actions).flatten()
        return float(algorithm.policy.evaluate_actions(obs, actions).entropy.mean().detach())

    assert entropy_after(10.0) > entropy_after(0.0)


def test_repeated_updates_fit_the_critic_to_the_returns() -> None:
    algorithm = made(gae_lambda=1.0, gamma=0.5, learning_rate=0.02, max_grad_norm=0.0)
    rollout = random_rollout()
    rollout.terminated[-1] = True
    losses = [
        algorithm.update(rollout, schedule_progress=0.0)["train/value_loss"] for _ in range(100)
    ]
    assert losses[-1] < 0.3 * losses[0]


@pytest.mark.parametrize("coefficient", ["vf_coef", "ent_coef"])
def test_a_coefficient_of_0_takes_its_term_away(coefficient: str) -> None:
    def gradient(value: float) -> torch.Tensor:
        algorithm = made(**({"vf_coef": 0.0, "ent_coef": 0.0} | {coefficient: value}))
        loss, _ = algorithm.loss(algorithm.batch(random_rollout()), schedule_progress=0.0)
        for optimizer in algorithm.optimizers:
            optimizer.zero_grad()
        loss.backward()
        return algorithm.optimizers[0].grad.clone()

    part = gradient(2.0) - gradient(0.0)
    assert bool(part.any())
    torch.testing.assert_close(gradient(4.0) - gradient(0.0), 2.0 * part, rtol=1e-3, atol=1e-6)
