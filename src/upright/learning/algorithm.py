"""What the algorithms share: an update from rollout to metrics, and a gradient step."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

import numpy as np

from upright.ground import (
    Array,
    Floats,
    NonFiniteError,
    State,
    UprightError,
    generator_state,
    mean,
    restore_generator,
)
from upright.learning.adam import Adam
from upright.learning.batch import Batch, batch_of
from upright.learning.losses import Derived
from upright.learning.metric import Metric
from upright.learning.returns import explained_variance
from upright.learning.rewards import rewards_of
from upright.learning.spread import Spread
from upright.policy import Evaluated, Policy
from upright.rollout import Rollout
from upright.settings import Settings

Metrics = dict[str, float]
Reports = dict[str, float]
SettingsT = TypeVar("SettingsT", bound=Settings)


class Loss(NamedTuple):
    """A loss, its derivatives with respect to what the policy said, and what to report of it.

    Attributes:
        value: The loss.
        d_log_probs: dL/dlog pi(a|s), [B].
        d_entropy: dL/dH(pi(.|s)), [B], or one number for all.
        d_values: dL/dV(s), [B].
        report: Parts of it, by name.
    """

    value: float
    d_log_probs: Array
    d_entropy: Array | float
    d_values: Array
    report: Reports


OwnLoss = Callable[[Loss, Batch, Evaluated, Array], Loss]


class Algorithm(ABC, Generic[SettingsT]):
    """Turns rollouts into better weights.

    Args:
        policy: The weights that `update` changes.
        settings: The algorithm's own settings.
        rng: Source of the minibatches' order.
        own_loss: Makes of that loss, the batch and what the policy says of it another one.
    """

    def __init__(
        self,
        policy: Policy,
        settings: SettingsT,
        rng: np.random.Generator,
        own_loss: "OwnLoss | None" = None,
    ) -> None:
        self.policy, self.settings, self.rng, self._own_loss = policy, settings, rng, own_loss
        self.rewards, self._spread = rewards_of(settings), Spread(policy)
        network, spans = policy.network, [slice(None)]
        if settings.separate_optimizers and policy.has_critic:
            if not network.spans:
                raise UprightError(
                    "separate_optimizers needs the dense network.",
                    "A CNN, and a module of your own, has one optimiser; leave it out.",
                )
            spans = [network.spans["actor"], network.spans["critic"]]
        self.optimizers = [
            Adam(network.flat[span], network.grad[span], settings.adam_eps) for span in spans
        ]

    @abstractmethod
    def advantages(self, rollout: Rollout, values: Floats, next_values: Floats) -> Floats:
        """The advantage of each action, before it is standardised, shape [T, N]."""

    @abstractmethod
    def loss(self, batch: Batch, said: Evaluated, values: Array, schedule_progress: float) -> Loss:
        """The loss of a batch of which the policy said these log-probs, entropies and values."""

    @abstractmethod
    def learn(self, batch: Batch, schedule_progress: float) -> list[Reports]:
        """Take gradient steps on a batch; what each reports."""

    @np.errstate(all="ignore")  # what is not finite is refused, with its name
    def update(self, rollout: Rollout, schedule_progress: float) -> Metrics:
        """Learn from a rollout when the fraction `schedule_progress` of the schedules is gone.

        Raises:
            NonFiniteError: A number was not finite; weights may have changed before it was met.
        """
        batch = self.batch(rollout if self.rewards is None else self.rewards(rollout))
        reports = self.learn(batch, schedule_progress)
        self._refuse_weights()
        if self.policy.normalizer is not None:
            self.policy.normalizer.update(self.policy.observations.numbers(batch.obs))
        return self.metrics(batch, reports, schedule_progress)

    def batch(self, rollout: Rollout) -> Batch:
        """The transitions of a rollout, with what this algorithm makes of them."""
        return batch_of(rollout, self.policy, self.advantages)

    def gradient(self, batch: Batch, schedule_progress: float) -> Reports:
        """Forward, distribution, losses, backward: the loss's gradient; what to report of it.

        Raises:
            NonFiniteError: The loss is.
        """
        policy = self.policy
        params, values = policy.forward(batch.obs, batch.masks)
        said = policy.distribution.evaluate(params, batch.actions)
        loss = self.loss(batch, said, values, schedule_progress)
        if self._own_loss is not None:
            loss = self._own_loss(loss, batch, said, values)
        _refuse_loss(loss)
        d_params = policy.distribution.gradient(said.memory, loss.d_log_probs, loss.d_entropy)
        policy.backward(d_params, loss.d_values)
        return loss.report

    def step(self, schedule_progress: float) -> None:
        """Clip, step.

        Raises:
            NonFiniteError: The gradient is; no weight has changed then.
        """
        norms = [optimizer.clip(self.settings.max_grad_norm) for optimizer in self.optimizers]
        if not all(map(math.isfinite, norms)):
            raise self._bad_gradient(norms)
        for optimizer in self.optimizers:
            optimizer.step(self.settings.learning_rate.at(schedule_progress))
        self.policy.network.written()

    def total(
        self, policy_loss: Derived, value_loss: Derived, entropy: Array, **report: float
    ) -> Loss:
        """Policy loss + vf_coef * value loss - ent_coef * E[H], with its derivatives.

        The value loss is taken in units of the critic's output, hence `value_scale`: the returns
        that it learns, which are of the rewards that `Rewards` made, are that many of them.

        Args:
            policy_loss: Its value, and its derivative with respect to log-probs.
            value_loss: Its value, and its derivative with respect to values.
            entropy: H, [B].
            **report: What else to report.
        """
        settings, mean_entropy = self.settings, mean(entropy)
        (value, d_log_probs), (squares, d_values) = policy_loss, value_loss
        parts = {"policy_gradient_loss": value, "value_loss": squares, "entropy": mean_entropy}
        vf_coef = settings.vf_coef / settings.value_scale**2
        if self.policy.has_critic and vf_coef > 0.0:
            value += vf_coef * squares
        if settings.ent_coef > 0.0:
            value -= settings.ent_coef * mean_entropy
        d_entropy = -settings.ent_coef / len(entropy)
        return Loss(value, d_log_probs, d_entropy, vf_coef * d_values, parts | report)

    def _bad_gradient(self, norms: list[float]) -> NonFiniteError:
        norm = next(norm for norm in norms if not math.isfinite(norm))
        for name, gradient in self.policy.network.gradients.items():
            if not np.isfinite(gradient).all():
                return NonFiniteError(f"The gradient of {name}", norm)
        return NonFiniteError("The gradient's norm", norm)

    def snapshot(self) -> list[Array]:
        """Copies of all weights, as `undo` takes them."""
        return [optimizer.flat.copy() for optimizer in self.optimizers]

    def undo(self, weights: list[Array]) -> None:
        """Take back the steps since `snapshot` was called."""
        for optimizer, flat in zip(self.optimizers, weights, strict=True):
            optimizer.flat[:] = flat
        self.policy.network.written()

    def state(self) -> State:
        """What an update depends on besides the weights: optimisers, generator, rewards."""
        parts = {f"optimizer{index}": each.state() for index, each in enumerate(self.optimizers)}
        parts["minibatches"] = State({"rng": generator_state(self.rng)})
        if self.rewards is not None:
            parts["rewards"] = self.rewards.state()
        return State.joined(parts)

    def restore(self, state: State) -> None:
        """Go on where `state` was taken.

        Raises:
            UprightError: It is the state of another policy.
        """
        for index, optimizer in enumerate(self.optimizers):
            optimizer.restore(state.part(f"optimizer{index}"))
        restore_generator(self.rng, state.part("minibatches").value("rng", dict))
        if self.rewards is not None:
            self.rewards.restore(state.part("rewards"))

    def begin_anew(self, envs: Sequence[int]) -> None:
        """Take note that these environments' episodes could not be gone on with."""
        if self.rewards is not None:
            self.rewards.begin_anew(envs)

    def _refuse_weights(self) -> None:
        for optimizer in self.optimizers:
            if not np.isfinite(optimizer.flat).all():
                raise NonFiniteError("A weight of the policy", float("nan"))

    def metrics(self, batch: Batch, reports: list[Reports], schedule_progress: float) -> Metrics:
        """What is said of an update.

        The means of its steps' reports, how well V predicted, and the sizes of what was seen and
        done (`Spread`).
        """
        metrics = {
            f"train/{name}": sum(report[name] for report in reports) / len(reports)
            for name in reports[0]
        }
        metrics[Metric.EXPLAINED] = explained_variance(batch.old_values, batch.returns)
        metrics["train/learning_rate"] = self.settings.learning_rate.at(schedule_progress)
        return metrics | self._spread.metrics(batch)


def _refuse_loss(loss: Loss) -> None:
    if math.isfinite(loss.value):
        return
    for name, part in loss.report.items():
        if not math.isfinite(part):
            raise NonFiniteError(name, part)
    raise NonFiniteError("loss", loss.value)
