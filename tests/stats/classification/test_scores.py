"""Scores over counts equal scikit-learn's."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import metrics

from traingauge.stats.classification import scores
from traingauge.stats.classification.counts import (
    CONFUSION_CLASSES,
    count_indicators,
    count_labels,
    sum_counts,
)
from traingauge.stats.classification.scores import AVERAGES, averaged

NEAR = {"rel": 1e-12, "abs": 1e-12, "nan_ok": True}
WEIGHTS = st.sampled_from([0.0, 0.3, 1.0, 2.5])
SCORES = {"precision": metrics.precision_score, "recall": metrics.recall_score, "f1": metrics.f1_score}


@st.composite
def single_label(draw, numbers=(2, 3, 5, CONFUSION_CLASSES + 1)):
    """Number of classes, true and predicted codes, weights; classes may be absent, and every prediction wrong."""
    classes = draw(st.sampled_from(numbers))
    rows = draw(st.integers(1, 25))
    labels = hnp.arrays(np.intp, rows, elements=st.integers(0, classes - 1))
    return (
        classes,
        draw(labels),
        draw(labels),
        draw(st.none() | hnp.arrays(np.float64, rows, elements=WEIGHTS)),
    )


@st.composite
def many_labels(draw):
    rows, classes = draw(st.integers(1, 12)), draw(st.integers(2, 5))
    bits = hnp.arrays(np.bool_, (rows, classes))
    return draw(bits), draw(bits), draw(st.none() | hnp.arrays(np.float64, rows, elements=WEIGHTS))


def expected(score, labels, weight, average, classes):
    """scikit-learn's, with an undefined score of a class NaN and left out of the average; all NaN without weight."""
    true, predicted = labels
    if weight is not None and not weight.sum():
        return np.nan if average else [np.nan] * classes
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", metrics._classification.UndefinedMetricWarning)
        return score(
            true,
            predicted,
            labels=None if average == "binary" else np.arange(classes),
            average=average,
            sample_weight=weight,
            zero_division=np.nan,
        )


def no_weight_where_defined(score, counts):
    """The weighted average has only classes without samples left: scikit-learn then takes their plain mean."""
    return counts.support[~np.isnan(score(counts))].sum() == 0


@pytest.mark.parametrize("name", SCORES)
@given(drawn=single_label(), average=st.sampled_from([None, "macro", "weighted", "micro"]))
def test_scores_of_single_labels_equal_scikit_learns(name, drawn, average):
    classes, true, predicted, weight = drawn
    counts = count_labels(true, predicted, classes, weight)
    score = getattr(scores, name)
    reference = expected(SCORES[name], (true, predicted), weight, average, classes)
    if average is None:
        assert score(counts) == pytest.approx(reference, **NEAR)
    elif average == "weighted" and no_weight_where_defined(score, counts):
        assert np.isnan(averaged(score, counts, average))
    else:
        assert averaged(score, counts, average) == pytest.approx(reference, **NEAR)


@pytest.mark.parametrize("name", SCORES)
@given(drawn=single_label([2]))
def test_binary_scores_equal_scikit_learns(name, drawn):
    classes, true, predicted, weight = drawn
    counts = count_labels(true, predicted, classes, weight)
    reference = expected(SCORES[name], (true, predicted), weight, "binary", classes)
    assert averaged(getattr(scores, name), counts, "binary") == pytest.approx(reference, **NEAR)


@pytest.mark.parametrize("name", SCORES)
@given(drawn=many_labels(), average=st.sampled_from([None, "macro", "weighted", "micro"]))
def test_multi_label_scores_equal_scikit_learns(name, drawn, average):
    true, predicted, weight = drawn
    counts = count_indicators(true, predicted, weight)
    score = getattr(scores, name)
    reference = expected(SCORES[name], (true, predicted), weight, average, true.shape[1])
    if average is None:
        assert score(counts) == pytest.approx(reference, **NEAR)
    elif average == "weighted" and no_weight_where_defined(score, counts):
        assert np.isnan(averaged(score, counts, average))
    else:
        assert averaged(score, counts, average) == pytest.approx(reference, **NEAR)


@given(single_label())
def test_accuracy_equals_scikit_learns(drawn):
    classes, true, predicted, weight = drawn
    value = scores.accuracy(count_labels(true, predicted, classes, weight))
    if weight is not None and not weight.sum():
        assert np.isnan(value)
    else:
        assert value == pytest.approx(metrics.accuracy_score(true, predicted, sample_weight=weight), **NEAR)


@given(many_labels())
def test_multi_label_accuracy_requires_all_labels_as_in_scikit_learn(drawn):
    true, predicted, weight = drawn
    value = scores.accuracy(count_indicators(true, predicted, weight))
    if weight is not None and not weight.sum():
        assert np.isnan(value)
    else:
        assert value == pytest.approx(metrics.accuracy_score(true, predicted, sample_weight=weight), **NEAR)


