"""Sliding windows over many streams."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from traingauge.stats.streaming import Windows

SHARES = (0.0, 0.05, 0.5, 0.95, 1.0)
VALUES = st.lists(st.one_of(st.floats(-1e3, 1e3), st.just(math.nan), st.just(math.inf)), max_size=40)


def filled(streams, size, half_life=None):
    windows = Windows(size, half_life)
    for stream in streams:
        row = windows.add_row()
        for part in np.array_split(np.array(stream, dtype=float), 3):
            windows.extend(row, part)
    return windows


def kept(stream, size):
    return np.array([value for value in stream if math.isfinite(value)])[-size:]


@given(streams=st.lists(VALUES, min_size=1, max_size=4), size=st.integers(2, 25))
def test_mean_stddev_and_quantiles_equal_numpys_over_the_last_finite_values(streams, size):
    found = filled(streams, size).statistics(SHARES)
    for row, stream in enumerate(streams):
        window = kept(stream, size)
        assert found.count[row] == len(window)
        if not len(window):
            assert np.isnan(found.mean[row])
            assert np.isnan(found.quantiles[:, row]).all()
            continue
        assert found.mean[row] == pytest.approx(window.mean(), abs=1e-9)
        assert found.quantiles[:, row] == pytest.approx(np.quantile(window, SHARES), abs=1e-9)
        spread = window.std(ddof=1) if len(window) > 1 else math.nan
        assert found.stddev[row] == pytest.approx(spread, abs=1e-9, nan_ok=True)


@given(stream=VALUES, size=st.integers(2, 25), half_life=st.floats(0.5, 50))
def test_decayed_statistics_weight_values_by_age(stream, size, half_life):
    found = filled([stream], size, half_life).statistics(SHARES)
    window = kept(stream, size)
    if len(window) < 2:
        assert np.isnan(found.decayed_stddev[0])
        return
    weights = 0.5 ** (np.arange(len(window))[::-1] / half_life)
    assert found.decayed_mean[0] == pytest.approx(np.average(window, weights=weights), abs=1e-9)
    variance = np.cov(window, aweights=weights)
    assert found.decayed_stddev[0] ** 2 == pytest.approx(variance, rel=1e-6, abs=1e-9)
    order = np.argsort(window)
    reached = weights[order].cumsum() / weights.sum()
    for share, quantile in zip(SHARES, found.decayed_quantiles[:, 0], strict=True):
        at = np.searchsorted(reached, share * (1 - 1e-12))
        neighbours = window[order][max(0, at - 1) : at + 2]
        assert neighbours.min() <= quantile <= neighbours.max()


def test_a_decayed_quantile_follows_a_jump_before_the_plain_one_does():
    found = filled([[0.0] * 80 + [1.0] * 20], 100).statistics((0.5,))
    assert found.quantiles[0, 0] == 0
    assert found.decayed_quantiles[0, 0] == 1


def test_decayed_quantiles_with_equal_weights_invert_the_empirical_distribution():
    values = np.random.default_rng(1).normal(size=50)
    found = filled([values], 50, half_life=1e12).statistics((0.1, 0.5, 0.9))
    expected = np.quantile(values, (0.1, 0.5, 0.9), method="inverted_cdf")
    assert found.decayed_quantiles[:, 0] == pytest.approx(expected)


@given(stream=st.lists(st.floats(-1e3, 1e3), min_size=9, max_size=40), last=st.floats(-1e3, 1e3))
def test_z_scores_and_limits_compare_the_last_value_with_the_earlier_ones(stream, last):
    found = filled([[*stream, last]], 64).statistics(())
    before = np.array(stream)
    mean, spread = before.mean(), before.std(ddof=1)
    if spread > 1e-6 and abs(last - mean) > 1e-6:
        assert found.zscore[0] == pytest.approx((last - mean) / spread, rel=1e-6)
        assert found.upper[0] == pytest.approx(mean + 3 * spread)
        assert found.lower[0] == pytest.approx(mean - 3 * spread)
    scaled = stats.median_abs_deviation(before, scale="normal")
    if scaled > 1e-6 and abs(last - np.median(before)) > 1e-6:
        assert found.robust_zscore[0] == pytest.approx((last - np.median(before)) / scaled, rel=1e-6)


def test_earlier_outliers_do_not_mask_the_next_in_the_robust_score():
    calm = np.random.default_rng(2).normal(size=60)
    found = filled([[*calm, 1e6, 1e6, 20.0]], 64).statistics(())
    assert found.robust_zscore[0] > 10
    assert abs(found.zscore[0]) < 1


def test_a_constant_signal_scores_0_until_it_moves_and_then_infinity():
    assert filled([[0.1] * 20], 64).statistics(()).zscore[0] == 0
    assert filled([[0.1] * 20 + [0.2]], 64).statistics(()).robust_zscore[0] == math.inf
    assert filled([[0.0] * 20 + [-1.0]], 64).statistics(()).zscore[0] == -math.inf


def test_a_z_score_needs_eight_earlier_values():
    assert np.isnan(filled([np.arange(8.0)], 64).statistics(()).zscore[0])
    assert np.isfinite(filled([np.arange(9.0)], 64).statistics(()).zscore[0])


@given(stream=VALUES, size=st.integers(2, 12), other=st.integers(2, 12))
def test_restored_windows_hold_the_same_last_values(stream, size, other):
    restored = Windows(other)
    restored.restore(*filled([stream], size).arrays())
    again = filled([kept(stream, size)], other).statistics(SHARES)
    np.testing.assert_array_equal(restored.statistics(SHARES).quantiles, again.quantiles)
    np.testing.assert_allclose(restored.statistics(SHARES).decayed_mean, again.decayed_mean)
