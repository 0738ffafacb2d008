"""Statistics of returns: intervals of a mean, of one sample or of whole curves."""

import numpy as np
from numpy.typing import ArrayLike

from upright.ground import Array, Floats

CONFIDENCE = 0.95
# So many bootstrap means are drawn of a sample, and of whole curves.
RESAMPLES, RESAMPLED_CURVES = 2000, 1000


def bootstrap_interval(samples: ArrayLike, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean of at least one number, shape [n].

    Efron, "Bootstrap Methods: Another Look at the Jackknife" (1979). The resampling is seeded, so
    the same samples always give the same interval.
    """
    values = np.asarray(samples, np.float64)
    n, rng = len(values), np.random.default_rng(0)
    rows = max(1, 1_000_000 // n)
    sizes = [(min(rows, RESAMPLES - start), n) for start in range(0, RESAMPLES, rows)]
    means = np.concatenate([values[rng.integers(n, size=size)].mean(1) for size in sizes])
    low, high = percentile_ends(means, confidence)
    return float(low), float(high)


def bootstrap_band(samples: ArrayLike) -> tuple[Floats, Floats]:
    """95% intervals at every point of several curves: whole curves are drawn again.

    Args:
        samples: One curve a row, shape [n, points].

    Returns:
        The lower and the upper bound, each [points].
    """
    curves = np.asarray(samples, np.float64)
    n = len(curves)
    counts = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), size=RESAMPLED_CURVES)
    low, high = percentile_ends(counts @ curves / n)
    return low, high


def percentile_ends(drawn: Array, confidence: float = CONFIDENCE, axis: int = 0) -> Floats:
    """Between which of the statistics that were drawn again so large a part of them lies, [2, ...].

    The percentile bootstrap's interval.
    """
    tail = (1.0 - confidence) / 2.0
    return np.asarray(np.quantile(drawn, [tail, 1.0 - tail], axis=axis), np.float64)
