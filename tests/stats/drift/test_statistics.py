"""Every statistic equals its textbook value on the same bins or samples."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats
from scipy.spatial.distance import chebyshev, cityblock, jensenshannon

from traingauge.stats.drift.chi2 import chi2, chi2_pvalue, chi2_sf, pool_sparse
from traingauge.stats.drift.comparison import Comparison
from traingauge.stats.drift.js import js
from traingauge.stats.drift.ks import ks, ks_pvalue
from traingauge.stats.drift.linf import linf
from traingauge.stats.drift.statistics import STATISTICS
from traingauge.stats.drift.tv import tv
from traingauge.stats.drift.wasserstein import wasserstein

COUNTS = hnp.arrays(np.int64, 8, elements=st.integers(0, 500)).filter(lambda counts: counts.sum() > 0)
POSITIONS = np.array([-3.0, -1.0, 0.0, 0.5, 2.0, 2.5, 7.0, 30.0])


def shares(counts):
    return counts / counts.sum()


@given(COUNTS, COUNTS)
def test_ks_equals_scipys_on_the_samples(one, two):
    samples = np.repeat(POSITIONS, one), np.repeat(POSITIONS, two)
    with np.errstate(divide="ignore", invalid="ignore"):  # in scipy's p-value of two single samples
        expected = stats.ks_2samp(*samples, method="asymp").statistic
    assert ks(shares(one), shares(two)) == pytest.approx(expected, abs=1e-10)


@given(st.floats(0, 1), st.integers(1, 20_000), st.integers(1, 20_000))
def test_the_ks_pvalue_is_the_tail_of_kolmogorovs_distribution(distance, samples, rows):
    scaled = distance * np.sqrt(samples * rows / (samples + rows))
    given_pvalue = ks_pvalue(np.array(distance), np.array(float(samples)), np.array(float(rows)))
    assert given_pvalue == pytest.approx(stats.kstwobign.sf(scaled), abs=1e-10)


def test_the_ks_pvalue_is_undefined_without_samples():
    assert np.isnan(ks_pvalue(np.array(0.0), np.array(0.0), np.array(0.0)))


@given(COUNTS, COUNTS)
def test_js_equals_scipys(one, two):
    assert js(shares(one), shares(two)) == pytest.approx(jensenshannon(shares(one), shares(two), 2), abs=1e-7)
    assert js(shares(one), shares(two)) ** 2 == pytest.approx(
        jensenshannon(shares(one), shares(two), 2) ** 2, abs=1e-10
    )


@given(COUNTS, COUNTS)
def test_wasserstein_equals_scipys(one, two):
    expected = stats.wasserstein_distance(POSITIONS, POSITIONS, one, two)
    assert wasserstein(shares(one), shares(two), POSITIONS) == pytest.approx(expected, abs=1e-10)


@given(COUNTS, COUNTS)
def test_chi2_and_its_pvalue_equal_scipys(one, two):
    filled = (one + two) > 0
    statistic = chi2(one, two)
    if filled.sum() < 2:
        assert np.isnan(chi2_pvalue(statistic, one, two))
        return
    expected = stats.chi2_contingency([one[filled], two[filled]], correction=False)
    assert statistic == pytest.approx(expected.statistic, rel=1e-10, abs=1e-10)
    assert chi2_pvalue(statistic, one, two) == pytest.approx(expected.pvalue, abs=1e-10)


@given(st.floats(0, 3000), st.integers(1, 1000))
def test_the_tail_of_chi2_equals_scipys(statistic, freedom):
    assert chi2_sf(statistic, freedom) == pytest.approx(stats.chi2.sf(statistic, freedom), abs=1e-10)


@given(st.floats(0, 600), st.integers(1, 100))
def test_small_tails_of_chi2_are_precise(statistic, freedom):
    if statistic > freedom + 2:
        assert chi2_sf(statistic, freedom) == pytest.approx(
            stats.chi2.sf(statistic, freedom), rel=1e-10, abs=0
        )


@given(COUNTS, COUNTS)
def test_tv_and_linf_equal_scipys(one, two):
    assert tv(shares(one), shares(two)) == pytest.approx(cityblock(shares(one), shares(two)) / 2, abs=1e-10)
    assert linf(shares(one), shares(two)) == pytest.approx(chebyshev(shares(one), shares(two)), abs=1e-10)


@given(COUNTS, COUNTS)
def test_pooling_leaves_no_sparse_bin_and_changes_no_other(one, two):
    pooled = pool_sparse(one, two)
    expected = [(one + two) * counts.sum() / (one + two).sum() for counts in (one, two)]
    kept = np.minimum(*expected) >= 1
    for before, after in zip((one, two), pooled, strict=True):
        np.testing.assert_array_equal(after[:-1], np.where(kept, before, 0))
        assert after[-1] in (0, before[~kept].sum())
    if pooled[0][-1] + pooled[1][-1]:
        assert (pooled[0] + pooled[1])[-1] * min(one.sum(), two.sum()) >= (one + two).sum()


def test_a_few_new_values_do_not_decide_the_chi_square_test():
    few, many = comparison([5000, 0, 0], [497, 3, 0]), comparison([5000, 0, 0], [470, 30, 0])
    assert STATISTICS["chi2"].distance(few) == 0
    assert STATISTICS["chi2"].distance(many) > 100


def comparison(reference, window):
    counts = [np.atleast_2d(np.array(each)) for each in (reference, window)]
    return Comparison(*counts, np.full(counts[0].shape, 0.5), np.arange(counts[0].shape[1] - 1.0)[None])


@pytest.mark.parametrize("name", STATISTICS)
def test_equal_shares_score_0(name):
    score = STATISTICS[name].score(comparison([50, 50, 10], [500, 500, 100]))
    np.testing.assert_allclose(score, 0, atol=1e-7)


@pytest.mark.parametrize("name", STATISTICS)
def test_leading_axes_are_independent_windows(name):
    rng = np.random.default_rng(0)
    reference, window = (
        rng.multinomial(1000, np.full(6, 1 / 6), (7, 3)),
        rng.multinomial(200, np.full(6, 1 / 6), (7, 3)),
    )
    prior, positions = np.full((3, 6), 0.5), np.tile(np.arange(5.0), (3, 1))
    together = STATISTICS[name].distance(Comparison(reference, window, prior, positions))
    for one, two, distance in zip(reference, window, together, strict=True):
        np.testing.assert_allclose(
            STATISTICS[name].distance(Comparison(one, two, prior, positions)), distance
        )


@pytest.mark.parametrize("name", ["ks", "wasserstein"])
def test_ordered_statistics_ignore_missing_values(name):
    distance = STATISTICS[name].distance(comparison([50, 50, 0], [25, 25, 50]))
    np.testing.assert_allclose(distance, 0)
    assert np.isnan(STATISTICS[name].distance(comparison([50, 50, 0], [0, 0, 100])))


@pytest.mark.parametrize("name", ["psi", "js", "chi2", "tv", "linf"])
def test_the_other_statistics_count_missing_values_as_drift(name):
    assert STATISTICS[name].distance(comparison([500, 500, 0], [250, 250, 500])) > 0.2
