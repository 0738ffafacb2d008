"""REINFORCE: -log pi(a|s) * G over whole episodes."""

from upright.ground import Array, Floats
from upright.learning.algorithm import Algorithm, Loss, Reports
from upright.learning.batch import Batch, standardize
from upright.learning.losses import policy_gradient, value_loss
from upright.learning.returns import gae
from upright.policy import Evaluated
from upright.rollout import Rollout
from upright.settings import ReinforceSettings


class Reinforce(Algorithm[ReinforceSettings]):
    """Williams, "Simple Statistical Gradient-Following Algorithms" (1992).

    Example:
        >>> trainer = upright.Trainer("CartPole-v1", algo="reinforce", total_timesteps=1_000)
        >>> metrics = [iteration.metrics for iteration in trainer]
        >>> "train/policy_gradient_loss" in metrics[0]
        True
    """

    def advantages(self, rollout: Rollout, values: Floats, next_values: Floats) -> Floats:
        """G_t, less V(s_t) where there is a baseline: the recursion at lambda = 1."""
        masks = (rollout.terminated, rollout.truncated)
        return gae(rollout.rewards, values, next_values, *masks, self.settings.gamma, 1.0)

    def loss(self, batch: Batch, said: Evaluated, values: Array, schedule_progress: float) -> Loss:
        """-log pi * G, and the baseline's squared error."""
        policy_loss = policy_gradient(said.log_probs, batch.advantages)
        return self.total(policy_loss, value_loss(values, batch.returns), said.entropy)

    def learn(self, batch: Batch, schedule_progress: float) -> list[Reports]:
        """One gradient step on whole episodes."""
        if self.settings.normalize_returns:
            advantages = standardize(batch.advantages, self.settings.normalize_eps)
            batch = batch._replace(advantages=advantages)
        report = self.gradient(batch, schedule_progress)
        self.step(schedule_progress)
        return [report]
