"""Statistics of returns: intervals of a mean, of one sample or of whole curves."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def bootstrap_interval(
    samples: ArrayLike, confidence: float = 0.95, resamples: int = 2000
) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean.

    Efron, "Bootstrap Methods: Another Look at the Jackknife" (1979). The resampling is seeded, so
    the same samples always give the same interval.

    Args:
        samples: At least one number, shape [n].
        confidence: Coverage in (0, 1).
        resamples: How many bootstrap means are drawn.
    """
    values = np.asarray(samples, np.float64)
    rng, rows = np.random.default_rng(0), max(1, 1_000_000 // len(values))
    means = np.concatenate(
        [
            values[rng.integers(len(values), size=(min(rows, resamples - n), len(values)))].mean(1)
            for n in range(0, resamples, rows)
        ]
    )
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(means, [tail, 1.0 - tail])
    return float(low), float(high)


def bootstrap_band(
    samples: ArrayLike, confidence: float = 0.95, resamples: int = 1000
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """`bootstrap_interval` at every point of several curves: whole curves are drawn again.

    Args:
        samples: One curve a row, shape [n, points].
        confidence: Coverage in (0, 1).
        resamples: How many bootstrap means are drawn.

    Returns:
        The lower and the upper bound, each [points].
    """
    curves = np.asarray(samples, np.float64)
    n = len(curves)
    counts = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), size=resamples)
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(counts @ curves / n, [tail, 1.0 - tail], axis=0)
    return low, high
