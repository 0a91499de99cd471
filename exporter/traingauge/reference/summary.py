"""One pass over the data in bounded memory: what adds up exactly, and a uniform sample of the rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from traingauge.classification.arrays import Array

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
        samples: Rows seen.
        missing: Shape (F,), values seen that were NaN or infinite.
        low: Shape (F,), least finite value, NaN without any.
        high: Shape (F,), greatest.
        rows: Shape (k, F), in order of their priorities.
        priorities: Shape (k,), uint64, ascending.

    >>> one, two = summarise(np.array([[1.0], [2.0]])), summarise(np.array([[5.0]]), first_row=2)
    >>> (one + two).samples, (one + two).high
    (3, array([5.]))
    """

    samples: int
    missing: NDArray[np.int64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    rows: NDArray[np.float64]
    priorities: NDArray[np.uint64]

    def __add__(self, other: Summary) -> Summary:
        """Summary of both; they have the same features."""
        rows, priorities = _lowest(
            np.concatenate([self.rows, other.rows]), np.concatenate([self.priorities, other.priorities])
        )
        return Summary(
            self.samples + other.samples,
            self.missing + other.missing,
            np.fmin(self.low, other.low),
            np.fmax(self.high, other.high),
            rows,
            priorities,
        )


def summarise(table: Array, first_row: int = 0) -> Summary:
    """Summary of a table.

    Args:
        table: Shape (n, F), any real dtype.
        first_row: Position of its first row in the whole data.
    """
    values = table.astype(np.float64)
    finite = np.isfinite(values)
    some = finite.any(axis=0)
    low = np.where(finite, values, np.inf).min(axis=0, initial=np.inf)
    high = np.where(finite, values, -np.inf).max(axis=0, initial=-np.inf)
    positions = np.arange(first_row, first_row + len(values), dtype=np.uint64)
    rows, priorities = _lowest(values, _priorities(positions))
    missing = len(values) - finite.sum(axis=0)
    return Summary(
        len(values), missing, np.where(some, low, np.nan), np.where(some, high, np.nan), rows, priorities
    )


def capacity(features: int) -> int:
    """Rows kept of a table with so many features.

    >>> capacity(10), capacity(784), capacity(100_000)
    (20000, 10204, 1000)
    """
    return max(MIN_ROWS, min(MAX_ROWS, MAX_VALUES // max(1, features)))


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
