"""Class codes of labels."""

from __future__ import annotations

import numpy as np
import pytest

from traingauge.errors import InvalidArgumentError, InvalidTypeError, LabelError
from traingauge.stats.classification.classes import ClassSet


@pytest.mark.parametrize("dtype", ["i1", "i2", "i4", "i8", "u1", "u8", "f4", "f8", ">i4", "?"])
def test_integer_labels_of_every_dtype_are_their_own_codes(dtype):
    assert ClassSet(2).codes(np.array([0, 1, 1]).astype(dtype), "y_true").tolist() == [0, 1, 1]


def test_names_and_other_integers_have_codes_in_the_given_order():
    assert ClassSet(["no", "yes"]).codes(np.array(["yes", "no"]), "y_true").tolist() == [1, 0]
    assert ClassSet(["no", "yes"]).codes(np.array([1, 0]), "y_true").tolist() == [1, 0]
    assert ClassSet([-1, 1]).codes(np.array([1.0, -1.0]), "y_true").tolist() == [1, 0]


@pytest.mark.parametrize("wrong", [-1, 3, 300, -(2**40), 2**40])
def test_a_label_outside_the_given_classes_raises_with_value_and_classes(wrong):
    with pytest.raises(
        LabelError, match=rf"y_pred holds the label {wrong}: expected one of the 3 classes 0, 1, 2"
    ):
        ClassSet(3).codes(np.array([0, wrong, 1]), "y_pred")


@pytest.mark.parametrize("wrong", [0.5, -0.25])
def test_a_label_that_is_not_whole_raises(wrong):
    with pytest.raises(LabelError, match=f"label {wrong}"):
        ClassSet().codes(np.array([1.0, wrong]), "y_true")


def test_an_unknown_name_raises():
    with pytest.raises(LabelError, match="'maybe': expected one of the 2 classes no, yes"):
        ClassSet(["no", "yes"]).codes(np.array(["maybe"]), "y_true")


def test_classes_are_discovered_from_integers_and_from_names():
    classes = ClassSet()
    classes.codes(np.array([1]), "y_true")
    classes.codes(np.array([4, 0]), "y_true")
    assert classes.names == ("0", "1", "2", "3", "4")
    classes = ClassSet()
    assert classes.codes(np.array(["b", "a", "b"]), "y_true").tolist() == [0, 1, 0]
    assert classes.names == ("b", "a")


def test_a_huge_integer_label_is_not_discovered():
    with pytest.raises(LabelError, match="label 100000"):
        ClassSet().codes(np.array([100_000]), "y_true")
    with pytest.raises(LabelError, match="label -1"):
        ClassSet().codes(np.array([-1]), "y_true")


def test_integers_and_names_cannot_be_discovered_together():
    classes = ClassSet()
    classes.codes(np.array(["a"]), "y_true")
    with pytest.raises(LabelError, match="label 1"):
        classes.codes(np.array([1]), "y_pred")
    classes = ClassSet()
    classes.codes(np.array([1]), "y_true")
    with pytest.raises(LabelError, match="label 'a'"):
        classes.codes(np.array(["a"]), "y_pred")


def test_the_number_of_columns_fixes_the_number_of_classes():
    classes = ClassSet()
    classes.codes(np.array([2]), "y_true")
    classes.fix_count(5)
    assert len(classes) == 5
    with pytest.raises(LabelError, match="expected one of the 5 classes"):
        classes.codes(np.array([5]), "y_true")
    with pytest.raises(LabelError, match="predictions have 4 classes, but 5 are known"):
        classes.fix_count(4)


def test_codes_have_the_smallest_dtype_that_fits():
    assert ClassSet(256).codes(np.array([255]), "y_true").dtype == np.uint8
    assert ClassSet(257).codes(np.array([255]), "y_true").dtype == np.uint16
    assert ClassSet(70_000).codes(np.array([69_999]), "y_true").tolist() == [69_999]


@pytest.mark.parametrize(
    ("classes", "error"),
    [
        (0, InvalidArgumentError),
        ([], InvalidArgumentError),
        (["a", "a"], InvalidArgumentError),
        (["a", 1], InvalidTypeError),
    ],
)
def test_invalid_classes_raise(classes, error):
    with pytest.raises(error):
        ClassSet(classes)
