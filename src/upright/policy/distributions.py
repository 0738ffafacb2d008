"""Action space -> distribution over it: pure functions of the network's outputs.

Drawing is split from randomness: `noise` draws for a whole rollout at once, `sample` applies one
row of it, and zero noise gives the mode. A new kind of action is a new class and a new row in
`DISTRIBUTIONS`.
"""

from collections.abc import Callable
from typing import Any, Protocol

import gymnasium as gym
import numpy as np
import torch
from torch import Tensor

from upright.ground import Array, UprightError


class Distribution(Protocol):
    """What the policy needs of a distribution; `params` are the actor network's outputs."""

    num_params: int

    def noise(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        """Randomness for `shape` actions, shape [*shape, ...]."""

    def sample(self, params: Array, noise: Array | float) -> Array:
        """Actions from params [N, num_params] and one row of noise; the mode where noise is 0."""

    def probabilities(self, params: Array) -> Array | None:
        """pi(a|s) of every action, [N, n] for params [N, num_params]; None where n is no number."""

    def log_prob_and_entropy(self, params: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
        """Log pi(a|s) and H(pi(.|s)) in nats, each of shape [...] for params [..., num_params]."""


class Categorical:
    """pi(a|s) = softmax(params)_a over the n actions of a Discrete space.

    Drawn by the Gumbel-max trick: argmax(params + g), g = -log(e), e ~ Exp(1) (Gumbel, 1954).
    """

    def __init__(self, space: gym.spaces.Discrete) -> None:
        self.num_params = int(space.n)
        self.start = int(space.start)

    def noise(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        """Gumbel noise, shape [*shape, n]."""
        exponential = rng.standard_exponential((*shape, self.num_params), dtype=np.float32)
        return -np.log(np.maximum(exponential, np.finfo(np.float32).tiny))

    def sample(self, params: Array, noise: Array | float) -> Array:
        """Actions in the space's own numbering, shape [N]."""
        actions: Array = (params + noise).argmax(axis=-1)
        return actions + self.start if self.start else actions

    def probabilities(self, params: Array) -> Array:
        """softmax(params), shape [N, n]."""
        weights = np.exp(params - params.max(axis=-1, keepdims=True))
        return np.asarray(weights / weights.sum(axis=-1, keepdims=True))

    def log_prob_and_entropy(self, params: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
        """Log softmax(params)_a and -sum_a pi_a log pi_a, each of shape [...]."""
        log_probs = torch.log_softmax(params, dim=-1)
        index = (actions - self.start).unsqueeze(-1)
        entropy = -(log_probs.exp() * log_probs).sum(dim=-1)
        return log_probs.gather(-1, index).squeeze(-1), entropy


DISTRIBUTIONS: dict[type[gym.Space[Any]], Callable[[Any], Distribution]] = {
    gym.spaces.Discrete: Categorical,
}


def distribution_over(space: gym.Space[Any]) -> Distribution:
    """The distribution for an action space.

    Raises:
        UprightError: The kind of space has no row in `DISTRIBUTIONS`.
    """
    make = DISTRIBUTIONS.get(type(space))
    if make is None:
        supported = ", ".join(kind.__name__ for kind in DISTRIBUTIONS)
        raise UprightError(
            f"The action space {space} is not supported yet.", f"Supported: {supported}."
        )
    return make(space)
