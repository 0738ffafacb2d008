"""Statistics of several runs: aggregates of their scores with intervals, and two sides compared.

Definitions as in Agarwal, Schwarzer, Castro, Courville and Bellemare, "Deep Reinforcement Learning
at the Edge of the Statistical Precipice" (2021). All resampling is seeded, so the same scores
always give the same numbers.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from upright.ground import Array
from upright.judging.statistics import percentile_ends

RESAMPLED_RUNS, RESAMPLED_PARTS, SHUFFLES, RESAMPLING_SEED = 10_000, 1000, 9_999, 0
SIGNIFICANCE = 0.05
# So many of a side are the fewest with which a shuffle of the names can be rarer than that.
FEWEST_TO_SHOW = 4
MANY_SEEDS = 1_000_000  # no more are told
# How far an interval that is to keep off 0 four times in five must shrink, squared:
# ((z(0.975) + z(0.8)) / z(0.975))^2.
POWER = ((1.959964 + 0.841621) / 1.959964) ** 2
_NUMBERS = 4_000_000  # at a time

Statistic = Callable[..., Array]
Ruling = Literal["better", "worse", "not shown"]


class Estimate(NamedTuple):
    """A statistic and its 95% interval."""

    value: float
    low: float
    high: float


class Aggregates(NamedTuple):
    """What the scores of several runs come to."""

    mean: Estimate
    median: Estimate
    iqm: Estimate


@dataclass(frozen=True)
class Comparison:
    """One side held against another.

    Attributes:
        difference: Of the interquartile means, the one's less the other's.
        improvement: How probable it is that a run of the one scores higher than one of the other.
        p_value: How often one beats the other as much by shuffling which run is whose.
        outcome: Whether the one is better or worse, or neither is shown.
        seeds: About how many a side would show it, were the difference as it is now; None where it
            is shown, or where there is none to show.
    """

    difference: Estimate
    improvement: Estimate
    p_value: float
    outcome: Ruling
    seeds: int | None


@dataclass(frozen=True)
class Race:
    """Who of two sides solves sooner.

    Attributes:
        probability: How probable it is that a run of the one takes fewer steps than one of the
            other.
        p_value: As in `Comparison`.
        outcome: Whether the one solves sooner or later, or neither is shown.
    """

    probability: Estimate
    p_value: float
    outcome: Literal["sooner", "later", "not shown"]


def interquartile_mean(scores: ArrayLike) -> Array:
    """The mean of the middle half, [..., n] -> [...]: a quarter of n, rounded down, is cut off.

    As rliable's `aggregate_iqm`, which is `scipy.stats.trim_mean(scores, 0.25)`.
    """
    values = np.sort(np.asarray(scores, np.float64), axis=-1)
    cut = values.shape[-1] // 4
    return np.asarray(values[..., cut : values.shape[-1] - cut].mean(axis=-1))


def probability_of_improvement(one: ArrayLike, other: ArrayLike) -> Array:
    """How often a score of [..., n] beats one of [..., m], equal ones counting half: [...].

    Mann and Whitney's U over n * m; Agarwal et al. 2021, section 4.3.
    """
    x, y = np.asarray(one, np.float64)[..., :, None], np.asarray(other, np.float64)[..., None, :]
    return np.asarray(((x > y) + 0.5 * (x == y)).mean(axis=(-2, -1)))


def estimate(statistic: Statistic, *strata: ArrayLike) -> Estimate:
    """A statistic with its 95% interval by the stratified percentile bootstrap.

    Runs are drawn again within each stratum alone. Efron (1979) for the percentiles, Agarwal et
    al. 2021, section 4.1, for the strata.

    Args:
        statistic: Takes as many arrays as there are strata, each [..., n], and gives [...].
        *strata: Scores, each [n] of at least one.
    """
    arrays = [np.sort(np.asarray(each, np.float64)) for each in strata]  # their order says nothing
    rng = np.random.default_rng(RESAMPLING_SEED)
    drawn = [
        statistic(*(each[rng.integers(len(each), size=(rows, len(each)))] for each in arrays))
        for rows in _portions(RESAMPLED_RUNS, arrays)
    ]
    low, high = percentile_ends(np.concatenate(drawn))
    return Estimate(float(statistic(*arrays)), float(low), float(high))


def aggregates(scores: ArrayLike) -> Aggregates:
    """Mean, median and interquartile mean of at least one score, [n]."""
    return Aggregates(
        mean=estimate(lambda x: x.mean(axis=-1), scores),
        median=estimate(lambda x: np.median(x, axis=-1), scores),
        iqm=estimate(interquartile_mean, scores),
    )


def shuffled_p_value(one: ArrayLike, other: ArrayLike) -> float:
    """How often two sides beat each other as one-sidedly when runs are dealt out by chance.

    Mann and Whitney's test, "On a Test of Whether One of Two Random Variables is Stochastically
    Larger than the Other" (1947), by shuffling: its rate of false alarms is right for any number of
    runs, which that of a bootstrap interval is not for a few. (hits + 1) / (shuffles + 1) is from
    Phipson and Smyth, "Permutation P-values Should Never Be Zero" (2010).
    """
    ranks, n = _ranks(np.concatenate([np.asarray(one), np.asarray(other)])), len(np.asarray(one))
    by_chance = n * (len(ranks) + 1) / 2
    found, hits, rng = abs(ranks[:n].sum() - by_chance), 0, np.random.default_rng(RESAMPLING_SEED)
    ranks.sort()  # the order of the runs says nothing
    for rows in _portions(SHUFFLES, [ranks]):
        dealt = rng.permuted(np.tile(ranks, (rows, 1)), axis=1)[:, :n]
        hits += int(np.count_nonzero(np.abs(dealt.sum(axis=1) - by_chance) >= found))
    return (hits + 1) / (SHUFFLES + 1)


def _ranks(values: Array) -> Array:
    """Ranks from 1 on, [n], equal values sharing the mean of theirs; sums of halves are exact."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(counts) - (counts - 1) / 2)[place])


