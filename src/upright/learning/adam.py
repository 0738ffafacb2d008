"""Adam on one flat vector, in place."""

import math

import numpy as np

from upright.ground import Array, State


class Adam:
    """Adam (Kingma and Ba, 2015) over parameters laid end to end.

        m <- b1 m + (1 - b1) g        v <- b2 v + (1 - b2) g^2
        p <- p - lr * (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)

    Args:
        flat: p, [parameters]; changed in place.
        grad: g, [parameters]; whoever computes it writes it there.
        eps: Added to the root, so that it is not 0.
        betas: b1 and b2.

    Example:
        >>> weights, gradient = np.array([1.0]), np.array([2.0])
        >>> Adam(weights, gradient).step(learning_rate=0.1)
        >>> weights.round(6).tolist()  # the first step is the learning rate, whatever the gradient
        [0.9]
    """

    def __init__(
        self,
        flat: Array,
        grad: Array,
        eps: float = 1e-8,
        betas: tuple[float, float] = (0.9, 0.999),
    ) -> None:
        self.flat, self.grad = flat, grad
        self.eps, self.betas, self.steps = eps, betas, 0
        self.mean, self.square = np.zeros_like(flat), np.zeros_like(flat)
        self._room = np.empty_like(flat)

    def clip(self, max_norm: float) -> float:
        """Scale the gradient to a norm of at most `max_norm` (0: leave it); the norm before."""
        norm = math.sqrt(float(np.dot(self.grad, self.grad)))
        if 0.0 < max_norm < norm:
            self.grad *= max_norm / norm
        return norm

    def step(self, learning_rate: float) -> None:
        """One step against the gradient."""
        first, second = self.betas
        self.steps += 1
        room = np.subtract(self.grad, self.mean, out=self._room)
        room *= 1.0 - first
        self.mean += room
        self.square *= second
        np.multiply(self.grad, self.grad, out=room)
        room *= 1.0 - second
        self.square += room
        # sqrt(v / c) + eps = (sqrt(v) + eps * sqrt(c)) / sqrt(c): one pass over the weights less
        scale = math.sqrt(1.0 - second**self.steps)
        np.sqrt(self.square, out=room)
        room += self.eps * scale
        np.divide(self.mean, room, out=room)
        room *= learning_rate * scale / (1.0 - first**self.steps)
        self.flat -= room

    def state(self) -> State:
        """The moments, each [parameters], and the step count."""
        moments = {"mean": self.mean.copy(), "square": self.square.copy()}
        return State({"steps": self.steps}, moments)

    def restore(self, state: State) -> None:
        """Take over what `state` recorded.

        Raises:
            UprightError: It is the state of another number of parameters.
        """
        for name, moment in (("mean", self.mean), ("square", self.square)):
            moment[:] = state.array(name, moment.shape, np.float32)
        self.steps = state.count("steps")
