"""Advantage actor-critic: -log pi(a|s) * A, with a critic that learns the return."""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from upright.learning.algorithm import Algorithm, Reports
from upright.learning.batch import Batch, standardize
from upright.learning.losses import policy_gradient, value_loss
from upright.learning.returns import gae
from upright.rollout import Rollout
from upright.settings import ActorCriticSettings


class ActorCritic(Algorithm[ActorCriticSettings]):
    """Mnih et al., "Asynchronous Methods for Deep Reinforcement Learning" (2016), synchronous."""

    def advantages(
        self, rollout: Rollout, values: NDArray[np.float32], next_values: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        """Generalised advantage estimates."""
        gamma, gae_lambda = self.settings.gamma, self.settings.gae_lambda
        masks = (rollout.terminated, rollout.truncated)
        return gae(rollout.rewards, values, next_values, *masks, gamma, gae_lambda)

    def loss(self, batch: Batch, schedule_progress: float) -> tuple[Tensor, Reports]:
        """-log pi * A, the critic's squared error, the entropy bonus."""
        log_probs, entropy, values = self.policy.evaluate_actions(batch.obs, batch.actions)
        policy_loss = policy_gradient(log_probs, batch.advantages)
        critic_loss = value_loss(values, batch.returns)
        loss = self.total_loss(policy_loss, critic_loss, entropy.mean())
        return loss, {
            "policy_gradient_loss": policy_loss.detach(),
            "value_loss": critic_loss.detach(),
            "entropy": entropy.detach().mean(),
        }

    def learn(self, batch: Batch, schedule_progress: float) -> list[Reports]:
        """One gradient step on the whole rollout."""
        if self.settings.normalize_advantages:
            batch = batch._replace(advantages=standardize(batch.advantages))
        loss, report = self.loss(batch, schedule_progress)
        self.minimize(loss, report, schedule_progress)
        return [report]
