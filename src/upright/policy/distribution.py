"""Distribution: what a policy needs of a kind of action, with its derivatives.

Drawing is split from randomness: `noise` draws for a whole rollout at once, `sample` applies one
row of it, and zero noise gives the mode.
"""

from typing import Any, NamedTuple, Protocol

import numpy as np

from upright.ground import Array


class Evaluated(NamedTuple):
    """What is known of given actions.

    Attributes:
        log_probs: log pi(a|s), shape [B].
        entropy: H(pi(.|s)) in nats, shape [B].
        memory: What `gradient` needs to go back.
    """

    log_probs: Array
    entropy: Array
    memory: Any


class Distribution(Protocol):
    """What the policy needs of a distribution; `params` are the network's outputs, [B, P].

    Attributes:
        num_params: P.
        free_params: How many of them, the last, are the same for every observation.
        shape: Of one action in a row.
        dtype: Likewise.
    """

    num_params: int
    free_params: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def noise(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        """Randomness for `shape` actions, shape `[*shape, ...]`."""

    def sample(self, params: Array, noise: Array | float) -> Array:
        """Actions `[N, *shape]` of params [N, P] and a row of noise; the mode where noise is 0."""

    def bounded(self, actions: Array) -> Array:
        """What the environment is given for these actions `[N, *shape]`: always in its space."""

    def probabilities(self, params: Array) -> Array | None:
        """pi(a|s) of every action, [N, n] for params [N, P]; None where n is no number."""

    def evaluate(self, params: Array, actions: Array) -> Evaluated:
        """Log pi(a|s) and H(pi(.|s)) of actions [B, ...] under params [B, P]."""

    def gradient(self, memory: Any, d_log_probs: Array, d_entropy: Array | float) -> Array:
        """D params [B, P] from the derivatives with respect to both; `memory` is `evaluate`'s."""
