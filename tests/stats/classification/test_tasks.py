"""The task is inferred, or must be given."""

from __future__ import annotations

import numpy as np
import pytest

from traingauge.errors import InvalidArgumentError
from traingauge.stats.classification.tasks import find_task

LABELS = np.array([0, 1, 2, 1])
BITS = np.array([0, 1, 1, 0])
PROBABILITIES = np.array([0.1, 0.9, 0.6, 0.4])
QUANTITIES = np.array([21.6, 34.7, 18.0, 22.4])
SOFTMAX = np.array([[0.2, 0.3, 0.5], [0.1, 0.8, 0.1], [0.4, 0.3, 0.3], [0.0, 0.0, 1.0]])
ONE_HOT = np.eye(3)[LABELS]
MANY_HOT = np.array([[1, 1, 0], [0, 0, 0], [0, 1, 0], [1, 1, 1]])


@pytest.mark.parametrize(
    ("true", "predicted", "task"),
    [
        (LABELS, SOFTMAX, "multiclass"),
        (BITS, SOFTMAX[:, :2], "binary"),
        (LABELS, LABELS, "multiclass"),
        (BITS, LABELS, "multiclass"),
        (BITS, BITS, "binary"),
        (BITS.astype(bool), BITS, "binary"),
        (BITS, PROBABILITIES, "binary"),
        (BITS.astype(np.float32), QUANTITIES, "binary"),
        (BITS.astype(bool), PROBABILITIES, "binary"),
        (np.array(["a", "b", "a", "a"]), np.array(["a", "a", "a", "b"]), "multiclass"),
        (QUANTITIES, PROBABILITIES, "regression"),
        (np.round(QUANTITIES), QUANTITIES, "regression"),
        (ONE_HOT, SOFTMAX, "multiclass"),
        (ONE_HOT, LABELS, "multiclass"),
        (np.eye(2)[BITS], np.stack([1 - PROBABILITIES, PROBABILITIES], axis=1), "binary"),
        (MANY_HOT, SOFTMAX, "multilabel"),
        (MANY_HOT, MANY_HOT, "multilabel"),
        (0.9 * ONE_HOT + 0.1 / 3, SOFTMAX, "multiclass"),
        (QUANTITIES.reshape(2, 2), QUANTITIES.reshape(2, 2), "regression"),
    ],
)
def test_the_task_follows_from_shapes_and_values(true, predicted, task):
    assert find_task(true, predicted) == task


@pytest.mark.parametrize(
    ("true", "predicted", "fits"),
    [
        (LABELS, QUANTITIES, "task='regression'"),
        (LABELS.astype(float), LABELS.astype(float), "task='regression'"),
        (ONE_HOT, SOFTMAX * 5 - 2, "task='multiclass'"),
        (MANY_HOT * 7, SOFTMAX, "task='regression'"),
    ],
)
def test_an_ambiguous_task_raises_with_what_to_pass(true, predicted, fits):
    with pytest.raises(InvalidArgumentError, match=fits):
        find_task(true, predicted)


def test_given_classes_decide_the_task():
    assert find_task(BITS, BITS, 3) == "multiclass"
    assert find_task(np.array(["no", "yes"]), np.array([0.1, 0.9]), 2) == "binary"


@pytest.mark.parametrize("empty", [np.array([]), np.array([np.nan])])
def test_no_finite_values_give_no_task(empty):
    assert find_task(empty, empty) is None
    assert find_task(np.zeros((0, 3)), np.zeros((0, 3))) is None


def test_non_finite_values_are_ignored():
    assert find_task(BITS, np.array([0.2, np.nan, np.inf, 0.4])) == "binary"
    assert find_task(np.array([1.5, np.nan]), np.array([1.5, 2.5])) == "regression"
