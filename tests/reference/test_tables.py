"""Conversion of user input to tables."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse

from traingauge.errors import InvalidArgumentError, InvalidTypeError, ReferenceMismatchError, ShapeError
from traingauge.reference.tables import (
    as_columns,
    as_target_column,
    column_differences,
    split_batch,
    table_names,
)


def test_images_are_flattened():
    assert as_columns(np.zeros((5, 4, 4, 3)), None).shape == (5, 48)


def test_an_empty_batch_keeps_its_features():
    assert as_columns(np.zeros((0, 4, 4)), None).shape == (0, 16)


def test_one_dimension_is_one_feature():
    assert as_columns([1.0, 2.0], None).shape == (2, 1)


def test_columns_are_ordered_by_the_expected_names():
    frame = pd.DataFrame({"b": [1.0], "a": [2.0]})
    np.testing.assert_array_equal(as_columns(frame, ["a", "b"]), [[2.0, 1.0]])


def test_numeric_columns_become_an_array_and_mixed_ones_a_list():
    assert as_columns(pd.DataFrame({"a": [1], "b": [2.5]}), None).dtype == np.float64
    mixed = as_columns(pd.DataFrame({"a": [1], "b": ["x"]}), None)
    assert [column.tolist() for column in mixed] == [[1], ["x"]]


def test_pandas_categories_become_text():
    frame = pd.DataFrame({"a": pd.Categorical([1, 2, None])})
    assert [column.tolist() for column in as_columns(frame, None)] == [["1", "2", None]]
    assert [column.tolist() for column in as_columns(frame[:2], None)] == [["1", "2"]]


def test_dates_raise():
    with pytest.raises(InvalidTypeError, match="feature 'when' has dtype datetime64"):
        as_columns(pd.DataFrame({"when": pd.to_datetime(["2020-01-01"])}), None)


def test_absent_columns_are_nan_and_extra_ones_are_left_out():
    frame = pd.DataFrame({"b": [1.0], "c": [2.0]})
    np.testing.assert_array_equal(as_columns(frame, ["a", "b"]), [[np.nan, 1.0]])
    assert column_differences(frame, ["a", "b"]) == (("a",), ("c",))


def test_columns_in_another_order_do_not_differ():
    assert column_differences(pd.DataFrame({"b": [1.0], "a": [2.0]}), ["a", "b"]) == ((), ())
    assert column_differences(np.zeros((2, 2)), ["a", "b"]) == ((), ())


def test_a_table_with_none_of_the_columns_raises():
    with pytest.raises(ReferenceMismatchError, match=r"it has 'c', the reference has 'a', 'b'"):
        as_columns(pd.DataFrame({"c": [2.0]}), ["a", "b"])


def test_a_batch_is_features_or_a_tuple_with_labels_second():
    features, labels = np.zeros((2, 3)), np.ones(2)
    assert split_batch((features, labels)) == (features, labels)
    assert split_batch((features,)) == (features, None)
    assert split_batch([[0.0], [1.0]]) == ([[0.0], [1.0]], None)


def test_a_list_of_tensors_is_split_like_a_tuple():
    class Tensor:
        def detach(self): ...

    features, labels = Tensor(), Tensor()
    assert split_batch([features, labels]) == (features, labels)


def test_another_number_of_features_raises_with_both():
    with pytest.raises(
        ReferenceMismatchError, match=r"shape \(2, 3\), 3 per sample: the reference has 2 \('a', 'b'\)"
    ):
        as_columns(np.zeros((2, 3)), ["a", "b"])


def test_a_single_number_raises():
    with pytest.raises(ShapeError, match="single number"):
        as_columns(1.0, None)


def test_objects_raise():
    with pytest.raises(InvalidTypeError):
        as_columns([[object()]], None)


def test_names_are_given_or_the_columns_or_numbered():
    frame = pd.DataFrame({"a": [1.0], 7: [2.0]})
    assert table_names(frame, ["x", "y"], 2) == ("x", "y")
    assert table_names(frame, None, 2) == ("a", "7")
    assert table_names(np.zeros((1, 2)), None, 2) == ("f0", "f1")


def test_every_feature_needs_one_unique_name():
    with pytest.raises(ShapeError, match="1 feature names for 2 features"):
        table_names(None, ["x"], 2)
    with pytest.raises(InvalidArgumentError, match="'x' more than once"):
        table_names(None, ["x", "x"], 2)


def test_scores_of_classes_become_the_class_with_the_highest():
    np.testing.assert_array_equal(as_target_column([[0.2, 0.8], [0.9, 0.1]], "y_pred"), [[1], [0]])


def test_one_dimension_is_a_column():
    np.testing.assert_array_equal(as_target_column([0.2, 0.9], "y_pred"), [[0.2], [0.9]])
    with pytest.raises(ShapeError, match="y_pred has shape"):
        as_target_column(np.zeros((2, 2, 2)), "y_pred")


def test_columns_of_polars_have_their_names_numbers_and_text():
    table = pl.DataFrame(
        {
            "size": [1, None, 3],
            "grade": pl.Series(["b", None, "a"], dtype=pl.Enum(["a", "b"])),
            "colour": pl.Series(["red", None, "red"], dtype=pl.Categorical),
        }
    )
    size, grade, colour = as_columns(table, ["size", "grade", "colour"])
    np.testing.assert_array_equal(size, [1.0, np.nan, 3.0])
    assert grade.tolist() == ["b", None, "a"]
    assert colour.tolist() == ["red", None, "red"]


def test_a_table_of_pyarrow_has_its_names_numbers_and_text():
    colours = pa.array(["red", "blue", "red"]).dictionary_encode()
    table = pa.table({"size": [1, None, 3], "text": ["x", None, "y"], "colour": colours})
    size, text, colour = as_columns(table, None)
    np.testing.assert_array_equal(size, [1.0, np.nan, 3.0])
    assert text.tolist() == ["x", None, "y"]
    assert colour.tolist() == ["red", "blue", "red"]
    assert table_names(table, None, 3) == ("size", "text", "colour")
    assert column_differences(table, ["size", "text", "age"]) == (("age",), ("colour",))


@pytest.mark.parametrize("kind", [pd.DataFrame, pl.DataFrame, pa.table])
def test_a_column_of_lists_raises_with_its_name(kind):
    with pytest.raises(InvalidTypeError, match=r"feature 'tags' .*expected one number or text in each row"):
        as_columns(kind({"size": [1, 2], "tags": [[1, 2], [3]]}), None)


@pytest.mark.parametrize("columns", [["a", "a"], [1, "1"]])
def test_a_column_that_is_there_twice_raises_with_its_name(columns):
    with pytest.raises(InvalidArgumentError, match=f"'{columns[0]}' more than once"):
        as_columns(pd.DataFrame([[1.0, 2.0]], columns=columns), None)


def test_a_column_that_is_there_twice_and_is_no_feature_is_left_out():
    frame = pd.DataFrame([[1.0, 2.0, 3.0]], columns=["a", "b", "b"])
    assert [*map(list, as_columns(frame, ["a"]))] == [[1.0]]


def test_a_sparse_matrix_is_a_table_of_numbers():
    np.testing.assert_array_equal(
        as_columns(scipy.sparse.csr_matrix([[0, 1], [2, 0]]), None), [[0, 1], [2, 0]]
    )


@pytest.mark.parametrize(
    "kind", [ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2, np.longdouble]
)
def test_floats_of_every_width_are_numbers(kind):
    table = as_columns(np.array([[0.5, np.nan], [1.0, 2.0]]).astype(kind), None)
    assert table.dtype in (np.float32, np.float64)
    np.testing.assert_array_equal(table, [[0.5, np.nan], [1.0, 2.0]])
