"""The features of a table, and its encoding as numbers: categories become their index in the vocabulary."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from traingauge.errors import InvalidArgumentError, InvalidTypeError, ShapeError, UnknownNameError
from traingauge.reference.categories import category, is_absent
from traingauge.reference.tables import as_columns, format_names, table_names
from traingauge.stats.arrays import Array

#: Maximum number of categories of a feature; a feature with more identifies samples and has no useful distribution.
MAX_CATEGORIES = 1_000


@dataclass(frozen=True, slots=True)
class Schema:
    """Names of the features, and the vocabularies of categorical ones.

    Attributes:
        names: Names of the F features.
        categories: For each feature its categories, sorted; ``None`` for numeric features, and for features of which no
            value is known.

    >>> schema = learn_schema([["red", "1"], ["blue", "2"]], None, ())
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
        codes = tuple(
            None if one is None else {name: code for code, name in enumerate(one)} for one in self.categories
        )
        object.__setattr__(self, "_codes", codes)

    @classmethod
    def restored(cls, names: Any, categories: Any) -> Schema:
        """The schema whose attributes were stored as JSON.

        Raises:
            TrainGaugeError: Values that no schema has.
        """
        if len(names) != len(categories):
            raise ShapeError(
                f"{len(names)} features have {len(categories)} vocabularies: expected equal numbers"
            )
        for text in (*names, *(name for one in categories for name in one or ())):
            if not isinstance(text, str):
                raise InvalidTypeError(f"{text!r} is the name of a feature or category: expected a str")
        vocabularies = tuple(None if one is None else tuple(one) for one in categories)
        return cls(table_names(None, names, len(names)), vocabularies)

    @property
    def categorical(self) -> NDArray[np.bool_]:
        """Whether a feature is categorical, shape (F,)."""
        return np.array([one is not None for one in self.categories], dtype=np.bool_)

    def encode(self, features: Any) -> Array:
        """Encode features as numbers, shape (n, F): categories by their index, unseen ones by the size of the vocabulary.

        Raises:
            ReferenceMismatchError: The features differ from those of the schema.
            ShapeError: ``features`` is a single number.
            InvalidTypeError: A numeric feature holds other values.
        """
        table = as_columns(features, self.names)
        if isinstance(table, np.ndarray) and table.dtype.kind in "biuf" and not self.categorical.any():
            return table
        columns = table.T if isinstance(table, np.ndarray) else table
        return np.column_stack(
            [
                numbers(column, name) if codes is None else _coded(column, codes)
                for name, codes, column in zip(self.names, self._codes, columns, strict=True)
            ]
        )

    def __or__(self, other: Schema) -> Schema:
        """The schema with the categories of both.

        Raises:
            InvalidArgumentError: The names or kinds of the features differ, or there are too many categories.
        """
        if self.names != other.names:
            raise InvalidArgumentError(
                f"cannot add references of different features: {format_names(self.names)} and {format_names(other.names)}"
            )
        for name, one, two in zip(self.names, self.categorical, other.categorical, strict=True):
            if one != two:
                raise InvalidArgumentError(
                    f"feature {name!r} holds text in one part of the data and numbers in another: expected one of them; "
                    f"categorical=[{name!r}] takes both as categories"
                )
        return _checked(
            self.names,
            tuple(
                None if one is None or two is None else tuple(sorted({*one, *two}))
                for one, two in zip(self.categories, other.categories, strict=True)
            ),
        )

    def with_categories(self, which: NDArray[np.bool_]) -> Schema:
        """The schema with these features, of which no value is known, as categories; shape (F,)."""
        if not which.any():
            return self
        return Schema(
            self.names,
            tuple(() if new else one for new, one in zip(which, self.categories, strict=True)),
        )

    def recode(self, rows: NDArray[np.float64], wider: Schema) -> NDArray[np.float64]:
        """Convert encoded rows, shape (k, F), to the encoding of a schema with at least the same categories."""
        if self.categories == wider.categories:
            return rows
        rows = rows.copy()
        for at, (mine, codes) in enumerate(zip(self.categories, wider._codes, strict=True)):
            if mine and codes:
                places = np.array([codes[name] for name in mine], dtype=np.float64)
                known = np.isfinite(rows[:, at])
                rows[known, at] = places[rows[known, at].astype(np.intp)]
        return rows


def learn_schema(features: Any, names: Sequence[str] | None, categorical: Iterable[str]) -> Schema:
    """Learn the schema of a table.

    Args:
        features: As accepted by :func:`traingauge.reference.tables.as_columns`.
        names: Name of each feature; by default the columns of a DataFrame, else ``f0``, ``f1`` and so on.
        categorical: Names of numeric features that are categories. Text, and pandas' ``category``, always is.

    Raises:
        InvalidArgumentError: There are no features, their names are invalid, or one has more than :data:`MAX_CATEGORIES`
            categories.
        InvalidTypeError: Values are neither numbers nor text.
        UnknownNameError: A categorical feature does not exist.

    >>> learn_schema([[3, 0.5], [7, 0.25]], ["port", "load"], ["port"])
    Schema(names=('port', 'load'), categories=(('3', '7'), None))
    """
    table = as_columns(features, None)
    columns = list(table.T) if isinstance(table, np.ndarray) else table
    if not columns:
        raise InvalidArgumentError("a reference needs at least one row and one feature")
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
    """Whether a column holds text.

    >>> is_text(np.array(["a", None], dtype=object)), is_text(np.array([1.5]))
    (True, False)
    """
    return column.dtype.kind == "U" or (
        column.dtype.kind == "O" and any(isinstance(item, str) for item in column)
    )


def numbers(column: Array, name: str) -> Array:
    """A column of numbers, in which ``None`` and ``pandas.NA`` become NaN.

    Raises:
        InvalidTypeError: The column holds other values.
    """
    if column.dtype.kind in "biuf":
        return column
    try:
        if column.dtype.kind == "O":
            return np.array([math.nan if is_absent(item) else item for item in column], dtype=np.float64)
    except (TypeError, ValueError):
        pass
    raise InvalidTypeError(f"feature {name!r} has dtype {column.dtype}: it is numeric in the reference")


def _checked(names: tuple[str, ...], categories: tuple[tuple[str, ...] | None, ...]) -> Schema:
    for name, one in zip(names, categories, strict=True):
        if one is not None and len(one) > MAX_CATEGORIES:
            raise InvalidArgumentError(
                f"feature {name!r} has {len(one)} categories, but at most {MAX_CATEGORIES} can be compared: "
                "group them, or leave the feature out"
            )
    return Schema(names, categories)


def _coded(column: Array, codes: Mapping[str, int]) -> NDArray[np.float64]:
    if column.dtype.kind != "O":  # look up each distinct value only once
        distinct, where = np.unique(column, return_inverse=True)
        return _codes_of(distinct, codes)[where]
    return _codes_of(column, codes)


def _codes_of(items: Array, codes: Mapping[str, int]) -> NDArray[np.float64]:
    unseen = len(codes)
    return np.array(
        [math.nan if is_absent(item) else codes.get(category(item), unseen) for item in items],
        dtype=np.float64,
    )


def _keys(column: Array) -> set[str]:
    distinct = np.unique(column) if column.dtype.kind != "O" else column
    return {category(item) for item in distinct if not is_absent(item)}
