"""What a batch says of sizes: how alike observations' are, and how many actions are cut off."""

import numpy as np

from upright.ground import Array
from upright.learning.batch import Batch
from upright.learning.metric import Metric
from upright.policy import Policy

# What moves by less than so small a part of its size is constant, as float32 sees it.
CONSTANT = 1e-6
# So near to a bound, as a part of half the range, an action is at it; tanh never gets there.
MARGIN = 0.01


class Spread:
    """Measures batches of one policy; what its spaces have no number for is left out.

    Args:
        policy: Whose observations and actions they are.
    """

    def __init__(self, policy: Policy) -> None:
        seen = policy.observations
        measured = np.array([column.categories == 0 for column in seen.columns])
        is_vector = len(seen.shape) == 1 and seen.dtype == np.float32
        self._measured = np.flatnonzero(measured) if is_vector and measured.sum() > 1 else None
        self._all_measured = bool(measured.all())
        self._bounded = policy.distribution.bounded
        low, high = policy.actions.bounds()
        self._has_bounds = (low < high) & (np.isfinite(low) | np.isfinite(high))
        with np.errstate(invalid="ignore", over="ignore"):
            half = (high - low) / 2.0
        margin = np.where(np.isfinite(half), MARGIN * half, 0.0)
        self._low, self._high = low + margin, high - margin

    def metrics(self, batch: Batch) -> dict[str, float]:
        """The two ratios, by their names in a row of metrics."""
        found: dict[str, float] = {}
        if self._measured is not None:
            obs = batch.obs if self._all_measured else batch.obs[:, self._measured]
            found |= _obs_scale_ratio(obs)
        if self._has_bounds.any():
            given = self._bounded(batch.actions)
            pinned = ((given <= self._low) | (given >= self._high))[:, self._has_bounds]
            found[Metric.AT_BOUNDS] = float(pinned.mean())
        return found


def _obs_scale_ratio(obs: Array) -> dict[str, float]:
    """The largest deviation of a number of obs [B, D] over the smallest, of those that vary."""
    away = obs - obs[0]  # so that a large mean takes no digits away
    share = np.full(len(away), 1.0 / len(away), np.float32)
    mean, squares = np.dot(share, away), np.dot(share, away * away)
    deviation = np.sqrt(np.maximum(squares - mean * mean, 0.0))
    varying = deviation[deviation > CONSTANT * (np.abs(obs[0]) + np.sqrt(squares))]
    if len(varying) < 2:
        return {}
    ratio = float(varying.max()) / float(varying.min())
    return {Metric.OBS_SCALE: ratio} if np.isfinite(ratio) else {}
