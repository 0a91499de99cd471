"""What features a table has, and its values as numbers: categories by their place in the vocabulary."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from traingauge.errors import InvalidArgumentError, InvalidTypeError, UnknownNameError
from traingauge.reference.tables import as_columns, listed, table_names
from traingauge.stats.arrays import Array

#: Categories of one feature at most: what has more tells samples apart (an identifier) and has no
#: distribution.
MAX_CATEGORIES = 1_000


@dataclass(frozen=True, slots=True)
class Schema:
    """Names of the features, and the vocabulary of those that are categories.

    Attributes:
        names: One a feature, F in all.
        categories: One a feature: its categories, sorted; ``None`` for numbers.

    >>> schema = learn([["red", "1"], ["blue", "2"]], None, ())
    >>> schema.categories
    (('blue', 'red'), ('1', '2'))
    >>> schema.encode([["red", "2"], ["green", "2"]])
    array([[1., 1.],
           [2., 1.]])
    """

    names: tuple[str, ...]
    categories: tuple[tuple[str, ...] | None, ...]
    _codes: tuple[Mapping[str, int] | None, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        codes = tuple(one and {name: code for code, name in enumerate(one)} for one in self.categories)
        object.__setattr__(self, "_codes", codes)

    @property
    def categorical(self) -> NDArray[np.bool_]:
        """Shape (F,), which features are categories."""
        return np.array([one is not None for one in self.categories], dtype=np.bool_)

    def encode(self, features: Any) -> Array:
        """Features as numbers, shape (n, F): a category's place in the vocabulary, or one past it if it is unseen.

        Raises:
            ReferenceMismatchError: Other features.
            ShapeError: A single number.
            InvalidTypeError: A feature of numbers that holds something else.
        """
        table = as_columns(features, self.names)
        if isinstance(table, np.ndarray) and table.dtype.kind in "biuf" and not any(self._codes):
            return table
        columns = table.T if isinstance(table, np.ndarray) else table
        return np.column_stack(
            [
                numbers(column, name) if codes is None else _coded(column, codes)
                for name, codes, column in zip(self.names, self._codes, columns, strict=True)
            ]
        )

    def __or__(self, other: Schema) -> Schema:
        """The schema that knows the categories of both.

        Raises:
            InvalidArgumentError: Other names or kinds, or too many categories.
        """
        if self.names != other.names or (self.categorical != other.categorical).any():
            raise InvalidArgumentError(
                f"references of different features do not add up: {listed(self.names)} and {listed(other.names)}"
            )
        return _checked(
            self.names,
            tuple(
                None if one is None or two is None else tuple(sorted({*one, *two}))
                for one, two in zip(self.categories, other.categories, strict=True)
            ),
        )

    def recode(self, rows: NDArray[np.float64], wider: Schema) -> NDArray[np.float64]:
        """Encoded rows, shape (k, F), as a schema encodes them that knows all of these categories and more."""
        if self.categories == wider.categories:
            return rows
        rows = rows.copy()
        for at, (mine, codes) in enumerate(zip(self.categories, wider._codes, strict=True)):
            if mine and codes:
                places = np.array([codes[name] for name in mine], dtype=np.float64)
                known = np.isfinite(rows[:, at])
                rows[known, at] = places[rows[known, at].astype(np.intp)]
        return rows


def learn(features: Any, names: Sequence[str] | None, categorical: Iterable[str]) -> Schema:
    """The schema of a table.

    Args:
        features: What :func:`traingauge.reference.tables.as_columns` takes.
        names: One a feature; by default a DataFrame's columns, else ``f0``, ``f1`` and so on.
        categorical: Names of features whose numbers are categories. Text, and pandas' ``category``, always
            is.

    Raises:
        InvalidArgumentError: Names that do not fit, or more than :data:`MAX_CATEGORIES` categories of a
            feature.
        InvalidTypeError: Values that are neither numbers nor text.
        UnknownNameError: A categorical feature that is none of the features.
    """
    table = as_columns(features, None)
    columns = list(table.T) if isinstance(table, np.ndarray) else table
    names = table_names(features, names, len(columns))
    chosen = set(categorical)
    for name in chosen:
        if name not in names:
            raise UnknownNameError("categorical feature", name, names)
    categories = tuple(
        tuple(sorted(_keys(column))) if name in chosen or is_text(column) else None
        for name, column in zip(names, columns, strict=True)
    )
    return _checked(names, categories)


def is_text(column: Array) -> bool:
    """Whether a column holds text or pandas' categories.

    >>> is_text(np.array(["a", None], dtype=object)), is_text(np.array([1.5]))
    (True, False)
    """
    return column.dtype.kind == "U" or (
        column.dtype.kind == "O" and any(isinstance(item, str) for item in column)
    )


def numbers(column: Array, name: str) -> Array:
    """A column of numbers; what is absent (``None``, ``pandas.NA``) is NaN.

    Raises:
        InvalidTypeError: Something else in it.
    """
    if column.dtype.kind in "biuf":
        return column
    try:
        if column.dtype.kind == "O":
            return np.array([math.nan if _absent(item) else item for item in column], dtype=np.float64)
    except (TypeError, ValueError):
        pass
    raise InvalidTypeError(f"feature {name!r} has dtype {column.dtype}: the reference has numbers there")


def _checked(names: tuple[str, ...], categories: tuple[tuple[str, ...] | None, ...]) -> Schema:
    for name, one in zip(names, categories, strict=True):
        if one is not None and len(one) > MAX_CATEGORIES:
            raise InvalidArgumentError(
                f"feature {name!r} has {len(one)} categories, at most {MAX_CATEGORIES} can be compared: "
                "group them, or leave the feature out"
            )
    return Schema(names, categories)


def _coded(column: Array, codes: Mapping[str, int]) -> NDArray[np.float64]:
    unseen = len(codes)
    if column.dtype.kind != "O":  # few distinct values, so each is looked up once
        distinct, where = np.unique(column, return_inverse=True)
        return _coded(distinct.astype(object), codes)[where]
    return np.array(
        [math.nan if _absent(item) else codes.get(_key(item), unseen) for item in column], dtype=np.float64
    )


def _keys(column: Array) -> set[str]:
    distinct = np.unique(column) if column.dtype.kind != "O" else column
    return {_key(item) for item in distinct.tolist() if not _absent(item)}


def _key(item: Any) -> str:
    """How a category is called: 3, 3.0 and True's 1 by the number, all else by its text."""
    if isinstance(item, str):
        return item
    return str(int(item)) if isinstance(item, int | float) and item == int(item) else str(item)


def _absent(item: Any) -> bool:
    if item is None or type(item).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(item, float) and not math.isfinite(item)
