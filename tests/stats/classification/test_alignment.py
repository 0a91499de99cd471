"""Alignment of labels and predictions."""

from __future__ import annotations

import numpy as np
import pytest

from traingauge.errors import InvalidArgumentError, InvalidTypeError, ShapeError
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
    how = align(np.zeros(true), np.zeros(predicted), task)
    assert (how.true, how.predicted) == rows


def test_every_position_of_class_codes_is_a_sample():
    codes = np.array([[0, 1, 2], [2, 1, 0]])
    assert align(codes, codes, None).true == (6,)


@pytest.mark.parametrize(
    ("true", "predicted", "says"),
    [
        ((4,), (5,), "y_true has 4 samples and y_pred 5"),
        ((), (4,), "axis of samples"),
        ((4, 5), (4, 3), r"\(4, 5\) and y_pred \(4, 3\)"),
        ((4, 6, 7), (4, 6, 3, 7), "the last or the second"),
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


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_non_finite_weights_raise(wrong):
    with pytest.raises(InvalidArgumentError, match="sample_weight holds"):
        spread(np.array([1.0, wrong]), 2, 2, (2,))


def test_classes_on_the_second_axis_are_found_as_pytorch_has_them():
    codes = np.random.default_rng(0).integers(0, 3, (4, 6, 7))
    logits = np.moveaxis(np.eye(3)[codes], -1, 1)
    how = align(codes, logits, None)
    np.testing.assert_array_equal(how.of_predicted(logits).argmax(axis=1), how.of_true(codes))


def test_one_hot_labels_show_that_their_classes_are_in_front():
    codes = np.random.default_rng(0).integers(0, 3, (4, 6, 7))
    one_hot = np.moveaxis(np.eye(3)[codes], -1, 1)
    how = align(one_hot, one_hot, None)
    np.testing.assert_array_equal(how.of_true(one_hot).argmax(axis=1), codes.ravel())


@pytest.mark.parametrize(
    ("true", "predicted"),
    [((4, 1, 6, 7), (4, 1, 6, 7)), ((4, 6, 7), (4, 1, 6, 7)), ((4, 1, 6, 7), (4, 6, 7)), ((4, 5), (4, 1, 5))],
)
def test_each_pixel_of_images_with_one_channel_in_front_is_a_sample(true, predicted):
    how = align(np.zeros(true), np.zeros(predicted), None)
    assert how.true == how.predicted == (np.prod(true),)


def test_labels_with_one_channel_fit_the_scores_of_their_classes():
    assert align(np.zeros((4, 1, 6, 7)), np.zeros((4, 3, 6, 7)), None).predicted == (168, 3)


def test_two_axes_that_may_both_hold_the_classes_raise_with_what_to_pass():
    with pytest.raises(InvalidArgumentError, match=r"reshape\(-1, 10\)"):
        align(np.zeros((8, 10)), np.zeros((8, 10, 10)), None)


@pytest.mark.parametrize("axis", [1, -1])
def test_probabilities_or_earlier_steps_show_which_of_two_axes_holds_the_classes(axis):
    scores = np.random.default_rng(0).random((8, 10, 10))
    probabilities = scores / scores.sum(axis=axis, keepdims=True)
    true = np.zeros((8, 10))
    assert align(true, probabilities, None).move_predicted == (axis == 1)
    assert align(true, scores, None, axis).move_predicted == (axis == 1)


@pytest.mark.parametrize("wrong", [["heavy", "light"], ["1.0", "2.0"]])
def test_weights_that_are_text_are_refused(wrong):
    with pytest.raises(InvalidTypeError, match="sample_weight holds text such as"):
        spread(np.array(wrong), 2, 2, (2,))
