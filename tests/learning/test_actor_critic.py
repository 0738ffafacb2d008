"""Advantage actor-critic: what one update does and reports."""

import numpy as np
import pytest

from support import make_policy, random_rollout, weights_of
from upright.learning.ladder import ActorCritic
from upright.settings.hyperparameters import ActorCriticSettings


def made(**settings: object) -> ActorCritic:
    chosen = ActorCriticSettings(**settings)
    return ActorCritic(make_policy(chosen), chosen, np.random.default_rng(0))


def test_one_update_reports_the_loss_it_took_its_step_on() -> None:
    algorithm = made(normalize_advantages=False)
    rollout = random_rollout()
    batch = algorithm.batch(rollout)
    log_probs = algorithm.policy.log_probs(batch.obs, batch.actions)
    metrics = algorithm.update(rollout, schedule_progress=0.0)
    policy_loss = -(log_probs * batch.advantages).mean()
    value_loss = np.square(batch.old_values - batch.returns).mean()
    assert metrics["train/policy_gradient_loss"] == pytest.approx(float(policy_loss), rel=1e-4)
    assert metrics["train/value_loss"] == pytest.approx(float(value_loss), rel=1e-4)
    assert 0.0 < metrics["train/entropy"] <= np.log(2) + 1e-6
    assert metrics["train/explained_variance"] <= 1.0


def test_separate_networks_learn_from_their_own_losses_only() -> None:
    algorithm = made(vf_coef=0.0)
    first = weights_of(algorithm.policy)
    algorithm.update(random_rollout(), schedule_progress=0.0)
    for name, after in algorithm.policy.weights.items():
        assert np.array_equal(first[name], after) == name.startswith("critic.")


def test_a_shared_network_learns_from_both_losses() -> None:
    algorithm = made(shared_network=True, normalize_advantages=False)
    batch = algorithm.batch(random_rollout())
    flat = batch._replace(advantages=np.zeros_like(batch.advantages))
    algorithm.gradient(flat, schedule_progress=0.0)
    gradients = algorithm.policy.network.gradients
    torso = [name for name in gradients if name.startswith("torso.")]
    assert len(torso) == 4
    assert all(gradients[name].any() for name in torso)


def test_the_entropy_bonus_flattens_the_policy() -> None:
    def entropy_after(ent_coef: float) -> float:
        algorithm = made(ent_coef=ent_coef, learning_rate=0.01, initialization="uniform")
        rollout = random_rollout()
        for _ in range(10):
            algorithm.update(rollout, schedule_progress=0.0)
        batch, policy = algorithm.batch(rollout), algorithm.policy
        params, _ = policy.forward(batch.obs)
        return float(policy.distribution.evaluate(params, batch.actions).entropy.mean())

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
    def gradient(value: float) -> np.ndarray:
        algorithm = made(**({"vf_coef": 0.0, "ent_coef": 0.0} | {coefficient: value}))
        algorithm.gradient(algorithm.batch(random_rollout()), schedule_progress=0.0)
        return algorithm.optimizers[0].grad.copy()

    part = gradient(2.0) - gradient(0.0)
    assert part.any()
    np.testing.assert_allclose(gradient(4.0) - gradient(0.0), 2.0 * part, rtol=1e-3, atol=1e-6)
