"""Tables from what training code has at hand: arrays, lists, tensors, pandas DataFrames."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from traingauge.errors import InvalidArgumentError, InvalidTypeError, ReferenceMismatchError, ShapeError
from traingauge.stats.arrays import Array, as_array


def as_columns(features: Any, names: Sequence[str] | None) -> Array | list[Array]:
    """Features as an array of shape (n, F), or, of a DataFrame with columns of several kinds, as its F columns.

    Args:
        features: An array, nested sequence or tensor of shape (n, ...), flattened to (n, F) (images); shape
            (n,) is one feature; or a DataFrame, known by its ``columns``.
        names: The features that are expected; a DataFrame's columns are put in that order, one that it lacks is all
            missing, and others are left out (see :func:`differences`). ``None`` takes what comes.

    Raises:
        ReferenceMismatchError: None of the columns, or another number of features, than expected.
        ShapeError: A single number.
        InvalidTypeError: Dates, or anything else that is neither number nor text.

    >>> as_columns([[[1, 2], [3, 4]]], ["a", "b", "c", "d"])
    array([[1, 2, 3, 4]])
    """
    if is_frame(features):
        return _frame_columns(features, names)
    table = as_array(features, "features")
    if not table.ndim:
        raise ShapeError("features is a single number: expected shape (samples, features)")
    table = table.reshape(len(table), math.prod(table.shape[1:]))
    if names is not None and table.shape[1] != len(names):
        raise ReferenceMismatchError(
            f"features have shape {table.shape}, {table.shape[1]} a sample: the reference has {len(names)} "
            f"({listed(names)})"
        )
    return table


def as_column(values: Any, what: str) -> Array:
    """Labels or predictions as one column, shape (n, 1): probabilities or logits of classes become the class.

    Args:
        values: Shape (n,) or (n, 1), or (n, K) with one number a class, of which the greatest is taken.
        what: Its name, for the error.

    Raises:
        ShapeError: Neither one nor two dimensions.
        InvalidTypeError: Neither numbers nor text.

    >>> as_column([[0.1, 0.9], [0.8, 0.2]], "y_pred")
    array([[1],
           [0]])
    """
    column = as_array(values, what)
    if column.ndim not in (1, 2):
        raise ShapeError(f"{what} has shape {column.shape}: expected (samples,) or (samples, classes)")
    if column.ndim == 2 and column.shape[1] > 1:
        column = column.argmax(axis=1)
    return column.reshape(-1, 1)


def batch_parts(batch: Any) -> tuple[Any, Any]:
    """Features and labels of a batch as data sets give it: bare, or with the labels second, in a tuple or in torch's list.

    Labels are ``None`` where there are none.

    >>> batch_parts(([1.0], [0])), batch_parts([[1.0], [2.0]])
    (([1.0], [0]), ([[1.0], [2.0]], None))
    """
    in_parts = isinstance(batch, tuple) or (isinstance(batch, list) and batch and hasattr(batch[0], "detach"))
    if not in_parts:
        return batch, None
    return batch[0], batch[1] if len(batch) > 1 else None


def table_names(features: Any, given: Sequence[str] | None, count: int) -> tuple[str, ...]:
    """Names of the features: as given, a DataFrame's columns, or ``f0``, ``f1`` and so on.

    Raises:
        ShapeError: Not one name a feature.
        InvalidArgumentError: A name twice.
    """
    if given is None:
        given = features.columns if is_frame(features) else [f"f{number}" for number in range(count)]
    names = tuple(map(str, given))
    if len(names) != count:
        raise ShapeError(f"{len(names)} feature names for {count} features: expected one each")
    if len(set(names)) < count:
        twice = sorted({name for name in names if names.count(name) > 1})
        raise InvalidArgumentError(f"feature names are not unique: {listed(twice)} more than once")
    return names


def differences(features: Any, names: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names that a DataFrame has no column for, and columns of it that are none of the names; an array has no names.

    >>> import pandas as pd
    >>> differences(pd.DataFrame({"a": [1], "c": [2]}), ["a", "b"])
    (('b',), ('c',))
    """
    if not is_frame(features):
        return (), ()
    columns = [*map(str, features.columns)]
    if columns == list(names):
        return (), ()
    known, there = set(names), set(columns)
    return (
        tuple(name for name in names if name not in there),
        tuple(column for column in columns if column not in known),
    )


def is_frame(features: Any) -> bool:
    """Whether it is a DataFrame (of pandas or what acts like one)."""
    return hasattr(features, "columns") and hasattr(features, "to_numpy")


def listed(names: Sequence[str]) -> str:
    """Names for a message, the first eight of many.

    >>> listed(["a", "b"])
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
            f"a table with none of the reference's columns: it has {listed([*labels])}, the reference {listed(names)}"
        )
    absent = np.full(len(frame), np.nan)
    series = [frame[labels[name]] if name in labels else absent for name in names]
    if all(getattr(one.dtype, "kind", "O") in "iuf" for one in series):
        whole = frame.to_numpy() if [*labels] == [*names] else np.column_stack([*map(np.asarray, series)])
        if whole.dtype.kind in "iuf":
            return np.asarray(whole)
    return [_plain(one, name) for name, one in zip(names, series, strict=True)]


def _plain(series: Any, name: str) -> Array:
    """A column as an array of numbers, text, or objects of either kind; categories as text."""
    if hasattr(series.dtype, "categories"):
        names = np.array([str(category) for category in series.dtype.categories] + [None], dtype=object)
        return np.asarray(names[np.asarray(series.cat.codes)])  # -1, the last one, is what is absent
    values = np.asarray(series)
    if values.dtype.kind not in "biufUO":
        raise InvalidTypeError(f"feature {name!r} has dtype {series.dtype}: expected numbers or text")
    return values
