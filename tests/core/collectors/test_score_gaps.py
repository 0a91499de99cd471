"""Labels that are masked, NaN or ignored are missing: they count for nothing, and take nothing else with them."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from traingauge import Scoring
from traingauge.core.collectors.scores import Scores
from traingauge.errors import InvalidTypeError
from traingauge.stats.arrays import as_array, as_scalar
from traingauge.stats.run_scores import Measured, run_scores

TRUE = np.array([[1, 0, 1], [0, 1, 0], [1, 1, 0], [0, 0, 1], [1, 0, 0]])
SCORES = np.array([[0.9, 0.2, 0.4], [0.1, 0.8, 0.7], [0.7, 0.3, 0.2], [0.6, 0.1, 0.9], [0.8, 0.6, 0.3]])
GAPS = np.array([[0, 0, 1], [0, 0, 1], [1, 1, 0], [0, 0, 0], [1, 1, 1]], bool)


def scored(*steps, **scoring):
    scores = Scores(Scoring(**scoring))
    encoded = [scores.encode(*step) for step in steps]
    scores.add_steps("train", encoded)
    return scores.current("train"), encoded


def gappy(kind):
    if kind == "nan":
        return np.where(GAPS, np.nan, TRUE)
    return np.ma.array(TRUE, mask=GAPS) if kind == "masked" else np.where(GAPS, -1, TRUE)


def by_label(score, true, values, known, weight=None):
    """The mean over labels of a score of the known cells."""
    columns = []
    for k in range(true.shape[1]):
        rows = known[:, k]
        columns.append(score(true[rows, k], values[rows, k], None if weight is None else weight[rows]))
    return np.mean(columns)


@pytest.mark.parametrize("kind", ["nan", "masked", "ignored"])
@pytest.mark.parametrize("weighted", [False, True])
def test_each_label_of_a_multi_label_row_is_scored_where_it_is_known(kind, weighted):
    weight = np.array([1.0, 2.0, 0.5, 1.5, 3.0]) if weighted else None
    current, (step,) = scored(
        (gappy(kind), SCORES, weight),
        task="multilabel",
        ignore_index=-1 if kind == "ignored" else None,
    )
    predicted, known = (SCORES > 0.5).astype(int), ~GAPS
    assert (step.samples, step.nonfinite) == (5, 0)
    for name, score in (("precision", sk.precision_score), ("recall", sk.recall_score), ("f1", sk.f1_score)):
        expected = by_label(
            lambda y, p, w, score=score: score(y, p, sample_weight=w), TRUE, predicted, known, weight
        )
        assert current[name] == pytest.approx(expected), name
    exact = np.array([bool((TRUE[i] == predicted[i])[known[i]].all()) for i in range(4)])
    assert current["accuracy"] == pytest.approx(
        np.average(exact, weights=None if weight is None else weight[:4])
    )
    cells = None if weight is None else np.broadcast_to(weight[:, np.newaxis], TRUE.shape)[known]
    assert current["log_loss"] == pytest.approx(sk.log_loss(TRUE[known], SCORES[known], sample_weight=cells))


def test_the_specificity_of_a_label_counts_the_samples_of_which_it_is_known():
    scores = Scores(Scoring(task="multilabel"))
    content = scores.encode(gappy("nan"), SCORES).content
    assert content.true_negatives.tolist() == [1, 2, 1]
    assert run_scores(Measured(content), "multilabel", "micro")["specificity"] == 4 / 5


def test_a_gap_in_0_and_1_shows_that_the_task_is_multi_label():
    current, _ = scored((gappy("nan"), SCORES))
    assert "balanced_accuracy" not in current
    assert current["accuracy"] == 0.75


def test_steps_with_and_without_gaps_add_up():
    current, _ = scored((gappy("masked"), SCORES), (TRUE, SCORES), task="multilabel")
    true, known = np.concatenate([TRUE, TRUE]), np.concatenate([~GAPS, np.ones_like(GAPS)])
    both = np.concatenate([SCORES, SCORES])
    expected = by_label(lambda y, p, w: sk.recall_score(y, p), true, (both > 0.5).astype(int), known)
    assert current["recall"] == pytest.approx(expected)
    assert current["log_loss"] == pytest.approx(sk.log_loss(true[known], both[known]))


@given(
    hnp.arrays(np.int64, (12, 4), elements=st.integers(0, 1)),
    hnp.arrays(np.float64, (12, 4), elements=st.integers(1, 99).map(lambda value: value / 100)),
    hnp.arrays(np.bool_, (12, 4)),
)
def test_known_cells_alone_decide_every_pooled_score(true, values, known):
    scores = Scores(Scoring(task="multilabel", average="micro"))
    scores.add_steps("train", [scores.encode(np.ma.array(true, mask=~known), values)])
    current = scores.current("train")
    predicted = (values > 0.5).astype(int)
    for name, score in (("precision", sk.precision_score), ("recall", sk.recall_score), ("f1", sk.f1_score)):
        expected = score(true[known], predicted[known], zero_division=np.nan) if known.any() else np.nan
        np.testing.assert_allclose(current[name], expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("true", "predicted"),
    [
        (np.ma.array([0, 1, 1, 1], mask=[0, 0, 1, 1]), [0, 1, 0, 0]),
        ([0, 1, 1, 1], np.ma.array([0, 1, 0, 0], mask=[0, 0, 1, 1])),
        (np.ma.array(["a", "b", "b", "b"], mask=[0, 0, 1, 1]), ["a", "b", "a", "a"]),
        (np.ma.array(["a", "b", "b", "b"], mask=[0, 0, 1, 1], dtype=object), ["a", "b", "a", "a"]),
        (np.ma.array([0, 1, 1, 1], mask=[0, 0, 1, 1]), [0.1, 0.9, 0.1, 0.1]),
        (np.ma.array([[0, 1], [1, 7]], mask=[[0, 0], [1, 1]]), [[0, 1], [0, 0]]),
        (
            np.ma.array(np.eye(2)[[0, 1, 1, 1]], mask=[[0, 0], [0, 0], [1, 1], [1, 1]]),
            np.eye(2)[[0, 1, 0, 0]],
        ),
        (np.ma.array([0, 1, 2], mask=False), [0, 1, 2]),
    ],
)
def test_masked_labels_and_predictions_are_missing(true, predicted):
    current, (step,) = scored((true, predicted))
    assert current["accuracy"] == 1.0
    assert step.nonfinite == 0


def test_masked_targets_of_a_regression_are_missing():
    current, _ = scored((np.ma.array([1.5, 2.0, 9.0], mask=[0, 0, 1]), [1.0, 2.0, 0.0]), task="regression")
    assert current["mean_absolute_error"] == 0.25


def test_masked_numbers_are_nan_in_an_array_and_nothing_alone():
    assert np.isnan(as_array(np.ma.array([1, 2], mask=[False, True]), "features")).tolist() == [False, True]
    assert as_array(np.ma.array([1, 2]), "features").dtype.kind == "i"
    assert as_scalar(np.ma.masked, "loss") is None
    assert as_scalar(np.ma.array([2.0]), "loss") == 2.0
    with pytest.raises(InvalidTypeError, match="masked"):
        as_array(np.ma.array(["a"], mask=True), "features")


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(-3, 5)), min_size=1, max_size=30))
def test_negative_weights_give_scikit_learns_scores(rows):
    true, predicted, weight = np.array(rows).T
    current, _ = scored((true, predicted, weight.astype(float)), task="multiclass", classes=3)
    if weight.sum():
        assert current["accuracy"] == pytest.approx(sk.accuracy_score(true, predicted, sample_weight=weight))
    for code in range(3):
        support = weight[true == code].sum()
        if support:
            expected = sk.recall_score(true, predicted, labels=[code], average=None, sample_weight=weight)
            current, _ = scored((true == code, predicted == code, weight.astype(float)), task="binary")
            assert current["recall"] == pytest.approx(expected[0])


def test_negative_weights_give_scikit_learns_errors_of_a_regression():
    true, predicted = np.array([1.0, 2.0, 4.0, 3.0]), np.array([1.5, 2.0, 3.0, 5.0])
    weight = np.array([2.0, -0.5, 3.0, 1.0])
    current, _ = scored((true, predicted, weight), task="regression")
    for name, score in (("mean_absolute_error", sk.mean_absolute_error), ("r2_score", sk.r2_score)):
        assert current[name] == pytest.approx(score(true, predicted, sample_weight=weight))


def test_masks_of_labels_and_predictions_both_leave_out():
    true = np.ma.array([0, 1, 1, 1], mask=[0, 0, 0, 1])
    current, (step,) = scored((true, np.ma.array([0.1, 0.9, 0.1, 0.1], mask=[0, 0, 1, 0])))
    assert current["accuracy"] == 1.0
    assert len(step.content.true) == 2


def test_a_label_that_is_not_known_takes_no_infinite_loss_from_its_prediction():
    scores = SCORES.copy()
    scores[0, 2] = -np.inf
    current, _ = scored((gappy("nan"), scores), task="multilabel", from_logits=True)
    assert np.isfinite(current["log_loss"])


def test_an_empty_batch_does_not_decide_what_labels_are():
    current, _ = scored(([], []), (["a", "b"], ["a", "a"]), task="multiclass")
    assert current["accuracy"] == 0.5