@given(single_label())
def test_specificity_equals_that_of_scikit_learns_confusion_matrices(drawn):
    classes, true, predicted, weight = drawn
    values = scores.specificity(count_labels(true, predicted, classes, weight))
    counted = slice(None) if weight is None else weight > 0
    if not len(true[counted]):
        assert np.isnan(values).all()
        return
    matrices = metrics.multilabel_confusion_matrix(
        true, predicted, labels=range(classes), sample_weight=weight
    )
    for code, ((true_negatives, false_positives), _) in enumerate(matrices):
        if (true[counted] == code).all():
            assert np.isnan(values[code])
        else:
            assert values[code] == pytest.approx(true_negatives / (true_negatives + false_positives), **NEAR)


@given(drawn=single_label(), average=st.sampled_from(["macro", "weighted", "micro"]))
def test_averages_of_specificity_equal_those_of_scikit_learns_confusion_matrices(drawn, average):
    classes, true, predicted, weight = drawn
    counts = count_labels(true, predicted, classes, weight)
    value = averaged(scores.specificity, counts, average)
    if weight is not None and not weight.sum():
        assert np.isnan(value)
        return
    matrices = metrics.multilabel_confusion_matrix(
        true, predicted, labels=range(classes), sample_weight=weight
    )
    right, wrong = matrices[:, 0].T
    if average == "micro":
        assert value == pytest.approx(right.sum() / (right.sum() + wrong.sum()), **NEAR)
        return
    defined = right + wrong > 1e-9
    share = counts.support[defined] if average == "weighted" else np.ones(defined.sum())
    if not share.sum():
        assert np.isnan(value)
    else:
        expected = right[defined] / (right + wrong)[defined]
        assert value == pytest.approx(np.average(expected, weights=share), **NEAR)


@given(single_label())
def test_balanced_accuracy_equals_scikit_learns(drawn):
    classes, true, predicted, weight = drawn
    value = scores.balanced_accuracy(count_labels(true, predicted, classes, weight))
    if weight is not None and not weight.sum():
        assert np.isnan(value)
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reference = metrics.balanced_accuracy_score(true, predicted, sample_weight=weight)
    assert value == pytest.approx(reference, **NEAR)


@given(single_label())
def test_matthews_correlation_equals_scikit_learns_where_it_is_defined(drawn):
    classes, true, predicted, weight = drawn
    value = scores.matthews_correlation(count_labels(true, predicted, classes, weight))
    counted = slice(None) if weight is None else weight > 0
    if len(set(true[counted])) < 2 or len(set(predicted[counted])) < 2:
        assert np.isnan(value)
    else:
        assert value == pytest.approx(
            metrics.matthews_corrcoef(true, predicted, sample_weight=weight), **NEAR
        )


@given(single_label())
def test_cohen_kappa_equals_scikit_learns_where_it_is_defined(drawn):
    classes, true, predicted, weight = drawn
    value = scores.cohen_kappa(count_labels(true, predicted, classes, weight))
    counted = slice(None) if weight is None else weight > 0
    if len({*true[counted], *predicted[counted]}) < 2:
        assert np.isnan(value)
    else:
        assert value == pytest.approx(
            metrics.cohen_kappa_score(true, predicted, sample_weight=weight), **NEAR
        )


@given(single_label())
def test_the_confusion_matrix_equals_scikit_learns(drawn):
    classes, true, predicted, weight = drawn
    if weight is not None and not weight.sum():
        return
    counts = count_labels(true, predicted, classes, weight)
    matrix = metrics.confusion_matrix(true, predicted, labels=range(classes), sample_weight=weight)
    if classes <= CONFUSION_CLASSES:
        np.testing.assert_allclose(counts.confusion, matrix, rtol=1e-12)
    else:
        assert counts.confusion is None
    np.testing.assert_allclose(counts.true_positives, matrix.diagonal(), rtol=1e-12)
    np.testing.assert_allclose(counts.support, matrix.sum(axis=1), rtol=1e-12)
    np.testing.assert_allclose(counts.predicted, matrix.sum(axis=0), rtol=1e-12)


@given(single_label(), st.integers(0, 25))
def test_counts_of_parts_add_up_to_those_of_the_whole(drawn, cut):
    classes, true, predicted, _ = drawn
    whole = count_labels(true, predicted, classes)
    parts = [
        count_labels(true[:cut], predicted[:cut], classes),
        count_labels(true[cut:], predicted[cut:], classes),
    ]
    total = sum_counts(parts, classes)
    for name in ("true_positives", "support", "predicted", "correct", "total", "confusion"):
        np.testing.assert_array_equal(getattr(total, name), getattr(whole, name))


def test_widening_keeps_the_counts():
    counts = count_labels(np.array([0, 1]), np.array([1, 1]), 2).widened(4)
    assert counts.support.tolist() == [1, 1, 0, 0]
    assert counts.confusion.shape == (4, 4)
    assert count_labels(np.array([0]), np.array([0]), 2).widened(CONFUSION_CLASSES + 1).confusion is None


def test_every_score_is_nan_without_samples():
    counts = count_labels(np.zeros(0, int), np.zeros(0, int), 3)
    for score in (scores.accuracy, scores.balanced_accuracy, scores.matthews_correlation, scores.cohen_kappa):
        assert np.isnan(score(counts))
    for score in (scores.precision, scores.recall, scores.f1, scores.specificity):
        assert all(np.isnan(averaged(score, counts, average)) for average in AVERAGES)
