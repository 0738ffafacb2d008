"""Statistics of several runs: by hand, against SciPy and rliable's definitions, and coverage."""

import math

import numpy as np
import pytest

from upright.judging import several
from upright.judging.several import (
    FEWEST_TO_SHOW,
    Estimate,
    aggregates,
    compared,
    estimate,
    exceeding,
    interquartile_mean,
    iqm_band,
    probability_of_improvement,
    raced,
    seeds_to_show,
    shuffled_p_value,
)


def means(x: np.ndarray) -> np.ndarray:
    return np.asarray(x.mean(axis=-1))


@pytest.mark.parametrize(
    ("scores", "mean"),
    [
        ([7.0], 7.0),
        ([1.0, 3.0], 2.0),
        ([1.0, 2.0, 6.0], 3.0),  # a quarter of 3 is none
        ([0.0, 4.0, 6.0, 100.0], 5.0),
        ([100.0, 5.0, 0.0, 4.0, 6.0], 5.0),
        ([8.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], 4.5),
    ],
)
def test_the_interquartile_mean_cuts_off_a_quarter_at_each_end(
    scores: list[float], mean: float
) -> None:
    assert interquartile_mean(scores) == mean


def test_the_interquartile_mean_is_the_trimmed_mean_of_scipy_as_rliable_has_it() -> None:
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(3)
    for n in range(1, 30):
        scores = rng.normal(size=n)
        assert interquartile_mean(scores) == pytest.approx(stats.trim_mean(scores, 0.25))
    rows = rng.normal(size=(5, 13))
    np.testing.assert_allclose(interquartile_mean(rows), stats.trim_mean(rows, 0.25, axis=1))


def test_the_probability_of_improvement_counts_pairs_and_ties_half() -> None:
    # 3 beats 1 and 2, ties 3; 2 beats 1, ties 2, loses to 3: (2.5 + 1.5) of 6.
    assert probability_of_improvement([3.0, 2.0], [1.0, 2.0, 3.0]) == pytest.approx(4 / 6)
    assert probability_of_improvement([2.0], [1.0]) == 1.0
    assert probability_of_improvement([1.0], [1.0]) == 0.5


def test_the_probability_of_improvement_is_mann_and_whitneys_u() -> None:
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(4)
    for n, m in ((3, 8), (10, 10), (1, 5)):
        x, y = rng.integers(5, size=n), rng.integers(5, size=m)
        u = stats.mannwhitneyu(x, y).statistic
        assert probability_of_improvement(x, y) == pytest.approx(u / (n * m))


def test_an_interval_is_the_percentile_bootstraps_of_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(5)
    for statistic in (means, interquartile_mean):
        scores = rng.gamma(2.0, 50.0, size=14)
        theirs = stats.bootstrap(
            (scores,), lambda x, axis, own=statistic: own(np.moveaxis(x, axis, -1)),
            method="percentile", n_resamples=10_000, rng=np.random.default_rng(1),
        ).confidence_interval  # fmt: skip
        ours = estimate(statistic, scores)
        assert ours.value == statistic(scores)
        assert [ours.low, ours.high] == pytest.approx([theirs.low, theirs.high], rel=0.03)


def test_the_numbers_are_those_that_rliable_gives() -> None:
    """Version 1.2.0, 100,000 resamples; scores of one task, a run a row."""
    x, y = [3, 8, 15, 21, 22, 40, 41, 60, 77, 130], [1, 8, 9, 12, 30, 31, 33, 50]
    found = [
        estimate(means, x),
        estimate(interquartile_mean, x),
        estimate(probability_of_improvement, x, y),
    ]
    rliables = [(41.7, 21.4, 66.4), (33.1667, 15.8333, 63.1667), (0.65625, 0.375, 0.8875)]
    for ours, theirs in zip(found, rliables, strict=True):
        assert ours.value == pytest.approx(theirs[0], abs=1e-3)
        assert list(ours) == pytest.approx(theirs, rel=0.04)
    profile = exceeding(x, [0, 8, 20, 50, 200]).mean(axis=0)
    assert profile.tolist() == [1.0, 0.8, 0.7, 0.3, 0.0]


def test_strata_are_drawn_again_each_by_itself() -> None:
    """Two scores far apart in strata of their own never change places."""
    pooled = estimate(means, [0.0, 100.0])
    apart = estimate(lambda x, y: (means(x) + means(y)) / 2, [0.0], [100.0])
    assert (pooled.low, pooled.high) == (0.0, 100.0)
    assert (apart.low, apart.high) == (50.0, 50.0)


