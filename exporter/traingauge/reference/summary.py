"""Summary of a table from one pass in bounded memory: exact moments, and a uniform sample of the rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from traingauge.reference.schema import Schema
from traingauge.stats.arrays import Array

#: Maximum number of rows that are kept.
MAX_ROWS = 20_000

#: Maximum number of values that are kept: of a wide table fewer rows are, but at least :data:`MIN_ROWS`.
MAX_VALUES = 8_000_000
MIN_ROWS = 1_000


@dataclass(frozen=True, slots=True)
class Summary:
    """Summary of a table.

    The kept rows are a uniform sample without replacement: each row has a pseudo-random priority, derived from its position,
    and the rows with the lowest priorities are kept. The lowest of a union are among the lowest of its parts, so merging the
    summaries of parts, in any order, gives the summary of the whole. Up to :func:`capacity` rows, all are kept.

    Attributes:
        schema: Names and vocabularies of the features.
        samples: Number of rows seen.
        missing: Number of missing, NaN or infinite values, shape (F,).
        infinite: Number of infinite values, shape (F,).
        low: Minimum of the finite values, shape (F,); NaN if there are none, and for categories.
        high: Maximum, likewise.
        mean: Mean, likewise.
        squares: Sum of squared deviations from the mean, shape (F,); 0 where the mean is NaN.
        rows: Kept rows, encoded, in order of their priorities, shape (k, F).
        priorities: Priorities of the kept rows, uint64, ascending, shape (k,).

    >>> schema = Schema(("a",), (None,))
    >>> one = summarise(schema, np.array([[1.0], [2.0]]))
    >>> both = one + summarise(schema, np.array([[6.0]]), first_row=2)
    >>> both.samples, both.mean, both.deviation
    (3, array([3.]), array([2.64575131]))
    """

    schema: Schema
    samples: int
    missing: NDArray[np.int64]
    infinite: NDArray[np.int64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    mean: NDArray[np.float64]
    squares: NDArray[np.float64]
    rows: NDArray[np.float64]
    priorities: NDArray[np.uint64]

    @property
    def deviation(self) -> NDArray[np.float64]:
        """Sample standard deviation (n - 1) of the finite values, shape (F,); NaN for fewer than two values."""
        finite = self.samples - self.missing
        variance = np.divide(self.squares, finite - 1, out=np.full(len(finite), np.nan), where=finite > 1)
        return np.asarray(np.sqrt(variance))

    def __add__(self, other: Summary) -> Summary:
        """Summary of both tables.

        Raises:
            InvalidArgumentError: The features differ.
        """
        return merge_summaries([self, other])


def merge_summaries(parts: Sequence[Summary]) -> Summary:
    """Merge one or more summaries.

    Raises:
        InvalidArgumentError: The features differ.

    >>> schema = Schema(("a",), (None,))
    >>> parts = [summarise(schema, np.array([[at]]), first_row=at) for at in range(4)]
    >>> merge_summaries(parts).mean
    array([1.5])
    """
    schemas = _agreed(parts)
    schema = reduce(Schema.__or__, schemas)
    rows, priorities = _lowest(
        np.concatenate([own.recode(part.rows, schema) for own, part in zip(schemas, parts, strict=True)]),
        np.concatenate([part.priorities for part in parts]),
    )
    _, mean, squares = reduce(
        _pooled, [(part.samples - part.missing, part.mean, part.squares) for part in parts]
    )
    return Summary(
        schema,
        sum(part.samples for part in parts),
        np.sum([part.missing for part in parts], axis=0),
        np.sum([part.infinite for part in parts], axis=0),
        reduce(np.fmin, [part.low for part in parts]),
        reduce(np.fmax, [part.high for part in parts]),
        mean,
        squares,
        rows,
        priorities,
    )


def summarise(schema: Schema, table: Array, first_row: int = 0) -> Summary:
    """Summarise a table.

    Args:
        schema: Schema that encoded the table.
        table: Encoded features, shape (n, F), any real dtype.
        first_row: Position of the first row in the whole data set.
    """
    values = table.astype(np.float64)
    finite = np.isfinite(values)
    count = finite.sum(axis=0)
    some = (count > 0) & ~schema.categorical  # codes of categories have no meaningful mean or range
    mean = np.divide(
        np.where(finite, values, 0.0).sum(axis=0), count, out=np.full(len(some), np.nan), where=some
    )
    squares = (np.where(finite & some, values - mean, 0.0) ** 2).sum(axis=0)
    low = np.where(finite, values, np.inf).min(axis=0, initial=np.inf)
    high = np.where(finite, values, -np.inf).max(axis=0, initial=-np.inf)
    rows, priorities = _lowest(
        values, _priorities(np.arange(first_row, first_row + len(values), dtype=np.uint64))
    )
    return Summary(
        schema,
        len(values),
        len(values) - count,
        np.isinf(values).sum(axis=0),
        np.where(some, low, np.nan),
        np.where(some, high, np.nan),
        mean,
        squares,
        rows,
        priorities,
    )


def capacity(features: int) -> int:
    """Maximum number of rows kept of a table with ``features`` features.

    >>> capacity(10), capacity(784), capacity(100_000)
    (20000, 10204, 1000)
    """
    return max(MIN_ROWS, min(MAX_ROWS, MAX_VALUES // max(1, features)))


def _agreed(parts: Sequence[Summary]) -> list[Schema]:
    """The schemas of parts, in which a feature without any value is of the kind that it has elsewhere."""
    if len({part.schema.names for part in parts}) > 1:
        return [part.schema for part in parts]  # which cannot be joined
    text = np.any([part.schema.categorical for part in parts], axis=0)
    return [
        part.schema.with_categories(text & ~part.schema.categorical & (part.missing == part.samples))
        for part in parts
    ]


_Moments = tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]


def _pooled(one: _Moments, two: _Moments) -> _Moments:
    """Merged count, mean and squared deviations (Chan, Golub & LeVeque, 1979)."""
    (count, mean, squares), (more, other, spread) = one, two
    total = count + more
    difference = np.where((count > 0) & (more > 0), other - mean, 0.0)
    weight = more / np.maximum(1, total)
    return (
        total,
        np.where(count > 0, mean + difference * weight, other),
        squares + spread + difference**2 * count * weight,
    )


def _lowest(
    rows: NDArray[np.float64], priorities: NDArray[np.uint64]
) -> tuple[NDArray[np.float64], NDArray[np.uint64]]:
    order = np.argsort(priorities, kind="stable")[: capacity(rows.shape[1])]
    return rows[order], priorities[order]


def _priorities(positions: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Pseudo-random numbers that depend only on the position: splitmix64 (Steele, Lea & Flood, 2014)."""
    mixed = (positions + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
