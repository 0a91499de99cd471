"""One pass over the data in bounded memory: what adds up exactly, and a uniform sample of the rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from traingauge.reference.schema import Schema
from traingauge.stats.arrays import Array

#: Rows kept at most.
MAX_ROWS = 20_000

#: Values kept at most: fewer rows of a wide table, but never fewer than :data:`MIN_ROWS`.
MAX_VALUES = 8_000_000
MIN_ROWS = 1_000


@dataclass(frozen=True, slots=True)
class Summary:
    """What is kept of a table.

    The rows are a uniform sample without replacement: every row draws a priority from its position, and those
    with the lowest are kept. The lowest of a union are among the lowest of its parts, so the summary of a
    whole is the merged summaries of its parts, in any order. Up to :func:`capacity` rows all are kept.

    Attributes:
        schema: Names and vocabularies.
        samples: Rows seen.
        missing: Shape (F,), values seen that were missing, NaN or infinite.
        infinite: Shape (F,), those of them that were infinite.
        low: Shape (F,), least finite value; NaN without any, and of categories.
        high: Shape (F,), greatest; likewise.
        mean: Shape (F,), of the finite values; likewise.
        squares: Shape (F,), sum of their squared deviations from it; 0 where that is NaN.
        rows: Shape (k, F), encoded, in order of their priorities.
        priorities: Shape (k,), uint64, ascending.

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
        """Sample standard deviation (n - 1) of the finite values, shape (F,); NaN with fewer than two."""
        finite = self.samples - self.missing
        variance = np.divide(self.squares, finite - 1, out=np.full(len(finite), np.nan), where=finite > 1)
        return np.asarray(np.sqrt(variance))

    def __add__(self, other: Summary) -> Summary:
        """Summary of both.

        Raises:
            InvalidArgumentError: Other features.
        """
        return merged([self, other])


def merged(parts: Sequence[Summary]) -> Summary:
    """Summary of one part or more.

    Raises:
        InvalidArgumentError: Parts with different features.
    """
    schema = reduce(Schema.__or__, [part.schema for part in parts])
    rows, priorities = _lowest(
        np.concatenate([part.schema.recode(part.rows, schema) for part in parts]),
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
    """Summary of a table.

    Args:
        schema: That encoded it.
        table: Shape (n, F), any real dtype.
        first_row: Position of its first row in the whole data.
    """
    values = table.astype(np.float64)
    finite = np.isfinite(values)
    count = finite.sum(axis=0)
    some = (count > 0) & ~schema.categorical  # places in a vocabulary have no mean and no range
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
    """Rows kept of a table with so many features.

    >>> capacity(10), capacity(784), capacity(100_000)
    (20000, 10204, 1000)
    """
    return max(MIN_ROWS, min(MAX_ROWS, MAX_VALUES // max(1, features)))


_Moments = tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]


def _pooled(one: _Moments, two: _Moments) -> _Moments:
    """Count, mean and squared deviations of both (Chan, Golub & LeVeque, 1979)."""
    (count, mean, squares), (more, other, spread) = one, two
    total = count + more
    gap = np.where((count > 0) & (more > 0), other - mean, 0.0)
    weight = more / np.maximum(1, total)
    return total, np.where(count > 0, mean + gap * weight, other), squares + spread + gap**2 * count * weight


def _lowest(
    rows: NDArray[np.float64], priorities: NDArray[np.uint64]
) -> tuple[NDArray[np.float64], NDArray[np.uint64]]:
    order = np.argsort(priorities, kind="stable")[: capacity(rows.shape[1])]
    return rows[order], priorities[order]


def _priorities(positions: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Pseudo-random numbers that depend on the position alone: splitmix64 (Steele, Lea & Flood, 2014)."""
    mixed = (positions + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
