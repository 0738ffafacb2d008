"""Observations as deviations from what was seen so far."""

from collections.abc import Sequence

import numpy as np

from upright.envs import Column
from upright.ground import Array, merged_moments


class RunningNormalizer:
    """clip((obs - mean) / deviation, -clip, clip), with statistics of all observations seen so far.

    The statistics are merged batch by batch (`merged_moments`), and travel with the policy's
    weights. A number that is one out of n stays what it is.

    Args:
        columns: Of an observation.
        clip: How many deviations away the rest is cut off.
    """

    def __init__(self, columns: Sequence[Column], clip: float = 10.0) -> None:
        size, self.clip = len(columns), clip
        self.counted = np.array([column.categories > 0 for column in columns])
        self._any_counted, self._all_counted = bool(self.counted.any()), bool(self.counted.all())
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
        """Standardised observations, float32 of obs' shape [B, ...]."""
        if self._all_counted:
            return obs
        mean, deviation = self.moments()
        flat = obs.reshape(len(obs), -1)
        standard = flat - mean
        standard /= deviation
        standard.clip(-self.clip, self.clip, out=standard)
        if self._any_counted:
            standard[:, self.counted] = flat[:, self.counted]
        return standard.reshape(obs.shape)

    def update(self, obs: Array) -> None:
        """Merge the statistics of obs, shape [B, ...]."""
        batch = obs.reshape(len(obs), -1).astype(np.float64)
        merged = merged_moments(self.count, self.mean, self.variance, batch)
        self.count[...], self.mean[:], self.variance[:] = merged
