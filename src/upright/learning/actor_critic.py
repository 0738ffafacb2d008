"""Advantage actor-critic: -log pi(a|s) * A, with a critic that learns the return."""

from upright.ground import Array, Floats
from upright.learning.algorithm import Algorithm, Loss, Reports
from upright.learning.batch import Batch, standardize
from upright.learning.losses import policy_gradient, value_loss
from upright.learning.returns import gae
from upright.policy import Evaluated
from upright.rollout import Rollout
from upright.settings import ActorCriticSettings


class ActorCritic(Algorithm[ActorCriticSettings]):
    """Mnih et al., "Asynchronous Methods for Deep Reinforcement Learning" (2016), synchronous.

    Example:
        >>> trainer = upright.Trainer("CartPole-v1", algo="actor-critic", total_timesteps=1_000)
        >>> metrics = [iteration.metrics for iteration in trainer]
        >>> "train/policy_gradient_loss" in metrics[0]
        True
    """

    def advantages(self, rollout: Rollout, values: Floats, next_values: Floats) -> Floats:
        """Generalised advantage estimates."""
        gamma, gae_lambda = self.settings.gamma, self.settings.gae_lambda
        masks = (rollout.terminated, rollout.truncated)
        return gae(rollout.rewards, values, next_values, *masks, gamma, gae_lambda)

    def loss(self, batch: Batch, said: Evaluated, values: Array, schedule_progress: float) -> Loss:
        """-log pi * A, the critic's squared error, the entropy bonus."""
        policy_loss = policy_gradient(said.log_probs, batch.advantages)
        return self.total(policy_loss, value_loss(values, batch.returns), said.entropy)

    def learn(self, batch: Batch, schedule_progress: float) -> list[Reports]:
        """One gradient step on the whole rollout."""
        if self.settings.normalize_advantages:
            batch = batch._replace(advantages=standardize(batch.advantages))
        report = self.gradient(batch, schedule_progress)
        self.step(schedule_progress)
        return [report]
