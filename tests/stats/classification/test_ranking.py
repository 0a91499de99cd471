"""ROC AUC and average precision are exact while scores are kept, and within their bounds beyond."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import special
from sklearn import metrics

from traingauge.stats.classification.probabilities import (
    SCORES_KEPT,
    Probabilities,
    reduce_probabilities,
)
from traingauge.stats.classification.ranking import rank

NEAR = {"rel": 1e-12, "abs": 1e-12}
AVERAGES = ("macro", "weighted", "micro")


def ranked(steps, average="binary", *, logits=False, keep=True):
    return rank(reduce_probabilities(steps, logits=logits, keep=keep), average)


def in_batches(true, scores, weight, size):
    """The same samples in steps of a size."""
    return [
        Probabilities(
            true[at : at + size], scores[at : at + size], None if weight is None else weight[at : at + size]
        )
        for at in range(0, len(true), size)
    ]


@st.composite
def scored(draw, columns):
    """Scores, many of them tied or at either end, weights that may be 0, and the size of a batch."""
    rows = draw(st.integers(2, 40))
    score = st.one_of(
        st.floats(0, 1), st.sampled_from([0.0, -0.0, 1e-9, 0.25, np.nextafter(0.25, 0), 0.5, 1 - 1e-9, 1.0])
    )
    scores = draw(hnp.arrays(np.float64, (rows, columns), elements=score))
    weight = draw(st.none() | hnp.arrays(np.float64, rows, elements=st.sampled_from([0.0, 0.3, 1.0, 2.5])))
    if weight is not None:
        weight[: columns + 1] = 1.0
    return scores, weight, draw(st.integers(1, rows))


@given(scored(1), st.data())
def test_both_areas_of_a_positive_class_equal_scikit_learns(drawn, data):
    scores, weight, size = drawn
    positive = data.draw(hnp.arrays(np.bool_, scores.shape))
    positive[:2, 0] = [False, True]
    found = ranked(in_batches(positive, scores, weight, size))
    area = metrics.roc_auc_score(positive, scores, sample_weight=weight)
    precision = metrics.average_precision_score(positive, scores, sample_weight=weight)
    assert found.roc_auc == pytest.approx(area, **NEAR)
    assert found.average_precision == pytest.approx(precision, **NEAR)
    assert (found.roc_auc_error, found.average_precision_error) == (0, 0)


@given(scored(3), st.sampled_from(AVERAGES), st.data())
def test_averages_over_classes_equal_scikit_learns(drawn, average, data):
    scores, weight, size = drawn
    true = data.draw(hnp.arrays(np.uint8, len(scores), elements=st.integers(0, 2)))
    true[:3] = np.arange(len(true[:3]))
    every = np.eye(3)[true]
    found = ranked(in_batches(true, scores, weight, size), average)
    present = every.any(axis=0)  # scikit-learn gives a class without samples the average precision 0
    if average != "micro":
        every, scores = every[:, present], scores[:, present]
    how = {"average": average, "sample_weight": weight}
    assert found.roc_auc == pytest.approx(metrics.roc_auc_score(every, scores, **how), **NEAR)
    assert found.average_precision == pytest.approx(
        metrics.average_precision_score(every, scores, **how), **NEAR
    )


@given(scored(4), st.sampled_from(AVERAGES), st.data())
def test_averages_over_labels_equal_scikit_learns(drawn, average, data):
    scores, weight, size = drawn
    happened = data.draw(hnp.arrays(np.bool_, scores.shape))
    happened[:2] = [[False], [True]]
    found = ranked(in_batches(happened, scores, weight, size), average)
    how = {"average": average, "sample_weight": weight}
    assert found.roc_auc == pytest.approx(metrics.roc_auc_score(happened, scores, **how), **NEAR)
    assert found.average_precision == pytest.approx(
        metrics.average_precision_score(happened, scores, **how), **NEAR
    )


def test_a_label_that_is_not_known_does_not_count():
    random = np.random.default_rng(0)
    happened, scores = random.random((50, 2)) < 0.5, random.random((50, 2))
    known = random.random((50, 2)) < 0.7
    found = ranked([Probabilities(happened, scores, known.astype(float))], "macro")
    areas = [metrics.roc_auc_score(happened[known[:, at], at], scores[known[:, at], at]) for at in (0, 1)]
    assert found.roc_auc == pytest.approx(np.mean(areas), **NEAR)


def test_an_area_is_undefined_where_only_one_class_occurred():
    scores = np.array([[0.2], [0.8]])
    of_positives = ranked([Probabilities(np.array([[True], [True]]), scores, None)])
    of_negatives = ranked([Probabilities(np.array([[False], [False]]), scores, None)])
    assert np.isnan([of_positives.roc_auc, of_positives.roc_auc_error]).all()
    assert of_positives.average_precision == 1
    assert np.isnan(of_negatives).all()


@pytest.mark.parametrize("weight", [None, np.ones(0)])
def test_areas_are_undefined_where_every_sample_was_left_out(weight):
    found = ranked([Probabilities(np.zeros((0, 1), np.bool_), np.zeros((0, 1)), weight)])
    assert np.isnan(found).all()


def test_classes_that_never_occurred_are_left_out_of_an_average():
    scores = np.array([[0.7, 0.2, 0.1], [0.4, 0.5, 0.1], [0.6, 0.3, 0.1]])
    found = ranked([Probabilities(np.array([0, 1, 1], np.uint8), scores, None)], "macro")
    areas = [metrics.roc_auc_score([1, 0, 0], scores[:, 0]), metrics.roc_auc_score([0, 1, 1], scores[:, 1])]
    assert found.roc_auc == pytest.approx(np.mean(areas), **NEAR)


def test_logits_too_large_for_different_probabilities_are_ranked_all_the_same():
    logits = np.array([[40.0], [50.0], [60.0]])
    found = ranked([Probabilities(np.array([[False], [True], [True]]), logits, None)], logits=True)
    assert found.roc_auc == 1


@pytest.mark.parametrize("average", AVERAGES)
def test_logits_of_classes_rank_as_their_probabilities_do(average):
    random = np.random.default_rng(0)
    true = random.integers(0, 4, 200).astype(np.uint8)
    logits = random.normal(0, 3, (200, 4))
    found = ranked(in_batches(true, logits, None, 64), average, logits=True)
    expected = metrics.roc_auc_score(np.eye(4)[true], special.softmax(logits, axis=1), average=average)
    assert found.roc_auc == pytest.approx(expected, **NEAR)


@pytest.mark.parametrize("rows", [SCORES_KEPT // 2, SCORES_KEPT // 2 + 1])
def test_more_scores_than_are_kept_are_binned_and_the_result_says_so(rows):
    random = np.random.default_rng(0)
    happened = random.random((rows, 2)) < 0.3
    scores = special.expit(random.normal(size=(rows, 2)) + happened)
    found = ranked(in_batches(happened, scores, None, 1000), "macro")
    area = metrics.roc_auc_score(happened, scores)
    precision = metrics.average_precision_score(happened, scores)
    exact = rows * 2 <= SCORES_KEPT
    assert (found.roc_auc_error == 0) == (found.average_precision_error == 0) == exact
    assert abs(found.roc_auc - area) <= found.roc_auc_error + 1e-12
    assert abs(found.average_precision - precision) <= found.average_precision_error + 1e-12
    assert found.roc_auc_error < 0.01
    assert found.average_precision_error < 0.02


@given(scored(3), st.sampled_from(AVERAGES), st.data())
def test_the_error_of_binned_averages_is_within_their_bounds(drawn, average, data):
    scores, weight, size = drawn
    happened = data.draw(hnp.arrays(np.bool_, scores.shape))
    happened[:2] = [[False], [True]]
    steps = in_batches(happened, scores, weight, size)
    exact, binned = ranked(steps, average), ranked(steps, average, keep=False)
    assert abs(exact.roc_auc - binned.roc_auc) <= binned.roc_auc_error + 1e-12
    assert abs(exact.average_precision - binned.average_precision) <= binned.average_precision_error + 1e-12


def test_a_step_that_was_reduced_early_leaves_a_window_binned():
    random = np.random.default_rng(0)
    happened, scores = random.random((40, 1)) < 0.5, random.random((40, 1))
    early = reduce_probabilities([Probabilities(happened, scores, None)], logits=False)
    both = ranked([early, Probabilities(happened, scores, None)])
    assert both.roc_auc_error > 0
    assert abs(both.roc_auc - metrics.roc_auc_score(happened, scores)) <= both.roc_auc_error


def test_more_classes_than_have_histograms_have_no_areas():
    scores = np.random.default_rng(0).random((30, 21))
    assert ranked([Probabilities(np.arange(30, dtype=np.uint8) % 21, scores, None)], "macro") is None
