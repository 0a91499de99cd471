"""What features a table has, and its values as numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from traingauge.errors import InvalidArgumentError, InvalidTypeError, UnknownNameError
from traingauge.reference.schema import MAX_CATEGORIES, Schema, learn

FRAME = pd.DataFrame(
    {
        "size": pd.array([1, None, 3], dtype="Int64"),
        "new": [True, None, False],
        "colour": ["red", None, "blue"],
        "grade": pd.Categorical(["b", "a", None]),
    }
)


def test_text_and_pandas_categories_are_categories_and_all_else_is_numbers():
    assert learn(FRAME, None, ()).categories == (None, None, ("blue", "red"), ("a", "b"))


def test_what_is_absent_is_missing_in_every_kind_of_column():
    nan = np.nan
    expected = [[1, 1, 1, 1], [nan, nan, nan, 0], [3, 0, 0, nan]]
    np.testing.assert_array_equal(learn(FRAME, None, ()).encode(FRAME), expected)


def test_an_unseen_category_comes_after_all_others():
    schema = learn(FRAME, None, ())
    other = FRAME.assign(colour=["green", "red", "green"])
    np.testing.assert_array_equal(schema.encode(other)[:, 2], [2, 1, 2])


@pytest.mark.parametrize("values", [[[3], [7], [3]], [[3.0], [7.0], [3.0]], [["3"], ["7"], ["3"]]])
def test_a_category_is_the_same_as_a_number_and_as_text(values):
    schema = learn([[3], [7]], None, ["f0"])
    np.testing.assert_array_equal(schema.encode(values), [[0], [1], [0]])


def test_an_array_of_text_is_categories():
    schema = learn([["a", "x"], ["b", "x"]], None, ())
    np.testing.assert_array_equal(schema.encode(np.array([["b", "y"]])), [[1, 1]])


def test_text_among_numbers_is_refused():
    schema = learn([[1.0]], ["size"], ())
    with pytest.raises(
        InvalidTypeError, match=r"feature 'size' has dtype .*: the reference has numbers there"
    ):
        schema.encode([["x"]])


def test_an_identifier_is_refused():
    with pytest.raises(InvalidArgumentError, match=f"feature 'id' has {MAX_CATEGORIES + 1} categories"):
        learn([[str(number)] for number in range(MAX_CATEGORIES + 1)], ["id"], ())


def test_a_categorical_feature_has_to_exist():
    with pytest.raises(UnknownNameError, match="unknown categorical feature 'z'"):
        learn([[1.0]], ["a"], ["z"])


def test_schemas_join_their_vocabularies_and_rows_follow():
    one, two = Schema(("a", "b"), (("x", "z"), None)), Schema(("a", "b"), (("y", "z"), None))
    both = one | two
    assert both.categories == (("x", "y", "z"), None)
    rows = np.array([[0.0, 5.0], [1.0, 6.0], [np.nan, 7.0]])
    np.testing.assert_array_equal(one.recode(rows, both), [[0, 5], [2, 6], [np.nan, 7]])


def test_schemas_of_other_kinds_do_not_join():
    with pytest.raises(InvalidArgumentError, match="do not add up"):
        Schema(("a",), (("x",),)) | Schema(("a",), (None,))
