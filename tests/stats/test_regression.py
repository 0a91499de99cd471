"""Regression scores equal scikit-learn's."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import metrics

from traingauge.errors import ShapeError
from traingauge.stats import regression

VALUES = st.floats(-1e6, 1e6, width=32)


@st.composite
def samples(draw):
    """True and predicted values, weights, and where the steps end."""
    rows, outputs = draw(st.integers(1, 30)), draw(st.integers(1, 3))
    true, predicted = (draw(hnp.arrays(np.float64, (rows, outputs), elements=VALUES)) for _ in range(2))
    weight = draw(st.none() | hnp.arrays(np.float64, rows, elements=st.sampled_from([0.0, 0.3, 1.0, 7.5])))
    if weight is not None:
        weight[0] = 1.0  # scores of no weight are undefined
    ends = draw(st.lists(st.integers(0, rows), max_size=4))
    return true, predicted, weight, sorted(ends)


def merged(true, predicted, weight, ends):
    bounds = [0, *ends, len(true)]
    return regression.merge(
        [
            regression.measure(true[a:b], predicted[a:b], None if weight is None else weight[a:b])
            for a, b in pairwise(bounds)
        ]
    )


@given(samples())
def test_errors_equal_scikit_learns_for_any_division_into_steps(drawn):
    true, predicted, weight, _ = drawn
    residuals = merged(*drawn)
    near = {"rel": 1e-12, "abs": 1e-12}
    expected = metrics.mean_absolute_error(true, predicted, sample_weight=weight)
    assert regression.mean_absolute_error(residuals) == pytest.approx(expected, **near)
    expected = metrics.root_mean_squared_error(true, predicted, sample_weight=weight)
    assert regression.root_mean_squared_error(residuals) == pytest.approx(expected, **near)
    expected = np.average(predicted - true, axis=0, weights=weight).mean()
    assert regression.bias(residuals) == pytest.approx(expected, rel=1e-12, abs=1e-9)


@given(samples())
def test_r2_equals_scikit_learns_if_the_true_values_vary(drawn):
    true, predicted, weight, _ = drawn
    counted = true if weight is None else true[weight > 0]
    varied = np.ptp(counted, axis=0) > 1e-3 * (1 + np.abs(counted).max())
    score = regression.r2_score(merged(*drawn))
    if not varied.all():
        return
    expected = metrics.r2_score(true, predicted, sample_weight=weight)
    assert score == pytest.approx(expected, rel=1e-12, abs=1e-12)


def test_r2_of_constant_values_is_undefined():
    residuals = regression.merge(
        [regression.measure([0.1] * 3, [1.0, 2.0, 3.0]), regression.measure([0.1] * 7, [0.1] * 7)]
    )
    assert np.isnan(regression.r2_score(residuals))


def test_an_output_without_spread_is_left_out_of_r2():
    true, predicted = np.array([[1.0, 5.0], [2.0, 5.0]]), np.array([[1.0, 4.0], [2.0, 6.0]])
    assert regression.r2_score(regression.measure(true, predicted)) == 1


@pytest.mark.parametrize("weight", [None, np.zeros(0), np.zeros(3)])
def test_every_score_is_nan_without_samples_or_weight(weight):
    values = np.zeros(0 if weight is None else len(weight))
    residuals = regression.measure(values, values + 1, weight)
    for score in (
        regression.mean_absolute_error,
        regression.root_mean_squared_error,
        regression.bias,
        regression.r2_score,
    ):
        assert np.isnan(score(residuals))


@given(samples(), st.sampled_from([0.05, 0.5, 0.95, 1.0]))
def test_residual_quantiles_equal_numpys_for_any_division_into_steps(drawn, share):
    true, predicted, weight, _ = drawn
    residuals = (predicted - true).ravel()
    weights = np.repeat(np.ones(len(true)) if weight is None else weight, true.shape[1])
    quantile = regression.residual_quantile(merged(*drawn), share)
    assert quantile in residuals
    total, near = weights.sum(), 1e-9
    assert weights[residuals <= quantile].sum() >= share * total * (1 - near)
    assert weights[residuals < quantile].sum() < share * total * (1 + near)
    if weight is None:
        assert quantile == np.quantile(residuals, share, method="inverted_cdf")


def test_quantiles_of_large_steps_are_estimated_from_every_kth_value():
    random = np.random.default_rng(0)
    true, error = random.normal(size=50_000), random.normal(size=50_000)
    residuals = regression.merge([regression.measure(true, true + error)] * 100)
    assert residuals.sample.shape[1] <= regression.SAMPLE
    assert regression.residual_quantile(residuals, 0.95) == pytest.approx(1.645, abs=0.15)


def test_quantiles_are_nan_if_only_the_sums_are_known():
    sums = np.ones(1)
    assert np.isnan(
        regression.residual_quantile(regression.Residuals(1.0, sums, sums, sums, sums, sums), 0.5)
    )


def test_a_large_offset_loses_no_precision():
    true = np.array([1e9, 1e9 + 1, 1e9 + 2])
    assert regression.r2_score(merged(true, true + 0.5, None, [1])) == pytest.approx(1 - 0.75 / 2, rel=1e-12)


def test_scores_that_overflow_are_infinite_or_nan():
    residuals = regression.merge([regression.measure([1e300, 0.0], [0.0, 1e300])] * 2)
    assert regression.root_mean_squared_error(residuals) == np.inf
    assert np.isnan(regression.r2_score(residuals))


def test_different_shapes_raise():
    with pytest.raises(ShapeError, match=r"\(2,\) and y_pred \(3,\)"):
        regression.measure([1.0, 2.0], [1.0, 2.0, 3.0])
