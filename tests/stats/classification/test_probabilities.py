"""Scores of predicted probabilities equal scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import special
from sklearn import metrics

from traingauge.stats.classification import histograms, probabilities
from traingauge.stats.classification.probabilities import (
    CALIBRATION_BINS,
    Probabilities,
    reduce_probabilities,
)

NEAR = {"rel": 1e-12, "abs": 1e-12}


@st.composite
def weights(draw, rows):
    """``None``, or weights that are not all 0."""
    weight = draw(st.none() | hnp.arrays(np.float64, rows, elements=st.sampled_from([0.0, 0.3, 1.0, 2.5])))
    if weight is not None:
        weight[draw(st.integers(0, rows - 1))] = 1.0
    return weight


ANY_NUMBER = st.integers(2, 12)


@st.composite
def of_classes(draw, classes=ANY_NUMBER):
    rows, columns = draw(st.integers(1, 20)), draw(classes)
    true = draw(hnp.arrays(np.uint8, rows, elements=st.integers(0, columns - 1)))
    logits = draw(hnp.arrays(np.float64, (rows, columns), elements=st.floats(-12, 12)))
    return true, logits, draw(weights(rows))


@st.composite
def of_events(draw):
    rows, columns = draw(st.integers(1, 20)), draw(st.integers(1, 4))
    happened = draw(hnp.arrays(np.bool_, (rows, columns)))
    logits = draw(hnp.arrays(np.float64, (rows, columns), elements=st.floats(-12, 12)))
    return happened, logits, draw(weights(rows))


@given(of_classes(), st.booleans())
def test_log_loss_of_classes_equals_scikit_learns(drawn, logits):
    true, scores, weight = drawn
    probability = special.softmax(scores, axis=1)
    sums = reduce_probabilities(
        [Probabilities(true, scores if logits else probability, weight)], logits=logits
    )
    labels = np.arange(scores.shape[1])
    expected = metrics.log_loss(true, probability, labels=labels, sample_weight=weight)
    assert probabilities.log_loss(sums) == pytest.approx(expected, **NEAR)


@given(of_classes(), st.booleans())
def test_brier_score_of_classes_equals_scikit_learns(drawn, logits):
    true, scores, weight = drawn
    probability = special.softmax(scores, axis=1)
    sums = reduce_probabilities(
        [Probabilities(true, scores if logits else probability, weight)], logits=logits
    )
    expected = metrics.brier_score_loss(
        true, probability, labels=np.arange(scores.shape[1]), sample_weight=weight, scale_by_half=False
    )
    assert probabilities.brier_score(sums) == pytest.approx(expected, **NEAR)


@given(of_events(), st.booleans())
def test_multi_label_scores_are_the_mean_over_columns(drawn, logits):
    happened, scores, weight = drawn
    probability = special.expit(scores)
    sums = reduce_probabilities(
        [Probabilities(happened, scores if logits else probability, weight)], logits=logits
    )
    columns = range(scores.shape[1])
    losses = [
        metrics.log_loss(happened[:, at], probability[:, at], labels=[False, True], sample_weight=weight)
        for at in columns
    ]
    lost = 1e-9 if logits else 1e-12  # by scikit-learn, which takes the log of a rounded 1 - p
    assert probabilities.log_loss(sums) == pytest.approx(np.mean(losses), rel=lost, abs=1e-12)
    briers = [np.average((probability[:, at] - happened[:, at]) ** 2, weights=weight) for at in columns]
    assert probabilities.brier_score(sums) == pytest.approx(np.mean(briers), **NEAR)


@given(of_classes(classes=st.integers(6, 12)), st.booleans())
def test_top_k_accuracy_equals_scikit_learns_with_and_without_ties(drawn, tied):
    true, scores, weight = drawn
    scores = np.round(scores / 6) if tied else scores
    sums = reduce_probabilities([Probabilities(true, scores, weight)], logits=True)
    labels = np.arange(scores.shape[1])
    expected = metrics.top_k_accuracy_score(true, scores, k=5, labels=labels, sample_weight=weight)
    assert probabilities.top_k_accuracy(sums) == pytest.approx(expected, **NEAR)


def test_many_classes_have_a_top_k_accuracy_and_no_other_score():
    scores = np.random.default_rng(0).random((50, 101))
    true = np.arange(50, dtype=np.uint8)
    sums = reduce_probabilities([Probabilities(true, scores, None)], logits=False)
    expected = metrics.top_k_accuracy_score(true, scores, k=5, labels=np.arange(101))
    assert probabilities.top_k_accuracy(sums) == pytest.approx(expected, **NEAR)
    assert sums.calibration is None
    assert np.isnan(probabilities.calibration_error(sums))


@given(of_classes())
def test_the_calibration_error_compares_confidence_with_accuracy(drawn):
    true, scores, weight = drawn
    probability = special.softmax(scores, axis=1)
    sums = reduce_probabilities([Probabilities(true, probability, weight)], logits=False)
    weights = np.ones(len(true)) if weight is None else weight
    confidence, right = probability.max(axis=1), probability.argmax(axis=1) == true
    expected = 0.0
    for at in range(CALIBRATION_BINS):
        last = at == CALIBRATION_BINS - 1
        scaled = confidence * CALIBRATION_BINS
        inside = (scaled >= at) & ((scaled < at + 1) | last)
        if weights[inside].any():
            share = weights[inside].sum() / weights.sum()
            gap = np.average(confidence[inside], weights=weights[inside]) - np.average(
                right[inside], weights=weights[inside]
            )
            expected += share * abs(gap)
    assert probabilities.calibration_error(sums) == pytest.approx(expected, **NEAR)


def test_calibrated_probabilities_have_a_small_calibration_error():
    random = np.random.default_rng(0)
    probability = random.random((50_000, 1))
    happened = random.random((50_000, 1)) < probability
    assert (
        probabilities.calibration_error(
            reduce_probabilities([Probabilities(happened, probability, None)], logits=False)
        )
        < 0.01
    )
    sure = np.where(probability > 0.5, 0.99, 0.01)
    assert (
        probabilities.calibration_error(
            reduce_probabilities([Probabilities(happened, sure, None)], logits=False)
        )
        > 0.2
    )


@given(of_classes(classes=st.just(4)), st.integers(0, 20))
def test_sums_of_parts_add_up_to_those_of_the_whole(drawn, cut):
    true, scores, weight = drawn
    whole = reduce_probabilities([Probabilities(true, scores, weight)], logits=True)
    parts = [
        Probabilities(true[at], scores[at], None if weight is None else weight[at])
        for at in (slice(cut), slice(cut, None))
        if len(true[at])
    ]
    for split in (parts, [reduce_probabilities([part], logits=True) for part in parts]):
        total = reduce_probabilities(split, logits=True)
        for name in ("weight", "log_loss", "brier", "calibration", "histogram"):
            np.testing.assert_allclose(getattr(total, name), getattr(whole, name), rtol=1e-12, atol=1e-12)


def test_one_versus_rest_areas_equal_scikit_learns():
    random = np.random.default_rng(0)
    true = random.integers(0, 4, 3000).astype(np.uint8)
    scores = random.normal(size=(3000, 4)) + 1.5 * np.eye(4)[true]
    sums = reduce_probabilities([Probabilities(true, scores, None)], logits=True)
    expected = metrics.roc_auc_score(true, special.softmax(scores, axis=1), multi_class="ovr", average=None)
    for counts, area in zip(sums.histogram, expected, strict=True):
        assert abs(histograms.roc_auc(counts) - area) <= histograms.roc_auc_error(counts) + 1e-12
        assert histograms.roc_auc(counts) == pytest.approx(area, abs=3e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_log_loss_of_probabilities_0_and_1_equals_scikit_learns(dtype):
    probability = np.array([[1.0], [0.0]], dtype)
    sums = reduce_probabilities([Probabilities(np.array([[False], [True]]), probability, None)], logits=False)
    expected = metrics.log_loss([0, 1], probability[:, 0])
    assert probabilities.log_loss(sums) == pytest.approx(expected, rel=1e-6)


def test_extreme_logits_do_not_overflow():
    scores = np.array([[1e4], [-1e4], [710.0]])
    sums = reduce_probabilities(
        [Probabilities(np.array([[False], [True], [True]]), scores, None)], logits=True
    )
    assert probabilities.log_loss(sums) == pytest.approx(2e4 / 3)
    sums = reduce_probabilities([Probabilities(np.array([0]), np.array([[-1e4, 1e4]]), None)], logits=True)
    assert probabilities.log_loss(sums) == pytest.approx(2e4)


def test_without_a_step_there_are_no_sums():
    assert reduce_probabilities([], logits=False) is None


@pytest.mark.parametrize(
    "score", [probabilities.log_loss, probabilities.brier_score, probabilities.calibration_error]
)
@pytest.mark.parametrize("true", [np.array([0, 1]), np.array([[True], [False]])])
def test_every_score_is_nan_without_weight(score, true):
    columns = 3 if true.ndim == 1 else 1
    step = Probabilities(true, np.full((2, columns), 1 / columns), np.zeros(2))
    assert np.isnan(score(reduce_probabilities([step], logits=False)))
