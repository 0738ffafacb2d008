"""PPO: the clipped surrogate in the place of -log pi(a|s) * A, several epochs over one rollout."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from upright.learning.algorithm import Algorithm, Metrics, Reports
from upright.learning.batch import Batch, standardize
from upright.learning.losses import approx_kl, clipped_surrogate, clipped_value_loss, value_loss
from upright.learning.returns import gae
from upright.rollout import Rollout
from upright.settings import PPOSettings


class PPO(Algorithm[PPOSettings]):
    """Schulman et al., "Proximal Policy Optimization Algorithms" (2017)."""

    def advantages(
        self, rollout: Rollout, values: NDArray[np.float32], next_values: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        """Generalised advantage estimates."""
        gamma, gae_lambda = self.settings.gamma, self.settings.gae_lambda
        masks = (rollout.terminated, rollout.truncated)
        return gae(rollout.rewards, values, next_values, *masks, gamma, gae_lambda)

    @torch.no_grad()
    def batch(self, rollout: Rollout) -> Batch:
        """The transitions, with their log-probs under the policy that acted."""
        batch = super().batch(rollout)
        acted = self.policy.evaluate_actions(batch.obs, batch.actions)
        return batch._replace(old_log_probs=acted.log_probs)

    def loss(self, batch: Batch, schedule_progress: float) -> tuple[Tensor, Reports]:
        """The clipped surrogate, the critic's squared error, the entropy bonus."""
        clip_range, clip_range_vf = (
            self.settings.clip_range.at(schedule_progress),
            self.settings.clip_range_vf,
        )
        log_probs, entropy, values = self.policy.evaluate_actions(batch.obs, batch.actions)
        policy_loss = clipped_surrogate(
            log_probs, batch.old_log_probs, batch.advantages, clip_range
        )
        if clip_range_vf > 0.0:
            critic_loss = clipped_value_loss(values, batch.old_values, batch.returns, clip_range_vf)
        else:
            critic_loss = value_loss(values, batch.returns)
        loss = self.total_loss(policy_loss, critic_loss, entropy.mean())
        with torch.no_grad():
            ratio = torch.exp(log_probs - batch.old_log_probs)
            clipped = ((ratio - 1.0).abs() > clip_range).float().mean()
            kl = approx_kl(log_probs, batch.old_log_probs)
        return loss, {
            "policy_gradient_loss": policy_loss.detach(),
            "value_loss": critic_loss.detach(),
            "entropy": entropy.detach().mean(),
            "approx_kl": kl,
            "clip_fraction": clipped,
        }

    def learn(self, batch: Batch, schedule_progress: float) -> list[Reports]:
        """Several epochs of gradient steps on minibatches of the rollout."""
        if self.settings.normalize_advantages:
            batch = batch._replace(advantages=standardize(batch.advantages))
        reports: list[Reports] = []
        for minibatch in self.minibatches(batch):
            loss, report = self.loss(minibatch, schedule_progress)
            reports.append(report)
            if 0.0 < self.settings.target_kl * 1.5 < float(report["approx_kl"]):
                break
            self.minimize(loss, report, schedule_progress)
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
            order = torch.as_tensor(self.rng.permutation(rows), device=batch.obs.device)
            for index in torch.split(order, size):
                yield batch.rows(index)
