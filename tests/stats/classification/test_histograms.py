"""Binned ranking scores stay within their stated bounds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import metrics

from traingauge.stats.classification.histograms import (
    BINS,
    add_to_histogram,
    average_precision,
    average_precision_bounds,
    bins_of,
    roc_auc,
    roc_auc_error,
)

SLACK = 1e-12


def binned(positive, scores, weight=None):
    upper = scores > 0.5
    smaller = np.where(upper, 1 - scores, scores).astype(np.float32)
    counts = np.zeros((1, 2, BINS))
    add_to_histogram(counts, bins_of(smaller, upper)[np.newaxis], positive[np.newaxis], weight)
    return counts[0]


@st.composite
def ranked(draw):
    """Positives, scores and weights: spread out, concentrated at either end, tied, or at the edge of a bin."""
    rows = draw(st.integers(2, 60))
    positive = draw(hnp.arrays(np.bool_, rows))
    positive[:2] = [False, True]
    score = st.one_of(
        st.floats(0, 1),
        st.floats(0, 1e-6),
        st.floats(1e-12, 1).map(lambda gap: 1 - 1e-5 * gap),
        st.sampled_from([0.0, 0.25, np.nextafter(0.25, 0), 0.5, np.nextafter(0.5, 1), 1.0]),
    )
    scores = draw(hnp.arrays(np.float64, rows, elements=score))
    return positive, scores, draw(st.none() | hnp.arrays(np.float64, rows, elements=st.floats(0.1, 3)))


@given(ranked())
def test_the_binned_area_is_within_its_error_bound_of_scikit_learns(drawn):
    positive, scores, weight = drawn
    counts = binned(positive, scores, weight)
    exact = metrics.roc_auc_score(positive, scores, sample_weight=weight)
    assert abs(roc_auc(counts) - exact) <= roc_auc_error(counts) + SLACK


@given(ranked())
def test_the_average_precision_is_within_its_bounds(drawn):
    positive, scores, weight = drawn
    counts = binned(positive, scores, weight)
    exact = metrics.average_precision_score(positive, scores, sample_weight=weight)
    low, high = average_precision_bounds(counts)
    assert low - SLACK <= exact <= high + SLACK
    assert low - SLACK <= average_precision(counts) <= high + SLACK


@given(hnp.arrays(np.float64, st.integers(2, 50), elements=st.floats(0, 1)))
def test_a_higher_score_is_never_in_a_lower_bin(scores):
    scores = np.sort(scores)
    upper = scores > 0.5
    bins = bins_of(np.where(upper, 1 - scores, scores).astype(np.float32), upper)
    assert (np.diff(bins) >= 0).all()
    assert bins.min() >= 0
    assert bins.max() < BINS


@pytest.mark.parametrize(("shift", "spread"), [(0, 1), (-2, 1), (8, 3), (-20, 4), (0, 12)])
def test_the_error_is_small_for_scores_of_every_confidence(shift, spread):
    """The scores of trained networks are concentrated near 0 and 1, where bins of equal width would miss the area by 0.1."""
    random = np.random.default_rng(0)
    positive = random.random(20_000) < 0.3
    logits = shift + spread * (random.normal(size=20_000) + positive)
    scores = 1 / (1 + np.exp(-logits))
    counts = binned(positive, scores)
    exact = metrics.roc_auc_score(positive, scores)
    assert roc_auc_error(counts) < 0.005
    assert abs(roc_auc(counts) - exact) < 2e-4
    assert average_precision(counts) == pytest.approx(
        metrics.average_precision_score(positive, scores), abs=5e-3
    )


def test_the_area_is_nan_without_positives_or_without_negatives():
    counts = binned(np.array([True, True]), np.array([0.2, 0.8]))
    assert np.isnan(roc_auc(counts))
    assert average_precision(counts) == 1
    assert np.isnan(average_precision(binned(np.array([False]), np.array([0.2]))))


def test_columns_and_positives_have_separate_histograms():
    counts = np.zeros((2, 2, BINS))
    bins = np.array([[0, 7], [5, 5]], np.int32)
    add_to_histogram(counts, bins, np.array([[True, False], [False, True]]), np.array([1.0, 2.0]))
    assert (counts[0, 1, 0], counts[0, 0, 7], counts[1, 0, 5], counts[1, 1, 5]) == (1, 2, 1, 2)
    assert counts.sum() == 6
