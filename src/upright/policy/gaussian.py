"""Actions that are measured: a Gaussian for each number of a Box."""

import math
from typing import Any

import gymnasium as gym
import numpy as np

from upright.ground import LARGEST_FLOAT32, Array, UprightError
from upright.policy.distribution import Evaluated


class DiagonalGaussian:
    """pi(a|s) = N(mean, exp(log_std)^2) of each of D numbers; params are means, then log stds.

    The log stds are the same for every observation. Drawn as mean + exp(log_std) * z, z ~ N(0, 1).

    The environment is given, where both bounds are finite, the point at which an action in [-1, 1]
    lies between them; what is beyond is cut off, or `squash` brings it there by tanh. Then pi(a|s)
    is that of the number before tanh, and so are its ratio and its derivatives; the entropy too.
    Elsewhere it is given the action, cut off at a bound.

    Args:
        space: The Box.
        squash: Whether tanh takes the place of cutting off.

    Raises:
        UprightError: `squash` where a bound is infinite.

    Example:
        >>> torques = DiagonalGaussian(gym.spaces.Box(-2.0, 2.0, (1,)))
        >>> params = np.float32([[0.5, 0.0]])  # the mean, and the log of the deviation
        >>> torques.bounded(torques.sample(params, noise=0.0)).tolist()
        [[1.0]]
    """

    dtype = np.dtype(np.float32)

    def __init__(self, space: gym.spaces.Box, squash: bool = False) -> None:
        self.shape, self.free_params = space.shape, math.prod(space.shape)
        self.num_params = 2 * self.free_params
        low, high = (bound.astype(np.float64) for bound in (space.low, space.high))
        finite = (np.abs(low) <= LARGEST_FLOAT32) & (np.abs(high) <= LARGEST_FLOAT32)
        if squash and not finite.all():
            raise UprightError(
                f"squash_actions needs bounds, and {space} has infinite ones.",
                "Leave squash_actions out.",
            )
        self.low = low.clip(-LARGEST_FLOAT32, LARGEST_FLOAT32)
        self.high = high.clip(-LARGEST_FLOAT32, LARGEST_FLOAT32)
        self.squash = squash
        self.whole = bool(np.issubdtype(space.dtype, np.integer))
        with np.errstate(invalid="ignore", over="ignore"):
            self.centre = np.where(finite, (low + high) / 2.0, 0.0).astype(np.float32)
            self.half = np.where(finite, (high - low) / 2.0, 1.0).astype(np.float32)

    def noise(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        """Standard normal, shape `[*shape, D]`."""
        return rng.standard_normal((*shape, self.free_params), dtype=np.float32)

    def sample(self, params: Array, noise: Array | float) -> Array:
        """Actions, `[N, *shape]`, not bounded."""
        mean, log_std = params[:, : self.free_params], params[:, self.free_params :]
        return np.asarray(mean + np.exp(log_std) * noise).reshape(-1, *self.shape)

    def bounded(self, actions: Array) -> Array:
        """Between the bounds, `[N, *shape]`."""
        inside = np.tanh(actions) if self.squash else actions
        given = inside * self.half + self.centre
        if self.whole:
            given = np.rint(given)
        return given.clip(self.low, self.high).astype(self.dtype, copy=False)

    def probabilities(self, params: Array) -> None:
        """None: there is no number of actions."""

    def evaluate(self, params: Array, actions: Array) -> Evaluated:
        """-z^2/2 - log_std - log(2 pi)/2 and log_std + log(2 pi e)/2, summed over the D numbers."""
        rows = params.T.copy("C")
        mean, log_std = rows[: self.free_params], rows[self.free_params :]
        scale, inverse = np.add.reduce(log_std), np.exp(-log_std)
        z = np.subtract(actions.reshape(len(actions), -1).T, mean, out=mean)
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
