"""Actions that are counted: one out of n, or n times yes or no."""

import math
from typing import Any

import numpy as np

from upright.ground import Array
from upright.policy.distribution import Evaluated


class Categorical:
    """pi(a|s) = softmax(params)_a over n actions, the first of which is `start`.

    Drawn by the Gumbel-max trick: argmax(params + g), g = -log(e), e ~ Exp(1) (Gumbel, 1954).

    Example:
        >>> said = Categorical(2).evaluate(np.zeros((1, 2), np.float32), np.array([1]))
        >>> np.exp(said.log_probs).tolist(), said.entropy.round(3).tolist()
        ([0.5], [0.6930000185966492])
    """

    free_params, dtype = 0, np.dtype(np.int64)
    shape: tuple[int, ...] = ()

    def __init__(self, n: int, start: int = 0) -> None:
        self.num_params, self.start = n, start

    def noise(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        """Gumbel noise, shape `[*shape, n]`."""
        exponential = rng.standard_exponential((*shape, self.num_params), dtype=np.float32)
        return -np.log(np.maximum(exponential, np.finfo(np.float32).tiny))

    def sample(self, params: Array, noise: Array | float) -> Array:
        """Actions in the space's own numbering, shape [N]."""
        actions: Array = (params + noise).argmax(axis=-1)
        return actions + self.start if self.start else actions

    def bounded(self, actions: Array) -> Array:
        """The actions: there are no others."""
        return actions

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


class Bernoulli:
    """Each of n numbers is 1 with probability p = sigmoid(params), else 0, of a MultiBinary space.

    Drawn as params + l > 0, l from the logistic distribution.
    """

    free_params, dtype = 0, np.dtype(np.int8)

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape, self.num_params = shape, math.prod(shape)

    def noise(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        """Logistic noise, shape `[*shape, n]`."""
        return rng.logistic(size=(*shape, self.num_params)).astype(np.float32)

    def sample(self, params: Array, noise: Array | float) -> Array:
        """Zeros and ones, `[N, *shape]`."""
        return (params + noise > 0.0).astype(self.dtype).reshape(-1, *self.shape)

    def bounded(self, actions: Array) -> Array:
        """The actions: there are no others."""
        return actions

    def probabilities(self, params: Array) -> None:
        """None: there are 2^n actions."""

    def evaluate(self, params: Array, actions: Array) -> Evaluated:
        """Log pi = sum(a z - log(1 + exp z)) and H = sum(log(1 + exp z) - z p), z the params."""
        taken = actions.reshape(params.shape).astype(params.dtype)
        p = _sigmoid(params)
        partition = np.logaddexp(params, params.dtype.type(0.0))
        log_probs = (taken * params - partition).sum(axis=-1)
        return Evaluated(log_probs, (partition - params * p).sum(axis=-1), (params, p, taken))

    def gradient(self, memory: Any, d_log_probs: Array, d_entropy: Array | float) -> Array:
        """(a - p) d log pi  -  z p (1 - p) d H."""
        params, p, taken = memory
        d_params = (taken - p) * d_log_probs[:, None]
        d_params -= params * p * (1.0 - p) * np.reshape(d_entropy, (-1, 1))
        return np.asarray(d_params)


def _sigmoid(z: Array) -> Array:
    """1 / (1 + exp(-z)), by tanh, which cannot overflow."""
    half = z.dtype.type(0.5)
    return np.asarray(half * np.tanh(half * z) + half)


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
