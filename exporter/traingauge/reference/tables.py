"""Conversion of user input to tables: arrays, lists, tensors, and tables with named columns."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from traingauge.errors import InvalidArgumentError, InvalidTypeError, ReferenceMismatchError, ShapeError
from traingauge.reference.categories import category, is_value
from traingauge.stats.arrays import Array, as_array, standard


def as_columns(features: Any, names: Sequence[str] | None) -> Array | list[Array]:
    """Convert features to an array of shape (n, F), or a table with non-numeric columns to a list of its F columns.

    Args:
        features: An array, nested sequence or tensor of shape (n, ...), flattened to (n, F), where shape (n,) is one
            feature; or a table with named columns, of pandas, polars or pyarrow.
        names: Expected features. The columns of such a table are put in that order, absent ones are filled with NaN, and
            others are left out (see :func:`column_differences`). ``None`` accepts any features.

    Raises:
        ReferenceMismatchError: A table has none of the expected columns, or an array another number of features.
        InvalidArgumentError: A table has an expected column twice.
        ShapeError: ``features`` is a single number.
        InvalidTypeError: Values are neither numbers nor text.

    >>> as_columns([[[1, 2], [3, 4]]], ["a", "b", "c", "d"])
    array([[1, 2, 3, 4]])
    """
    if is_table(features):
        return _table_columns(features, names)
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
    if not batch:
        raise InvalidArgumentError(
            "a batch is an empty tuple: expected its features, and labels if there are any"
        )
    return batch[0], batch[1] if len(batch) > 1 else None


def table_names(features: Any, given: Sequence[str] | None, count: int) -> tuple[str, ...]:
    """Names of the features: those given, the columns of a table, or ``f0``, ``f1`` and so on.

    Raises:
        ShapeError: The number of names is not ``count``.
        InvalidArgumentError: A name occurs twice.

    >>> table_names([[1, 2]], None, 2)
    ('f0', 'f1')
    """
    if given is None:
        given = column_labels(features) if is_table(features) else [f"f{number}" for number in range(count)]
    names = tuple(map(str, given))
    if len(names) != count:
        raise ShapeError(f"{len(names)} feature names for {count} features: expected one per feature")
    if len(set(names)) < count:
        twice = sorted({name for name in names if names.count(name) > 1})
        raise InvalidArgumentError(f"feature names are not unique: {format_names(twice)} more than once")
    return names


def column_differences(features: Any, names: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names for which a table has no column, and columns that are not among the names; both empty for an array.

    >>> import pandas as pd
    >>> column_differences(pd.DataFrame({"a": [1], "c": [2]}), ["a", "b"])
    (('b',), ('c',))
    """
    if not is_table(features):
        return (), ()
    columns = [*map(str, column_labels(features))]
    if columns == list(names):
        return (), ()
    known, there = set(names), set(columns)
    return (
        tuple(name for name in names if name not in there),
        tuple(column for column in columns if column not in known),
    )


def is_table(features: Any) -> bool:
    """Whether ``features`` has named columns: a DataFrame of pandas, polars or one like it, or a table of pyarrow."""
    return hasattr(features, "columns") and (
        hasattr(features, "to_numpy") or hasattr(features, "column_names")
    )


def column_labels(table: Any) -> list[Any]:
    """Labels of the columns of a table; those of pandas need not be strings."""
    return list(table.column_names if hasattr(table, "column_names") else table.columns)


def format_names(names: Sequence[str]) -> str:
    """Quoted names for messages; of more than eight, the first eight and how many follow.

    >>> format_names(["a", "b"])
    "'a', 'b'"
    """
    shown = ", ".join(map(repr, names[:8]))
    return shown if len(names) <= 8 else f"{shown} and {len(names) - 8} more"


def _table_columns(table: Any, names: Sequence[str] | None) -> Array | list[Array]:
    labels = column_labels(table)
    by_name = {str(label): label for label in labels}
    if names is None:
        names = [*map(str, labels)]
    elif names and by_name.keys().isdisjoint(names):
        raise ReferenceMismatchError(
            "the table has none of the reference's columns: "
            f"it has {format_names([*by_name])}, the reference has {format_names(names)}"
        )
    if len(by_name) < len(labels):
        _check_unique([*map(str, labels)], names)
    absent = np.full(len(table), np.nan)
    series = [table[by_name[name]] if name in by_name else absent for name in names]
    if not series:
        return np.empty((len(table), 0))
    if all(getattr(getattr(one, "dtype", None), "kind", "O") in "iuf" for one in series):
        whole = table.to_numpy() if [*by_name] == [*names] else np.column_stack([*map(np.asarray, series)])
        if whole.dtype.kind in "iuf":
            return standard(np.asarray(whole))
    return [_column(one, name) for name, one in zip(names, series, strict=True)]


def _check_unique(columns: Sequence[str], names: Sequence[str]) -> None:
    known = set(names)
    twice = [name for name, times in Counter(columns).items() if times > 1 and name in known]
    if twice:
        raise InvalidArgumentError(
            f"the table has columns {format_names(twice)} more than once: expected one column for each feature"
        )


def _column(series: Any, name: str) -> Array:
    """A column as an array of numbers, text, or objects that are either; categories of pandas become text."""
    if hasattr(series, "cat") and hasattr(series.cat, "codes"):
        names = np.array([*map(category, series.cat.categories), None], dtype=object)
        # -1, the code of missing values, picks the last: None
        return np.asarray(names[np.asarray(series.cat.codes)])
    values = _values(series, name)
    if values.dtype.kind not in "biufUO":
        raise InvalidTypeError(f"feature {name!r} has dtype {_kind(series)}: expected numbers or text")
    if values.ndim > 1:
        raise InvalidTypeError(f"feature {name!r} holds lists: expected one number or text in each row")
    if values.dtype.kind == "O":
        for kind in set(map(type, values)):
            if not is_value(kind):
                raise InvalidTypeError(
                    f"feature {name!r} holds values of type {kind.__name__}: expected one number or text in each row"
                )
    return standard(values)


def _values(series: Any, name: str) -> Array:
    try:
        return np.asarray(series)
    except Exception as error:  # every library has its own errors
        raise InvalidTypeError(
            f"feature {name!r} has dtype {_kind(series)}: expected numbers or text ({error})"
        ) from error


def _kind(series: Any) -> Any:
    return series.dtype if hasattr(series, "dtype") else getattr(series, "type", type(series).__name__)