def test_the_exact_bootstrap_of_two_scores_is_met() -> None:
    """Of two scores, resamples have the means 0, 0.5 and 1 with 1/4, 1/2 and 1/4."""
    drawn: list[np.ndarray] = []

    def kept(x: np.ndarray) -> np.ndarray:
        drawn.append(means(x))
        return drawn[-1]

    estimate(kept, [0.0, 1.0])
    resampled = np.concatenate([np.atleast_1d(each) for each in drawn if each.ndim])
    assert len(resampled) == several.RESAMPLED_RUNS
    shares = [np.mean(resampled == value) for value in (0.0, 0.5, 1.0)]
    assert shares == pytest.approx([0.25, 0.5, 0.25], abs=0.02)


def test_the_order_of_the_runs_says_nothing_and_the_same_runs_say_the_same() -> None:
    scores = np.random.default_rng(6).normal(size=9)
    assert aggregates(scores) == aggregates(scores[::-1]) == aggregates(scores)
    assert compared(scores, [0.0, 1.0]) == compared(np.sort(scores), [1.0, 0.0])


def test_aggregates_are_those_of_the_scores() -> None:
    found = aggregates([0.0, 4.0, 6.0, 100.0])
    assert [each.value for each in found] == [27.5, 5.0, 5.0]
    assert all(each.low <= each.value <= each.high for each in found)
    assert aggregates([7.0]) == (Estimate(7.0, 7.0, 7.0),) * 3


