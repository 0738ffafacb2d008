"""Observations as deviations from what was seen so far."""

import numpy as np
import torch
from torch import Tensor, nn

from upright.policy.networks import ArrayFunction


class RunningNormalizer(nn.Module):
    """(obs - mean) / deviation, with statistics of all observations seen so far.

    The statistics are merged batch by batch (Chan, Golub and LeVeque, 1979) and are buffers: they
    travel with the policy's weights.
    """

    mean: Tensor
    variance: Tensor
    count: Tensor

    def __init__(self, size: int, clip: float = 10.0) -> None:
        super().__init__()
        self.clip = clip
        self.register_buffer("mean", torch.zeros(size, dtype=torch.float64))
        self.register_buffer("variance", torch.ones(size, dtype=torch.float64))
        self.register_buffer("count", torch.zeros((), dtype=torch.float64))

    def forward(self, obs: Tensor) -> Tensor:
        """Standardised observations, shape [..., size]."""
        deviation = (self.variance + 1e-8).sqrt()
        standard = (obs - self.mean.to(obs.dtype)) / deviation.to(obs.dtype)
        return standard.clamp(-self.clip, self.clip)

    @np.errstate(over="ignore")  # what is beyond 32 bits is infinite there, as in `forward`
    def array_function(self) -> ArrayFunction:
        """The same function on NumPy arrays, with the statistics of this moment."""
        mean = self.mean.numpy().astype(np.float32)
        deviation = np.sqrt(self.variance.numpy() + 1e-8).astype(np.float32)
        return lambda x: np.clip((x - mean) / deviation, -self.clip, self.clip)

    @torch.no_grad()
    def update(self, obs: Tensor) -> None:
        """Merge the statistics of obs, shape [B, size]."""
        batch = obs.to(torch.float64)
        mean, variance = batch.mean(dim=0), batch.var(dim=0, unbiased=False)
        total = self.count + len(batch)
        delta = mean - self.mean
        squares = self.variance * self.count + variance * len(batch)
        squares += delta.square() * self.count * len(batch) / total
        self.mean += delta * len(batch) / total
        self.variance.copy_(squares / total)
        self.count.copy_(total)
