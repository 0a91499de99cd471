"""Conversion of user input to tables: arrays, lists, tensors, DataFrames."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from traingauge.errors import InvalidArgumentError, InvalidTypeError, ReferenceMismatchError, ShapeError
from traingauge.stats.arrays import Array, as_array


def as_columns(features: Any, names: Sequence[str] | None) -> Array | list[Array]:
    """Convert features to an array of shape (n, F), or a DataFrame with non-numeric columns to a list of its F columns.

    Args:
        features: An array, nested sequence or tensor of shape (n, ...), flattened to (n, F), where shape (n,) is one
            feature; or a DataFrame, recognised by its ``columns``.
        names: Expected features. The columns of a DataFrame are put in that order, absent ones are filled with NaN, and
            others are left out (see :func:`column_differences`). ``None`` accepts any features.

    Raises:
        ReferenceMismatchError: A DataFrame has none of the expected columns, or an array another number of features.
        ShapeError: ``features`` is a single number.
        InvalidTypeError: Values are neither numbers nor text.

    >>> as_columns([[[1, 2], [3, 4]]], ["a", "b", "c", "d"])
    array([[1, 2, 3, 4]])
    """
    if is_dataframe(features):
        return _frame_columns(features, names)
    table = as_array(features, "features")
    if not table.ndim:
        raise ShapeError("features is a single number: expected shape (samples, features)")
    table = table.reshape(len(table), math.prod(table.shape[1:]))
    if names is not None and table.shape[1] != len(names):
        raise ReferenceMismatchError(
            f"features have shape {table.shape}, {table.shape[1]} per sample: the reference has {len(names)} "
            f"({format_names(names)})"
        )
    return table


def as_target_column(values: Any, what: str) -> Array:
    """Convert labels or predictions to one column, shape (n, 1).

    Args:
        values: Shape (n,) or (n, 1); or (n, K), one-hot labels, probabilities or logits, of which the argmax is taken.
        what: Name of the argument, for error messages.

    Raises:
        ShapeError: ``values`` has neither one nor two dimensions.
        InvalidTypeError: Values are neither numbers nor text.

    >>> as_target_column([[0.1, 0.9], [0.8, 0.2]], "y_pred")
    array([[1],
           [0]])
    """
    column = as_array(values, what)
    if column.ndim not in (1, 2):
        raise ShapeError(f"{what} has shape {column.shape}: expected (samples,) or (samples, classes)")
    if column.ndim == 2 and column.shape[1] > 1:
        column = column.argmax(axis=1)
    return column.reshape(-1, 1)


def split_batch(batch: Any) -> tuple[Any, Any]:
    """Split a batch of a data set into features and labels; labels are ``None`` if there are none.

    A tuple, or a list of tensors as from torch's default collation, begins with features and labels; anything else is
    features.

    >>> split_batch(([1.0], [0])), split_batch([[1.0], [2.0]])
    (([1.0], [0]), ([[1.0], [2.0]], None))
    """
    in_parts = isinstance(batch, tuple) or (isinstance(batch, list) and batch and hasattr(batch[0], "detach"))
    if not in_parts:
        return batch, None
    return batch[0], batch[1] if len(batch) > 1 else None


def table_names(features: Any, given: Sequence[str] | None, count: int) -> tuple[str, ...]:
    """Names of the features: those given, the columns of a DataFrame, or ``f0``, ``f1`` and so on.

    Raises:
        ShapeError: The number of names is not ``count``.
        InvalidArgumentError: A name occurs twice.

    >>> table_names([[1, 2]], None, 2)
    ('f0', 'f1')
    """
    if given is None:
        given = features.columns if is_dataframe(features) else [f"f{number}" for number in range(count)]
    names = tuple(map(str, given))
    if len(names) != count:
        raise ShapeError(f"{len(names)} feature names for {count} features: expected one per feature")
    if len(set(names)) < count:
        twice = sorted({name for name in names if names.count(name) > 1})
        raise InvalidArgumentError(f"feature names are not unique: {format_names(twice)} more than once")
    return names


def column_differences(features: Any, names: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names for which a DataFrame has no column, and columns that are not among the names; both empty for an array.

    >>> import pandas as pd
    >>> column_differences(pd.DataFrame({"a": [1], "c": [2]}), ["a", "b"])
    (('b',), ('c',))
    """
    if not is_dataframe(features):
        return (), ()
    columns = [*map(str, features.columns)]
    if columns == list(names):
        return (), ()
    known, there = set(names), set(columns)
    return (
        tuple(name for name in names if name not in there),
        tuple(column for column in columns if column not in known),
    )


def is_dataframe(features: Any) -> bool:
    """Whether ``features`` is a DataFrame, of pandas or compatible with it."""
    return hasattr(features, "columns") and hasattr(features, "to_numpy")


def format_names(names: Sequence[str]) -> str:
    """Quoted names for messages; of more than eight, the first eight and how many follow.

    >>> format_names(["a", "b"])
    "'a', 'b'"
    """
    shown = ", ".join(map(repr, names[:8]))
    return shown if len(names) <= 8 else f"{shown} and {len(names) - 8} more"


def _frame_columns(frame: Any, names: Sequence[str] | None) -> Array | list[Array]:
    labels = {str(column): column for column in frame.columns}
    if names is None:
        names = [*map(str, frame.columns)]
    elif names and labels.keys().isdisjoint(names):
        raise ReferenceMismatchError(
            "the table has none of the reference's columns: "
            f"it has {format_names([*labels])}, the reference has {format_names(names)}"
        )
    absent = np.full(len(frame), np.nan)
    series = [frame[labels[name]] if name in labels else absent for name in names]
    if all(getattr(one.dtype, "kind", "O") in "iuf" for one in series):
        whole = frame.to_numpy() if [*labels] == [*names] else np.column_stack([*map(np.asarray, series)])
        if whole.dtype.kind in "iuf":
            return np.asarray(whole)
    return [_plain(one, name) for name, one in zip(names, series, strict=True)]


def _plain(series: Any, name: str) -> Array:
    """A column as an array of numbers, text, or objects that are either; categories become text."""
    if hasattr(series.dtype, "categories"):
        names = np.array([str(category) for category in series.dtype.categories] + [None], dtype=object)
        return np.asarray(
            names[np.asarray(series.cat.codes)]
        )  # -1, the code of missing values, picks the last: None
    values = np.asarray(series)
    if values.dtype.kind not in "biufUO":
        raise InvalidTypeError(f"feature {name!r} has dtype {series.dtype}: expected numbers or text")
    return values