def compared(one: ArrayLike, other: ArrayLike) -> Comparison:
    """Whether the scores of one side, [n], are better than those of the other, [m].

    They are shown to be where the 95% interval of the difference of interquartile means keeps off
    0, and shuffling which run is whose makes one side beat the other as much less often than 1 time
    in 20. The interval alone would not do: of 3 seeds a side it keeps off 0 by luck far more often.
    """
    x, y = np.asarray(one, np.float64), np.asarray(other, np.float64)
    difference = estimate(_difference, x, y)
    p_value = shuffled_p_value(x, y)
    improvement = estimate(probability_of_improvement, x, y)
    agreed = (improvement.value - 0.5) * difference.value > 0.0
    off = not difference.low <= 0.0 <= difference.high
    shown = agreed and off and p_value < SIGNIFICANCE
    outcome: Ruling = "not shown"
    if shown:
        outcome = "better" if difference.value > 0.0 else "worse"
    return Comparison(
        difference=difference,
        improvement=improvement,
        p_value=p_value,
        outcome=outcome,
        seeds=None if shown else seeds_to_show(difference, len(x), len(y)),
    )


def raced(one: ArrayLike, other: ArrayLike) -> Race:
    """Whether the runs of one side, [n], solve in fewer steps than those of the other, [m].

    A run that solves nothing takes infinitely many. It is shown as in `compared`, the interval
    being that of the probability, which is to keep off 0.5.
    """
    x, y = -np.asarray(one, np.float64), -np.asarray(other, np.float64)
    probability, p_value = estimate(probability_of_improvement, x, y), shuffled_p_value(x, y)
    shown = p_value < SIGNIFICANCE and not probability.low <= 0.5 <= probability.high
    if not shown:
        return Race(probability, p_value, "not shown")
    return Race(probability, p_value, "sooner" if probability.value > 0.5 else "later")


def seeds_to_show(difference: Estimate, n: int, m: int) -> int | None:
    """About how many seeds a side would show a difference, were it as large as it looks now.

    An interval's width goes with 1 / sqrt(n). With h from the difference d to the end of its
    interval that lies towards 0, and n' seeds a side having the width of n and m, 2 / n' = 1 / n +
    1 / m, the interval would end at 0 with n' (h / d)^2 seeds; since another draw of seeds has
    another d, ((z(0.975) + z(0.8)) / z(0.975))^2 = 2.04 times as many keep off it with a
    probability of 0.8. Colas, Sigaud and Oudeyer, "How Many Random Seeds? Statistical Power
    Analysis in Deep Reinforcement Learning Experiments" (2018), of a mean.

    Returns:
        More than there are; None where there is no difference.
    """
    size = abs(difference.value)
    if size == 0.0:
        return None
    towards = difference.low if difference.value > 0.0 else difference.high
    alike = 2.0 / (1.0 / n + 1.0 / m)
    times = min(abs(difference.value - towards) / size, 1e4)
    needed = POWER * alike * times**2
    return max(math.ceil(min(needed, MANY_SEEDS)), math.floor(alike) + 1, FEWEST_TO_SHOW)


def exceeding(scores: ArrayLike, levels: ArrayLike) -> Array:
    """Whether each score, [n], is above each level, [levels]: [n, levels] of 0 and 1.

    Its mean over the runs is their performance profile; Agarwal et al. 2021, section 4.2.
    """
    return np.asarray(np.asarray(scores)[:, None] > np.asarray(levels)[None, :], np.float64)


def iqm_band(curves: ArrayLike) -> tuple[Array, Array, Array]:
    """The interquartile mean of curves, one a row, [n, points], and its 95% intervals, [points].

    Whole curves are drawn again, as for the sample-efficiency curves of Agarwal et al. 2021.
    """
    rows = np.asarray(curves, np.float64)
    n = len(rows)
    drawn = np.random.default_rng(RESAMPLING_SEED).integers(n, size=(RESAMPLED_PARTS, n))
    step = max(1, _NUMBERS // (n * RESAMPLED_PARTS))
    ends = [
        percentile_ends(interquartile_mean(part[:, drawn]), axis=1)
        for part in (rows.T[at : at + step] for at in range(0, rows.shape[1], step))
    ]
    low, high = np.concatenate(ends, axis=1)
    return interquartile_mean(rows.T), low, high


def _difference(x: Array, y: Array) -> Array:
    return interquartile_mean(x) - interquartile_mean(y)


def _portions(total: int, arrays: list[Array]) -> Iterator[int]:
    """A number of draws in parts, so that memory has room for what a statistic makes of them."""
    most = max(1, _NUMBERS // max(math.prod(map(len, arrays)), sum(map(len, arrays))))
    yield from (min(most, total - start) for start in range(0, total, most))
