"""PPO: the clipped surrogate in the place of -log pi(a|s) * A, several epochs over one rollout."""

from collections.abc import Iterator

from upright.ground import Array, Floats
from upright.learning.algorithm import Algorithm, Loss, Metrics, Reports
from upright.learning.batch import Batch, standardize
from upright.learning.losses import (
    approx_kl,
    clip_fraction,
    clipped_surrogate,
    clipped_value_loss,
    value_loss,
)
from upright.learning.returns import gae
from upright.policy import Evaluated
from upright.rollout import Rollout
from upright.settings import PPOSettings


class PPO(Algorithm[PPOSettings]):
    """Schulman et al., "Proximal Policy Optimization Algorithms" (2017).

    Example:
        >>> trainer = upright.Trainer("CartPole-v1", algo="ppo", total_timesteps=1_000)
        >>> metrics = [iteration.metrics for iteration in trainer]
        >>> "train/policy_gradient_loss" in metrics[0]
        True
    """

    def advantages(self, rollout: Rollout, values: Floats, next_values: Floats) -> Floats:
        """Generalised advantage estimates."""
        gamma, gae_lambda = self.settings.gamma, self.settings.gae_lambda
        masks = (rollout.terminated, rollout.truncated)
        return gae(rollout.rewards, values, next_values, *masks, gamma, gae_lambda)

    def batch(self, rollout: Rollout) -> Batch:
        """The transitions, with their log-probs under the policy that acted.

        That is this one, before it learns; or, with `lag`, the one before it, of which the rollout
        brings them. The ratio is pi / pi_old of who acted then too, and the surrogate's gradient
        that of what was collected. Values, advantages and returns are always of the newest critic.
        """
        batch = super().batch(rollout)
        if rollout.log_probs is not None:
            return batch
        log_probs = self.policy.log_probs(batch.obs, batch.actions, batch.masks)
        return batch._replace(old_log_probs=log_probs)

    def loss(self, batch: Batch, said: Evaluated, values: Array, schedule_progress: float) -> Loss:
        """The clipped surrogate, the critic's squared error, the entropy bonus."""
        old, clip_range = batch.old_log_probs, self.settings.clip_range.at(schedule_progress)
        policy_loss = clipped_surrogate(said.log_probs, old, batch.advantages, clip_range)
        clip_range_vf = self.settings.clip_range_vf
        critic_loss = (
            clipped_value_loss(values, batch.old_values, batch.returns, clip_range_vf)
            if clip_range_vf > 0.0
            else value_loss(values, batch.returns)
        )
        return self.total(
            policy_loss,
            critic_loss,
            said.entropy,
            approx_kl=approx_kl(said.log_probs, old),
            clip_fraction=clip_fraction(said.log_probs, old, clip_range),
        )

    def learn(self, batch: Batch, schedule_progress: float) -> list[Reports]:
        """Several epochs of gradient steps on minibatches of the rollout."""
        over = self.settings.normalize_advantages_over if self.settings.normalize_advantages else ""
        if over == "rollout":
            batch = batch._replace(advantages=standardize(batch.advantages))
        reports: list[Reports] = []
        for minibatch in self.minibatches(batch):
            if over == "minibatch":
                minibatch = minibatch._replace(advantages=standardize(minibatch.advantages))
            reports.append(self.gradient(minibatch, schedule_progress))
            if 0.0 < self.settings.target_kl * 1.5 < reports[-1]["approx_kl"]:
                break
            self.step(schedule_progress)
        return reports

    def metrics(self, batch: Batch, reports: list[Reports], schedule_progress: float) -> Metrics:
        """What every algorithm says, and how far the ratio may go now."""
        clip_range = self.settings.clip_range.at(schedule_progress)
        said = super().metrics(batch, reports, schedule_progress)
        return said | {"train/clip_range": clip_range}

    def minibatches(self, batch: Batch) -> Iterator[Batch]:
        """`num_epochs` passes over the batch, each in a new order; no order where one is all."""
        rows = len(batch.obs)
        size = self.settings.minibatch_size or rows
        for _ in range(self.settings.num_epochs):
            if size >= rows:
                yield batch
                continue
            order = self.rng.permutation(rows)
            for start in range(0, rows, size):
                yield batch.rows(order[start : start + size])
