"""What the algorithms share: an update from rollout to metrics, and a gradient step on a loss."""

import math
from abc import ABC, abstractmethod
from typing import Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from upright.ground import NonFiniteError, State, generator_state, restore_generator
from upright.learning.adam import Adam
from upright.learning.batch import Batch, batch_of
from upright.learning.returns import explained_variance
from upright.policy import Policy
from upright.rollout import Rollout
from upright.settings import Settings

Metrics = dict[str, float]
Reports = dict[str, Tensor]
SettingsT = TypeVar("SettingsT", bound=Settings)


class Algorithm(ABC, Generic[SettingsT]):
    """Turns rollouts into better weights.

    Args:
        policy: The weights that `update` changes.
        settings: The algorithm's own settings.
        rng: Source of the minibatches' order.
    """

    def __init__(self, policy: Policy, settings: SettingsT, rng: np.random.Generator) -> None:
        self.policy, self.settings, self.rng = policy, settings, rng
        groups = [list(policy.parameters())]
        if settings.separate_optimizers and policy.critic is not None:
            groups = [list(policy.actor.parameters()), list(policy.critic.parameters())]
        self.optimizers = [Adam(group, settings.adam_eps) for group in groups]

    @abstractmethod
    def advantages(
        self, rollout: Rollout, values: NDArray[np.float32], next_values: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        """The advantage of each action, before it is standardised, shape [T, N]."""

    @abstractmethod
    def loss(self, batch: Batch, schedule_progress: float) -> tuple[Tensor, Reports]:
        """The loss of a batch, and what to report of it."""

    @abstractmethod
    def learn(self, batch: Batch, schedule_progress: float) -> list[Reports]:
        """Take gradient steps on a batch; what each reports."""

    def update(self, rollout: Rollout, schedule_progress: float) -> Metrics:
        """Learn from a rollout when the fraction `schedule_progress` of the schedules is gone.

        Raises:
            NonFiniteError: A number was not finite; weights may have changed before it was met.
        """
        batch = self.batch(rollout)
        reports = self.learn(batch, schedule_progress)
        self._refuse_weights()
        if self.policy.normalizer is not None:
            self.policy.normalizer.update(batch.obs)
        return self.metrics(batch, reports, schedule_progress)

    def batch(self, rollout: Rollout) -> Batch:
        """The transitions of a rollout, with what this algorithm makes of them."""
        return batch_of(rollout, self.policy, self.advantages)

    def total_loss(self, policy_loss: Tensor, value_loss: Tensor, entropy: Tensor) -> Tensor:
        """Policy loss + vf_coef * value loss - ent_coef * entropy, without the terms that are 0.

        The value loss is taken in units of the critic's output, hence `value_scale`.
        """
        settings, loss = self.settings, policy_loss
        if self.policy.critic is not None and settings.vf_coef > 0.0:
            loss = loss + settings.vf_coef / settings.value_scale**2 * value_loss
        if settings.ent_coef > 0.0:
            loss = loss - settings.ent_coef * entropy
        return loss

    def minimize(self, loss: Tensor, report: Reports, schedule_progress: float) -> None:
        """One gradient step with a clipped gradient.

        Raises:
            NonFiniteError: The loss or the gradient is; no weight has changed then.
        """
        self._refuse_loss(loss, report)
        for optimizer in self.optimizers:
            optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        norms = [optimizer.clip(self.settings.max_grad_norm) for optimizer in self.optimizers]
        if not all(map(math.isfinite, norms)):
            raise self._bad_gradient(norms)
        for optimizer in self.optimizers:
            optimizer.step(self.settings.learning_rate.at(schedule_progress))

    def _refuse_loss(self, loss: Tensor, report: Reports) -> None:
        total = float(loss.detach())
        if math.isfinite(total):
            return
        for name, part in report.items():
            if not part.isfinite().all():
                raise NonFiniteError(name, float(part.mean()))
        raise NonFiniteError("loss", total)

    def _bad_gradient(self, norms: list[float]) -> NonFiniteError:
        norm = next(norm for norm in norms if not math.isfinite(norm))
        for name, parameter in self.policy.named_parameters():
            if parameter.grad is not None and not parameter.grad.isfinite().all():
                return NonFiniteError(f"The gradient of {name}", norm)
        return NonFiniteError("The gradient's norm", norm)

    def weights(self) -> list[Tensor]:
        """Copies of all weights, as `undo` takes them."""
        return [optimizer.flat.clone() for optimizer in self.optimizers]

    @torch.no_grad()
    def undo(self, weights: list[Tensor]) -> None:
        """Take back the steps since `weights` was called."""
        for optimizer, flat in zip(self.optimizers, weights, strict=True):
            optimizer.flat.copy_(flat)

    def state(self) -> State:
        """What an update depends on besides the weights: the optimisers and the generator."""
        parts = {f"optimizer{index}": each.state() for index, each in enumerate(self.optimizers)}
        return State.joined(parts | {"minibatches": State({"rng": generator_state(self.rng)})})

    def restore(self, state: State) -> None:
        """Go on where `state` was taken.

        Raises:
            UprightError: It is the state of another policy.
        """
        for index, optimizer in enumerate(self.optimizers):
            optimizer.restore(state.part(f"optimizer{index}"))
        restore_generator(self.rng, state.part("minibatches").value("rng", dict))

    def _refuse_weights(self) -> None:
        for optimizer in self.optimizers:
            if not optimizer.flat.isfinite().all():
                raise NonFiniteError("A weight of the policy", float("nan"))

    def metrics(self, batch: Batch, reports: list[Reports], schedule_progress: float) -> Metrics:
        """What is said of an update: the means of its steps' reports, and how well V predicted."""
        metrics = {
            f"train/{name}": float(torch.stack([report[name] for report in reports]).mean())
            for name in reports[0]
        }
        metrics["train/explained_variance"] = explained_variance(
            batch.old_values.cpu().numpy(), batch.returns.cpu().numpy()
        )
        metrics["train/learning_rate"] = self.settings.learning_rate.at(schedule_progress)
        return metrics
