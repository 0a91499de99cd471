"""Alignment of labels and predictions."""

from __future__ import annotations

import numpy as np
import pytest

from traingauge.errors import InvalidArgumentError, ShapeError
from traingauge.stats.classification.alignment import align, spread


@pytest.mark.parametrize(
    ("true", "predicted", "task", "rows"),
    [
        ((4,), (4,), None, ((4,), (4,))),
        ((4, 1), (4, 1), None, ((4,), (4,))),
        ((4,), (4, 3), None, ((4,), (4, 3))),
        ((4, 1), (4, 3), None, ((4,), (4, 3))),
        ((4, 3), (4, 3), None, ((4, 3), (4, 3))),
        ((4, 3), (4,), None, ((4, 3), (4,))),
        ((4, 5), (4, 5, 3), None, ((20,), (20, 3))),
        ((4, 1), (4, 1, 3), None, ((4,), (4, 3))),
        ((4, 5, 6), (4, 5, 6, 3), None, ((120,), (120, 3))),
        ((4, 5, 3), (4, 5, 3), None, ((20, 3), (20, 3))),
        ((4, 5, 6), (4, 5, 6), "binary", ((120,), (120,))),
        ((4, 5, 6, 1), (4, 5, 6, 1), "binary", ((120,), (120,))),
        ((0,), (0, 3), None, ((0,), (0, 3))),
        ((1, 1), (1, 1), None, ((1,), (1,))),
    ],
)
def test_every_form_is_aligned_to_rows(true, predicted, task, rows):
    aligned = align(np.zeros(true), np.zeros(predicted), task)
    assert tuple(array.shape for array in aligned) == rows


def test_every_position_of_class_codes_is_a_sample():
    codes = np.array([[0, 1, 2], [2, 1, 0]])
    assert align(codes, codes, None)[0].shape == (6,)


@pytest.mark.parametrize(
    ("true", "predicted", "says"),
    [
        ((4,), (5,), "y_true has 4 samples and y_pred 5"),
        ((), (4,), "axis of samples"),
        ((4, 5), (4, 3), r"\(4, 5\) and y_pred \(4, 3\)"),
        ((4, 6, 7), (4, 3, 6, 7), "movedim"),
        ((4,), (4, 2, 3), "one more axis"),
    ],
)
def test_incompatible_shapes_raise_with_both_shapes(true, predicted, says):
    with pytest.raises(ShapeError, match=says):
        align(np.zeros(true), np.zeros(predicted), None)


def test_the_weight_of_a_sample_applies_to_each_of_its_positions():
    assert spread(np.array([1, 2]), 2, 6, (2, 3)).tolist() == [1, 1, 1, 2, 2, 2]
    assert spread(np.array([[1, 2], [3, 4]]), 2, 4, (2, 2)).tolist() == [1, 2, 3, 4]
    assert spread(np.array([[1], [2]]), 2, 2, (2,)).tolist() == [1, 2]


@pytest.mark.parametrize("weight", [[1.0], [1.0, 2.0, 3.0], []])
def test_weights_of_another_length_raise(weight):
    with pytest.raises(ShapeError, match="sample_weight"):
        spread(np.array(weight), 2, 2, (2,))


@pytest.mark.parametrize("wrong", [-1.0, np.nan, np.inf])
def test_negative_and_non_finite_weights_raise(wrong):
    with pytest.raises(InvalidArgumentError, match="sample_weight holds"):
        spread(np.array([1.0, wrong]), 2, 2, (2,))
