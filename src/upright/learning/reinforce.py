"""REINFORCE: -log pi(a|s) * G over whole episodes."""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from upright.learning.algorithm import Algorithm, Reports
from upright.learning.batch import Batch, standardize
from upright.learning.losses import policy_gradient, value_loss
from upright.learning.returns import gae
from upright.rollout import Rollout
from upright.settings import ReinforceSettings


class Reinforce(Algorithm[ReinforceSettings]):
    """Williams, "Simple Statistical Gradient-Following Algorithms" (1992)."""

    def advantages(
        self, rollout: Rollout, values: NDArray[np.float32], next_values: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        """G_t, less V(s_t) where there is a baseline: the recursion at lambda = 1."""
        gamma = self.settings.gamma
        masks = (rollout.terminated, rollout.truncated)
        return gae(rollout.rewards, values, next_values, *masks, gamma, gae_lambda=1.0)

    def loss(self, batch: Batch, schedule_progress: float) -> tuple[Tensor, Reports]:
        """-log pi * G, and the baseline's squared error."""
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
        """One gradient step on whole episodes."""
        if self.settings.normalize_returns:
            advantages = standardize(batch.advantages, self.settings.normalize_eps)
            batch = batch._replace(advantages=advantages)
        loss, report = self.loss(batch, schedule_progress)
        self.minimize(loss, report, schedule_progress)
        return [report]
