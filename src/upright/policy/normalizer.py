"""Observations as deviations from what was seen so far."""

import numpy as np

from upright.ground import Array


class RunningNormalizer:
    """(obs - mean) / deviation, with statistics of all observations seen so far.

    The statistics are merged batch by batch (Chan, Golub and LeVeque, 1979), and travel with the
    policy's weights.
    """

    CLIP = 10.0

    def __init__(self, size: int) -> None:
        self.mean, self.variance, self.count = np.zeros(size), np.ones(size), np.zeros(())

    @property
    def weights(self) -> dict[str, Array]:
        """The statistics by name, not copies."""
        return {"mean": self.mean, "variance": self.variance, "count": self.count}

    @np.errstate(over="ignore")  # what is beyond 32 bits is infinite, and clipped
    def moments(self) -> tuple[Array, Array]:
        """Mean and deviation, as float32 [size]."""
        deviation = np.sqrt(self.variance + 1e-8)
        return self.mean.astype(np.float32), deviation.astype(np.float32)

    @np.errstate(over="ignore")  # likewise
    def __call__(self, obs: Array) -> Array:
        """Standardised observations, float32 [..., size]."""
        mean, deviation = self.moments()
        return np.asarray(np.clip((obs - mean) / deviation, -self.CLIP, self.CLIP))

    def update(self, obs: Array) -> None:
        """Merge the statistics of obs, shape [B, size]."""
        batch = obs.astype(np.float64)
        total = self.count + len(batch)
        delta = batch.mean(axis=0) - self.mean
        squares = self.variance * self.count + batch.var(axis=0) * len(batch)
        squares += delta * delta * self.count * len(batch) / total
        self.mean += delta * len(batch) / total
        self.variance[:] = squares / total
        self.count[...] = total
