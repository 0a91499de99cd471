"""The features of a table and their encoding."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from traingauge.errors import InvalidArgumentError, InvalidTypeError, UnknownNameError
from traingauge.reference.schema import MAX_CATEGORIES, Schema, learn_schema

FRAME = pd.DataFrame(
    {
        "size": pd.array([1, None, 3], dtype="Int64"),
        "new": [True, None, False],
        "colour": ["red", None, "blue"],
        "grade": pd.Categorical(["b", "a", None]),
    }
)


def test_text_and_pandas_categories_are_categorical_and_the_rest_numeric():
    assert learn_schema(FRAME, None, ()).categories == (None, None, ("blue", "red"), ("a", "b"))


def test_absent_values_are_nan_in_every_kind_of_column():
    nan = np.nan
    expected = [[1, 1, 1, 1], [nan, nan, nan, 0], [3, 0, 0, nan]]
    np.testing.assert_array_equal(learn_schema(FRAME, None, ()).encode(FRAME), expected)


def test_an_unseen_category_has_the_code_after_the_last():
    schema = learn_schema(FRAME, None, ())
    other = FRAME.assign(colour=["green", "red", "green"])
    np.testing.assert_array_equal(schema.encode(other)[:, 2], [2, 1, 2])


@pytest.mark.parametrize("values", [[[3], [7], [3]], [[3.0], [7.0], [3.0]], [["3"], ["7"], ["3"]]])
def test_a_category_has_the_same_code_as_a_number_and_as_text(values):
    schema = learn_schema([[3], [7]], None, ["f0"])
    np.testing.assert_array_equal(schema.encode(values), [[0], [1], [0]])


def test_an_array_of_text_is_categorical():
    schema = learn_schema([["a", "x"], ["b", "x"]], None, ())
    np.testing.assert_array_equal(schema.encode(np.array([["b", "y"]])), [[1, 1]])


def test_text_in_a_numeric_feature_raises():
    schema = learn_schema([[1.0]], ["size"], ())
    with pytest.raises(
        InvalidTypeError, match=r"feature 'size' has dtype .*: it is numeric in the reference"
    ):
        schema.encode([["x"]])


def test_a_feature_with_too_many_categories_raises():
    with pytest.raises(InvalidArgumentError, match=f"feature 'id' has {MAX_CATEGORIES + 1} categories"):
        learn_schema([[str(number)] for number in range(MAX_CATEGORIES + 1)], ["id"], ())


def test_an_unknown_categorical_feature_raises():
    with pytest.raises(UnknownNameError, match="unknown categorical feature 'z'"):
        learn_schema([[1.0]], ["a"], ["z"])


def test_joined_schemas_have_both_vocabularies_and_rows_are_recoded():
    one, two = Schema(("a", "b"), (("x", "z"), None)), Schema(("a", "b"), (("y", "z"), None))
    both = one | two
    assert both.categories == (("x", "y", "z"), None)
    rows = np.array([[0.0, 5.0], [1.0, 6.0], [np.nan, 7.0]])
    np.testing.assert_array_equal(one.recode(rows, both), [[0, 5], [2, 6], [np.nan, 7]])


def test_schemas_of_different_kinds_cannot_be_joined():
    with pytest.raises(
        InvalidArgumentError, match=r"feature 'a' holds text in one part .* categorical=\['a'\]"
    ):
        Schema(("a",), (("x",),)) | Schema(("a",), (None,))