def test_memory_has_an_end_whatever_there_is_to_compare(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = np.random.default_rng(7).normal(size=(2, 40))
    widest: list[int] = []

    def seen(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        widest.append(math.prod(x.shape) * y.shape[-1])
        return probability_of_improvement(x, y)

    monkeypatch.setattr(several, "_NUMBERS", 16_000)
    few = estimate(seen, x, y)
    assert max(widest) <= 16_000
    monkeypatch.undo()
    assert few.value == estimate(probability_of_improvement, x, y).value


@pytest.mark.parametrize(
    ("n", "of_means", "of_iqms"), [(4, 0.79, 0.87), (8, 0.88, 0.92), (16, 0.92, 0.94)]
)
def test_an_interval_covers_as_often_as_the_docs_say(
    n: int, of_means: float, of_iqms: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of normal scores: too narrow where runs are few, as docs/howto/many-seeds.md tells."""
    monkeypatch.setattr(several, "RESAMPLED_RUNS", 1000)
    rng = np.random.default_rng(n)
    for statistic, share in ((means, of_means), (interquartile_mean, of_iqms)):
        found = [estimate(statistic, rng.normal(size=n)) for _ in range(600)]
        covered = np.mean([each.low <= 0.0 <= each.high for each in found])
        assert covered == pytest.approx(share, abs=0.03)


@pytest.mark.parametrize(("n", "m"), [(3, 3), (4, 4), (8, 8), (4, 12)])
def test_sides_that_are_alike_are_rarely_said_to_differ(
    n: int, m: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At most 1 time in 20, of few runs too, where the interval alone is wrong far more often."""
    monkeypatch.setattr(several, "RESAMPLED_RUNS", 500)
    monkeypatch.setattr(several, "SHUFFLES", 499)
    rng = np.random.default_rng(100 * n + m)
    found = [compared(rng.normal(size=n), rng.normal(size=m)) for _ in range(200)]
    assert np.mean([each.outcome != "not shown" for each in found]) <= 0.07
    if n == 3:
        alone = [not each.difference.low <= 0.0 <= each.difference.high for each in found]
        assert np.mean(alone) > 0.1


def test_sides_that_differ_are_said_to_and_which_way() -> None:
    high, low = [10.0, 11.0, 12.0, 13.0, 14.0], [1.0, 2.0, 3.0, 4.0, 5.0]
    better, worse = compared(high, low), compared(low, high)
    assert (better.outcome, worse.outcome) == ("better", "worse")
    assert better.difference.value == pytest.approx(9.0)
    assert better.improvement == Estimate(1.0, 1.0, 1.0)
    assert worse.improvement == Estimate(0.0, 0.0, 0.0)
    assert better.seeds is worse.seeds is None
    assert better.p_value == pytest.approx(worse.p_value, abs=0.005)


def test_what_mean_and_pairs_say_differently_is_not_shown() -> None:
    """The one wins most pairs by a little, the other's middle half is far higher."""
    one = [1.0] * 14 + [2.0] * 6
    other = [0.0] * 12 + [100.0] * 8
    found = compared(one, other)
    assert found.difference.value < 0.0 < found.improvement.value - 0.5
    assert found.outcome == "not shown"


def test_who_solves_nothing_takes_longer_than_whoever_does() -> None:
    never = math.inf
    found = raced([10, 20, 30, 40, 50], [60, 70, never, never, never])
    assert found.outcome == "sooner"
    assert found.probability == Estimate(1.0, 1.0, 1.0)
    assert raced([60, 70, never, never, never], [10, 20, 30, 40, 50]).outcome == "later"
    alike = raced([never, never, 5], [never, 5, never])
    assert (alike.probability.value, alike.outcome) == (0.5, "not shown")
    assert raced([1, 2, 3], [4, 5, 6]).outcome == "not shown"


def test_a_shuffle_is_as_rare_as_counting_says() -> None:
    """Of 4 and 4 runs, 2 of the 70 ways to deal them out are as far apart as these."""
    assert shuffled_p_value([5, 6, 7, 8], [1, 2, 3, 4]) == pytest.approx(2 / 70, abs=0.006)
    assert shuffled_p_value([1.0, 2.0], [1.0, 2.0]) == 1.0
    assert shuffled_p_value([5.0, 5.0, 5.0], [5.0, 5.0]) == 1.0


def test_the_shuffles_test_what_mann_and_whitney_do() -> None:
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(8)
    for n, m in ((4, 5), (8, 8), (6, 20)):
        x, y = rng.normal(0.7, 1.0, n), rng.normal(0.0, 1.0, m)
        exact = stats.mannwhitneyu(x, y, method="exact").pvalue
        assert shuffled_p_value(x, y) == pytest.approx(exact, abs=0.02)


def test_three_seeds_a_side_show_nothing_however_far_apart() -> None:
    """2 of the 20 ways to deal them out are as extreme, and that is not rare."""
    found = compared([100.0, 101.0, 102.0], [0.0, 1.0, 2.0])
    assert found.outcome == "not shown"
    assert found.seeds == FEWEST_TO_SHOW


def test_the_seeds_that_it_takes_are_the_formulas() -> None:
    # From 10 down to -10, the interval is twice the difference long on that side: 2.04 * 4 * 8.
    assert seeds_to_show(Estimate(10.0, -10.0, 31.0), 8, 8) == math.ceil(several.POWER * 4 * 8)
    assert seeds_to_show(Estimate(-10.0, -31.0, 10.0), 8, 8) == math.ceil(several.POWER * 4 * 8)
    # 4 and 12 runs are worth 6 a side.
    assert seeds_to_show(Estimate(10.0, -10.0, 31.0), 4, 12) == math.ceil(several.POWER * 4 * 6)
    assert pytest.approx(2.0430, abs=1e-3) == several.POWER
    assert seeds_to_show(Estimate(0.0, -1.0, 1.0), 8, 8) is None
    assert seeds_to_show(Estimate(5.0, 5.0, 5.0), 2, 2) == FEWEST_TO_SHOW
    assert seeds_to_show(Estimate(5.0, 1.0, 9.0), 8, 8) == 11
    assert seeds_to_show(Estimate(1e-300, -1.0, 1.0), 8, 8) == several.MANY_SEEDS


def test_so_many_seeds_do_show_it_four_times_in_five(monkeypatch: pytest.MonkeyPatch) -> None:
    """Normal scores, 1 apart with a deviation of 1, of which 8 seeds know the width."""
    monkeypatch.setattr(several, "RESAMPLED_RUNS", 500)
    monkeypatch.setattr(several, "SHUFFLES", 499)
    half = 1.96 * math.sqrt(2 / 8) * 1.09  # an interquartile mean's deviation is 1.09 of a mean's
    needed = seeds_to_show(Estimate(1.0, 1.0 - half, 1.0 + half), 8, 8)
    assert needed is not None
    rng = np.random.default_rng(12)
    shown = [
        compared(rng.normal(1.0, 1.0, needed), rng.normal(0.0, 1.0, needed)).outcome == "better"
        for _ in range(150)
    ]
    assert 0.7 < np.mean(shown) < 0.9


def test_a_profile_is_the_share_of_runs_above_a_level() -> None:
    rows = exceeding([1.0, 2.0, 3.0, 3.0], [0.0, 1.0, 2.5, 3.0])
    assert rows.mean(axis=0).tolist() == [1.0, 0.75, 0.5, 0.0]
    assert rows.shape == (4, 4)


def test_a_band_of_curves_is_the_interval_at_each_point(monkeypatch: pytest.MonkeyPatch) -> None:
    curves = np.random.default_rng(9).normal(size=(6, 5)) + np.arange(5.0)
    middle, low, high = iqm_band(curves)
    assert middle.tolist() == [float(interquartile_mean(column)) for column in curves.T]
    assert ((low <= middle) & (middle <= high)).all()
    beside = estimate(interquartile_mean, curves[:, 2])
    assert [low[2], high[2]] == pytest.approx([beside.low, beside.high], abs=0.15)
    monkeypatch.setattr(several, "_NUMBERS", 1)
    for whole, parts in zip((middle, low, high), iqm_band(curves), strict=True):
        np.testing.assert_array_equal(whole, parts)
    one, below, above = iqm_band(curves[:1])
    assert one.tolist() == below.tolist() == above.tolist() == curves[0].tolist()
