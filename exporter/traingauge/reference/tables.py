"""Tables of numbers from what training code has at hand: arrays, lists, tensors, pandas DataFrames."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from traingauge.classification.arrays import Array, as_array
from traingauge.errors import InvalidArgumentError, InvalidTypeError, ReferenceMismatchError, ShapeError


def as_table(features: Any, names: Sequence[str] | None) -> Array:
    """Features as a two-dimensional array of numbers, shape (n, F).

    Args:
        features: An array, nested sequence or tensor of shape (n, ...), flattened to (n, F) (images); shape
            (n,) is one feature; or a DataFrame, known by its ``columns``.
        names: The features that are expected; a DataFrame's columns are put in that order. ``None`` takes
            what comes.

    Raises:
        ReferenceMismatchError: Other columns, or another number of features, than expected.
        ShapeError: A single number.
        InvalidTypeError: Not numbers.

    >>> as_table([[[1, 2], [3, 4]]], ["a", "b", "c", "d"])
    array([[1, 2, 3, 4]])
    """
    if is_frame(features):
        features = _ordered(features, names).to_numpy()
        if features.dtype.kind == "O":
            features = _numbers(features)
    table = as_array(features, "features")
    if table.dtype.kind == "U":
        raise InvalidTypeError(f"features have dtype {table.dtype}: expected numbers")
    if not table.ndim:
        raise ShapeError("features is a single number: expected shape (samples, features)")
    table = table.reshape(len(table), -1) if len(table) else table.reshape(0, int(np.prod(table.shape[1:])))
    if names is not None and table.shape[1] != len(names):
        raise ReferenceMismatchError(
            f"features have shape {table.shape}, {table.shape[1]} a sample: the reference has {len(names)} "
            f"({_listed(names)})"
        )
    return table


def as_column(values: Any, what: str) -> Array:
    """Labels or predictions as one column, shape (n, 1): probabilities or logits of classes become the class.

    Args:
        values: Shape (n,) or (n, 1), or (n, K) with one number a class, of which the greatest is taken.
        what: Its name, for the error.

    Raises:
        ShapeError: Neither one nor two dimensions.
        InvalidTypeError: Not numbers.

    >>> as_column([[0.1, 0.9], [0.8, 0.2]], "y_pred")
    array([[1],
           [0]])
    """
    column = as_array(values, what)
    if column.dtype.kind == "U":
        raise InvalidTypeError(f"{what} has dtype {column.dtype}: expected numbers")
    if column.ndim not in (1, 2):
        raise ShapeError(f"{what} has shape {column.shape}: expected (samples,) or (samples, classes)")
    if column.ndim == 2 and column.shape[1] > 1:
        column = column.argmax(axis=1)
    return column.reshape(-1, 1)


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
        raise InvalidArgumentError(f"feature names are not unique: {_listed(twice)} more than once")
    return names


def is_frame(features: Any) -> bool:
    """Whether it is a DataFrame (of pandas or what acts like one)."""
    return hasattr(features, "columns") and hasattr(features, "to_numpy")


def _ordered(frame: Any, names: Sequence[str] | None) -> Any:
    columns = [str(column) for column in frame.columns]
    if names is None or columns == list(names):
        return frame
    missing = [name for name in names if name not in columns]
    extra = [column for column in columns if column not in set(names)]
    if missing or extra:
        differences = [
            f"{what} {_listed(which)}"
            for what, which in (("without", missing), ("with the unknown", extra))
            if which
        ]
        raise ReferenceMismatchError(
            f"a table {' and '.join(differences)}: the reference has {_listed(names)}"
        )
    return frame.iloc[:, [columns.index(name) for name in names]]


def _numbers(values: Array) -> Array:
    """Objects (columns of several dtypes, ``None``, ``pandas.NA``) as float64, what is absent as NaN."""
    try:
        return np.array([[math.nan if _absent(item) else item for item in row] for row in values], np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidTypeError(f"features are not all numbers: {error}") from error


def _absent(item: Any) -> bool:
    return item is None or type(item).__name__ in ("NAType", "NaTType")


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:8]))
    return shown if len(names) <= 8 else f"{shown} and {len(names) - 8} more"
