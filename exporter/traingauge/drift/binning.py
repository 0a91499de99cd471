"""Bins: where a feature is cut, and how a batch is counted into them.

The convention, for every feature and wherever bins are counted (here or inside a framework's graph): with the
edges of feature ``f`` in ascending order, padded with +inf to the same length E for all features,

    bin(x) = number of edges strictly below x  =  sum(x > edges[f])      for finite x, in 0 … E
    bin(x) = E + 1                                                       for NaN, +inf and -inf ("missing")

so bin ``i`` holds ``edges[i - 1] < x <= edges[i]``. The first edge lies just below the least value of the
reference and the last finite one just above its greatest: bin 0 is "below the range", the bin behind the last
finite edge is "above the range". Edges lie *between* values that occurred and the outer ones keep a float32's
distance, so that values rounded to float32 fall where their float64 originals did.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from traingauge.classification.arrays import Array

_SMALLEST = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True, slots=True)
class Binned:
    """A batch of features, reduced to how many values of each fall in each bin.

    Attributes:
        counts: Shape (F, E + 2), of the smallest unsigned dtype that holds them; the last column is
            "missing".
        samples: Rows of the batch.
    """

    counts: Array
    samples: int

    @property
    def nonfinite(self) -> int:
        """Values that were NaN or infinite."""
        return int(self.counts[:, -1].sum(dtype=np.int64))


def column_edges(values: NDArray[np.float64], low: float, high: float, bins: int) -> NDArray[np.float64]:
    """Ascending edges that cut a feature into bins of about equal share.

    Up to ``bins`` distinct values get a bin each. With more, bins are filled in order with whole values until
    each has its share of what is left, so a value that occurs often (the zero of a zero-inflated feature)
    stands alone.

    Args:
        values: Shape (n,), finite, in any order.
        low: Least finite value of the reference, NaN if it has none.
        high: Its greatest.
        bins: Bins inside of the range, at least 1.

    Returns:
        Shape (bins in use + 1,); empty if there is no finite value at all.

    >>> column_edges(np.array([0.0, 1.0, 1.0, 0.0]), 0.0, 1.0, 10)[1]
    np.float64(0.5)
    """
    if not len(values):
        return np.empty(0)
    distinct, counts = np.unique(values, return_counts=True)
    cuts = np.arange(len(distinct) - 1) if len(distinct) <= bins else _equal_shares(counts, bins)
    left, right = distinct[cuts], distinct[cuts + 1]
    middle = left / 2 + right / 2
    inner = np.where((middle >= left) & (middle < right), middle, left)
    return np.concatenate([[_just_below(low)], inner, [_just_above(high)]])


def pad_edges(columns: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Edges of all features in one array, shape (F, E), the shorter ones padded with +inf."""
    padded = np.full((len(columns), max(map(len, columns), default=0)), np.inf)
    for row, edges in zip(padded, columns, strict=True):
        row[: len(edges)] = edges
    return padded


def count_bins(values: Array, edges: NDArray[np.float64]) -> NDArray[np.intp]:
    """How many values of each feature fall in each bin.

    Args:
        values: Shape (n, F), any real dtype.
        edges: Shape (F, E).

    Returns:
        Shape (F, E + 2); the last column counts what is missing.

    >>> count_bins(np.array([[0.0], [1.0], [np.nan]]), np.array([[0.0, 0.5]]))
    array([[1, 0, 1, 1]])
    """
    features, width = edges.shape
    where = np.zeros(values.shape, dtype=np.uint8 if width < 255 else np.uint16)
    for edge in edges.T:
        where += values > edge
    if values.dtype.kind == "f":
        where[~np.isfinite(values)] = width + 1
    flat = where + np.arange(features) * (width + 2)
    return np.bincount(flat.ravel(), minlength=features * (width + 2)).reshape(features, width + 2)


def _equal_shares(counts: NDArray[np.intp], bins: int) -> NDArray[np.intp]:
    """Indices of the values after which to cut, so that each bin has about its share of what is left."""
    ends = counts.cumsum()
    total, last = int(ends[-1]), len(counts) - 1
    cuts: list[int] = []
    start, done = 0, 0
    for left in range(bins, 1, -1):
        target = done + (total - done) / left
        cut = int(np.searchsorted(ends, target))
        if cut > start and target - ends[cut - 1] < ends[cut] - target:
            cut -= 1
        if cut >= last:
            break
        cuts.append(cut)
        start, done = cut + 1, int(ends[cut])
    return np.array(cuts, dtype=np.intp)


def _just_below(low: float) -> float:
    """The float32 next below, so that ``low`` itself, rounded to float32 or not, is not below the range."""
    with np.errstate(over="ignore", under="ignore"):
        edge = np.nextafter(np.float32(low), np.float32(-np.inf))
        edge = edge if np.isfinite(edge) else np.nextafter(low, -np.inf)
    # Frameworks flush smaller numbers to 0, and the edge below 0 has to stay below it.
    return -_SMALLEST if abs(edge) < _SMALLEST else float(edge)


def _just_above(high: float) -> float:
    """``high``, rounded up to float32 if it rounds up, so that it is never above the range."""
    with np.errstate(over="ignore", under="ignore"):
        edge = np.float32(high)
    return max(high, float(edge)) if np.isfinite(edge) else high
