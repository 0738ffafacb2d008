"""Action space -> distribution over it, with its derivatives, as functions of parameters.

Drawing is split from randomness: `noise` draws for a whole rollout at once, `sample` applies one
row of it, and zero noise gives the mode. A new kind of action is a new class and a new row in
`DISTRIBUTIONS`.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import gymnasium as gym
import numpy as np

from upright.ground import Array, UprightError


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
    """

    num_params: int
    free_params: int

    def noise(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        """Randomness for `shape` actions, shape [*shape, ...]."""

    def sample(self, params: Array, noise: Array | float) -> Array:
        """Actions from params [N, P] and one row of noise; the mode where noise is 0."""

    def probabilities(self, params: Array) -> Array | None:
        """pi(a|s) of every action, [N, n] for params [N, P]; None where n is no number."""

    def evaluate(self, params: Array, actions: Array) -> Evaluated:
        """Log pi(a|s) and H(pi(.|s)) of actions [B, ...] under params [B, P]."""

    def gradient(self, memory: Any, d_log_probs: Array, d_entropy: Array | float) -> Array:
        """D params [B, P] from the derivatives with respect to both; `memory` is `evaluate`'s."""


class Categorical:
    """pi(a|s) = softmax(params)_a over the n actions of a Discrete space.

    Drawn by the Gumbel-max trick: argmax(params + g), g = -log(e), e ~ Exp(1) (Gumbel, 1954).
    """

    free_params = 0

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
        return np.asarray(_log_softmax(params)[1].T)

    def evaluate(self, params: Array, actions: Array) -> Evaluated:
        """Log p_a and H = -sum_a p_a log p_a, with log p = log softmax(params)."""
        log_p, p = _log_softmax(params)
        picked = actions - self.start, np.arange(len(params))
        entropy = -np.einsum("nb,nb->b", p, log_p)
        return Evaluated(log_p[picked], entropy, (p, log_p, entropy, picked))

    def gradient(self, memory: Any, d_log_probs: Array, d_entropy: Array | float) -> Array:
        """(onehot(a) - p) d log pi  -  p (log p + H) d H, the lesson's own line, and entropy's."""
        p, log_p, entropy, picked = memory
        d_params = p * -d_log_probs
        d_params[picked] += d_log_probs
        if np.ndim(d_entropy) or d_entropy:
            d_params -= p * (log_p + entropy) * d_entropy
        return np.asarray(d_params.T)


class DiagonalGaussian:
    """pi(a|s) = N(mean, exp(log_std)^2) of each of D numbers; params are means, then log stds.

    The log stds are the same for every observation. Drawn as mean + exp(log_std) * z, z ~ N(0, 1).
    """

    def __init__(self, space: gym.spaces.Box) -> None:
        self.free_params = math.prod(space.shape)
        self.num_params = 2 * self.free_params

    def noise(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        """Standard normal, shape [*shape, D]."""
        return rng.standard_normal((*shape, self.free_params), dtype=np.float32)

    def sample(self, params: Array, noise: Array | float) -> Array:
        """Actions, shape [N, D], not bounded."""
        mean, log_std = params[:, : self.free_params], params[:, self.free_params :]
        return np.asarray(mean + np.exp(log_std) * noise)

    def probabilities(self, params: Array) -> None:
        """None: there is no number of actions."""

    def evaluate(self, params: Array, actions: Array) -> Evaluated:
        """-z^2/2 - log_std - log(2 pi)/2 and log_std + log(2 pi e)/2, summed over the D numbers."""
        rows = params.T.copy("C")
        mean, log_std = rows[: self.free_params], rows[self.free_params :]
        scale, inverse = np.add.reduce(log_std), np.exp(-log_std)
        z = np.subtract(actions.T, mean, out=mean)
        z *= inverse
        half = 0.5 * self.free_params * math.log(2.0 * math.pi)
        log_probs = -0.5 * np.einsum("db,db->b", z, z) - scale - params.dtype.type(half)
        entropy = scale + params.dtype.type(half + 0.5 * self.free_params)
        return Evaluated(log_probs, entropy, (z, inverse))

    def gradient(self, memory: Any, d_log_probs: Array, d_entropy: Array | float) -> Array:
        """D mean = z / std, d log_std = z^2 - 1, times d log pi; and 1 times d H."""
        z, inverse = memory
        d_params = np.empty((2, *z.shape), z.dtype)
        d_mean, d_log_std = d_params
        np.multiply(z, inverse, out=d_mean)
        np.multiply(z, z, out=d_log_std)
        d_log_std -= 1.0
        d_params *= d_log_probs
        d_log_std += d_entropy
        return d_params.reshape(self.num_params, -1).T


def _log_softmax(params: Array) -> tuple[Array, Array]:
    """Params - log sum exp(params), and its exponential, both [n, B] for params [B, n].

    The largest is taken out first. An action's numbers lie in a row: a sum over rows is fast.
    """
    log_p = params.T.copy("C")
    log_p -= np.maximum.reduce(log_p)
    p = np.exp(log_p)
    total = np.add.reduce(p)
    p /= total
    log_p -= np.log(total)
    return log_p, p


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
