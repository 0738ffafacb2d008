"""Adam on one flat vector.

`torch.optim` imports the compiler when the first optimiser is made (800 modules) and steps tensor
by tensor; for networks of this size both cost more than the learning.
"""

from collections.abc import Iterable

import numpy as np
import torch
from torch import nn

from upright.ground import State


class Adam:
    """Adam (Kingma and Ba, 2015) over parameters laid end to end.

        m <- b1 m + (1 - b1) g        v <- b2 v + (1 - b2) g^2
        p <- p - lr * (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)

    On construction the parameters and their gradients become views of two flat vectors; the
    modules that own them notice nothing.
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        eps: float = 1e-8,
        betas: tuple[float, float] = (0.9, 0.999),
    ) -> None:
        owned = list(parameters)
        self.eps, self.betas, self.steps = eps, betas, 0
        self.flat = torch.cat([parameter.detach().reshape(-1) for parameter in owned])
        self.grad = torch.zeros_like(self.flat)
        self.mean = torch.zeros_like(self.flat)
        self.square = torch.zeros_like(self.flat)
        start = 0
        for parameter in owned:
            span = slice(start, start + parameter.numel())
            parameter.data = self.flat[span].view_as(parameter)
            parameter.grad = self.grad[span].view_as(parameter)
            start = span.stop

    def zero_grad(self) -> None:
        """Forget the gradient."""
        self.grad.zero_()

    def clip(self, max_norm: float) -> float:
        """Scale the gradient to a norm of at most `max_norm` (0: leave it); the norm before."""
        norm = float(self.grad.norm())
        if 0.0 < max_norm < norm:
            self.grad.mul_(max_norm / norm)
        return norm

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        """One step against the gradient."""
        first, second = self.betas
        self.steps += 1
        self.mean.lerp_(self.grad, 1.0 - first)
        self.square.mul_(second).addcmul_(self.grad, self.grad, value=1.0 - second)
        scale = (1.0 - second**self.steps) ** 0.5
        denominator = self.square.sqrt().div_(scale).add_(self.eps)
        self.flat.addcdiv_(self.mean, denominator, value=-learning_rate / (1.0 - first**self.steps))

    def state(self) -> State:
        """The moments, each [parameters], and the step count."""
        moments = {"mean": self.mean, "square": self.square}
        return State(
            {"steps": self.steps},
            {name: moment.cpu().numpy().copy() for name, moment in moments.items()},
        )

    def restore(self, state: State) -> None:
        """Take over what `state` recorded.

        Raises:
            UprightError: It is the state of another number of parameters.
        """
        for name, moment in (("mean", self.mean), ("square", self.square)):
            moment.copy_(torch.from_numpy(state.array(name, tuple(moment.shape), np.float32)))
        self.steps = state.count("steps")
