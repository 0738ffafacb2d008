"""Statistics against numbers that are known."""

import numpy as np
import pytest

from upright.judging.statistics import bootstrap_interval


def test_the_interval_of_many_samples_is_that_of_the_normal_law() -> None:
    samples = np.random.default_rng(0).normal(10.0, 2.0, size=400)
    low, high = bootstrap_interval(samples)
    margin = 1.96 * samples.std() / 20.0
    assert low == pytest.approx(samples.mean() - margin, abs=0.03)
    assert high == pytest.approx(samples.mean() + margin, abs=0.03)


def test_the_interval_is_the_same_each_time_and_wider_where_more_is_covered() -> None:
    samples = [1.0, 5.0, 2.0, 8.0, 3.0]
    assert bootstrap_interval(samples) == bootstrap_interval(samples)
    low, high = bootstrap_interval(samples, confidence=0.5)
    wide_low, wide_high = bootstrap_interval(samples, confidence=0.99)
    assert wide_low < low < high < wide_high


def test_the_interval_of_one_sample_is_that_sample() -> None:
    assert bootstrap_interval([7.0]) == (7.0, 7.0)
