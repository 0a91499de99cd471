"""Bins: how a feature is divided, and how a batch is counted into its bins.

One convention holds for every feature, here and inside a framework's graph. With the edges of feature ``f`` in ascending
order, padded with +inf to the same length E for all features,

    bin(x) = number of edges strictly below x  =  sum(x > edges[f])      for finite x, in 0 … E
    bin(x) = E + 1                                                       for NaN, +inf and -inf ("missing")

so bin ``i`` holds ``edges[i - 1] < x <= edges[i]``. The first edge lies just below the minimum of the reference and the
last finite one just above its maximum: bin 0 is "below the range", and the bin after the last finite edge is "above the
range". Edges lie *between* values that occurred, and the outer ones leave room for rounding to float32, so that values
rounded to float32 fall into the same bins as their float64 originals.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

#: Maximum size of a feature's look-up table, in cells.
CELLS = 4096

#: Maximum number of cells of all features together: float32 numbers them exactly, and the tables stay small.
ALL_CELLS = 1 << 21

#: Values counted at a time, so that temporary arrays stay in the processor's cache.
BLOCK = 1 << 16

_SMALLEST = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True, slots=True)
class Binned:
    """A batch, reduced to the number of values of each feature in each bin.

    Attributes:
        counts: Shape (F, E + 2), of the smallest unsigned dtype that holds them; the last column is "missing".
        samples: Number of rows in the batch.
        others: Counts of labels and predictions, by name.
        infinite: Shape (F,), how many of the missing values were infinite; ``None`` if not counted.
        absent: Names of features for which the batch had no column; all their values are missing.
        extra: Names of columns that are not features.
    """

    counts: NDArray[Any]
    samples: int
    others: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    infinite: NDArray[np.int64] | None = None
    absent: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()

    @property
    def nonfinite(self) -> int:
        """Number of feature values that were NaN or infinite."""
        return int(self.counts[:, -1].sum(dtype=np.int64))


def column_edges(values: NDArray[np.float64], low: float, high: float, bins: int) -> NDArray[np.float64]:
    """Ascending edges that divide a feature into bins of about equal share.

    Up to ``bins`` distinct values get a bin each. With more, bins are filled in order, with all occurrences of a value
    together, until each has its share of the remaining values. A frequent value (the zero of a zero-inflated feature)
    thereby gets a bin of its own.

    Args:
        values: Shape (n,), finite, in any order.
        low: Minimum of the reference's finite values; NaN if it has none.
        high: Their maximum.
        bins: Maximum number of bins within the range, at least 1.

    Returns:
        Shape (bins in use + 1,); empty if ``values`` is.

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
    """Stack the edges of all features into one array, shape (F, E), padded with +inf.

    >>> pad_edges([np.array([0.0, 1.0]), np.array([2.0])])
    array([[ 0.,  1.],
           [ 2., inf]])
    """
    padded = np.full((len(columns), max(map(len, columns), default=0)), np.inf)
    for row, edges in zip(padded, columns, strict=True):
        row[: len(edges)] = edges
    return padded


def count_bins(values: NDArray[Any], edges: NDArray[np.float64]) -> NDArray[np.intp]:
    """Count the values of each feature in each bin.

    Args:
        values: Shape (n, F), any real dtype.
        edges: Shape (F, E), ascending, padded with +inf.

    Returns:
        Shape (F, E + 2); the last column counts missing values.

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


class Binner:
    """Counts batches into bins by table look-up; the result is exactly that of :func:`count_bins`.

    The range of each feature's inner edges is divided into cells of equal width, so narrow that no two edges share one. One
    multiplication finds the cell of a value. A table gives the number of edges in the cells before it, and one comparison
    with the edge in the cell decides the rest. Rounding is harmless: the mapping to cells is monotone, and edges are mapped
    by the same arithmetic. A feature whose edges are too close for :data:`CELLS`, or that comes after :data:`ALL_CELLS`, is
    counted by comparison.

    Args:
        edges: Shape (F, E), ascending, padded with +inf.

    >>> Binner(np.array([[0.0, 0.5]])).count(np.array([[0.0], [1.0], [np.nan]]))
    array([[1, 0, 1, 1]])
    """

    def __init__(self, edges: NDArray[np.float64]) -> None:
        self._edges = edges
        tables: dict[int, _Cells] = {}
        first_cell = 0
        for feature, row in enumerate(edges):
            table = _cells(row[row < np.inf], feature * (edges.shape[1] + 2), first_cell)
            if table is not None:
                tables[feature] = table
                first_cell += len(table.below)
        self._fast = np.array([*tables], dtype=np.intp)
        self._slow = np.setdiff1d(np.arange(len(edges)), self._fast)
        sizes = np.array([len(table.below) for table in tables.values()], dtype=np.intp)
        self._grid = _Grid(
            np.array([table.scale for table in tables.values()], dtype=np.float32),
            np.array([table.shift for table in tables.values()], dtype=np.float32),
            (np.cumsum(sizes) - sizes).astype(np.float32),
            (np.cumsum(sizes) - 1).astype(np.float32),
        )
        self._repeated = _Grid(*(np.tile(each, (0, 1)) for each in self._grid))
        self._below = np.concatenate([np.empty(0, np.intp), *(table.below for table in tables.values())])
        self._edge = np.concatenate([np.empty(0), *(table.edge for table in tables.values())])
        # A float32 is above an edge exactly if it is above that edge rounded down to float32, which is cheaper to compare.
        self._edge_of_float32 = _rounded_down(self._edge)

    def count(self, values: NDArray[Any]) -> NDArray[np.intp]:
        """Count the values of each feature in each bin.

        Args:
            values: Shape (n, F), any real dtype.

        Returns:
            Shape (F, E + 2); the last column counts missing values.
        """
        features, width = self._edges.shape
        counts = np.zeros((features, width + 2), dtype=np.intp)
        rows = max(1, BLOCK // max(1, features))
        for at in range(0, len(values), rows):
            block = values[at : at + rows]
            if not len(self._slow):
                self._add(block, counts)
            else:
                self._add(block[:, self._fast], counts)
                counts[self._slow] += count_bins(block[:, self._slow], self._edges[self._slow])
        return counts

    def _add(self, values: NDArray[Any], counts: NDArray[np.intp]) -> None:
        with np.errstate(over="ignore", invalid="ignore"):
            rough = values.astype(np.float32)
            finite = None if np.isfinite(rough.ravel().sum()) else np.isfinite(values)
            if finite is not None:
                values = np.where(finite, values, 0)
                rough = values.astype(np.float32)
            cell = _cell(rough, self._grid_of(len(values)))
        where = self._below.take(
            cell, mode="clip"
        )  # every cell is in range; clipping is faster than checking
        edges = self._edge_of_float32 if values.dtype == np.float32 else self._edge
        # Adding booleans to integers would go through numpy's casting buffers and take ten times as long.
        where += (values > edges.take(cell, mode="clip")).astype(np.intp)
        if finite is not None:
            where = np.where(finite, where, (self._fast + 1) * counts.shape[1] - 1)
        counts += np.bincount(where.ravel(), minlength=counts.size).reshape(counts.shape)

    def _grid_of(self, rows: int) -> _Grid:
        """The grid, repeated for each row: without broadcasting over short rows numpy is three times as fast."""
        if len(self._repeated.scale) < rows:
            self._repeated = _Grid(*(np.tile(each, (rows, 1)) for each in self._grid))
        return _Grid(*(each[:rows] for each in self._repeated))


class _Grid(NamedTuple):
    """Mapping from values to cells, for each feature: ``clip(value * scale + shift, first, last)``.

    Attributes:
        scale: Cells per unit.
        shift: Offset of the cells.
        first: First cell of the feature.
        last: Last cell of the feature.
    """

    scale: NDArray[np.float32]
    shift: NDArray[np.float32]
    first: NDArray[np.float32]
    last: NDArray[np.float32]


class _Cells(NamedTuple):
    """The cells of one feature.

    Attributes:
        scale: Cells per unit.
        shift: Offset that puts the first inner edge in the middle of the second cell.
        below: Shape (cells,), number of edges in the cells before, plus the feature's first bin in the flat counts.
        edge: Shape (cells,), the edge in the cell; +inf if there is none.
    """

    scale: np.float32
    shift: np.float32
    below: NDArray[np.intp]
    edge: NDArray[np.float64]


def _cells(edges: NDArray[np.float64], first_bin: int, first_cell: int) -> _Cells | None:
    """Cells for the edges of one feature; ``None`` if there would be too many."""
    inner = edges[1:-1] if len(edges) > 2 else edges
    with np.errstate(all="ignore"):  # edges that are too close or too far apart overflow, and have no cells
        gap = 0.9 * np.diff(edges).min(initial=1.0 if len(edges) < 2 else np.inf)
        cells = (inner[-1] - inner[0]) / gap + 4 if len(inner) else 1.0
        scale = np.float32(1 / gap)
        shift = np.float32(first_cell + 1.5 - (inner[0] / gap if len(inner) else 0.0))
        if not (cells <= min(CELLS, ALL_CELLS - first_cell) and 0 < scale < np.inf and np.isfinite(shift)):
            return None
        ends = first_cell, first_cell + int(cells) - 1
        grid = _Grid(*(np.array([each], dtype=np.float32) for each in (scale, shift, *ends)))
        cell_of_edge = _cell(edges.astype(np.float32), grid) - first_cell
    if (np.diff(cell_of_edge) < 1).any():
        return None
    edge = np.full(int(cells), np.inf)
    edge[cell_of_edge] = edges
    return _Cells(scale, shift, first_bin + np.searchsorted(cell_of_edge, np.arange(int(cells))), edge)


def _cell(values: NDArray[np.float32], grid: _Grid) -> NDArray[np.intp]:
    """The cell of each value, monotone in the value; overwrites ``values``. Float32 is fast and need not be exact."""
    values *= grid.scale
    values += grid.shift
    np.maximum(values, grid.first, out=values)
    np.minimum(values, grid.last, out=values)
    return values.astype(np.int32).astype(np.intp)  # twice as fast as a direct conversion


def _rounded_down(edges: NDArray[np.float64]) -> NDArray[np.float32]:
    """The largest float32 that is not above each edge."""
    with np.errstate(over="ignore"):
        rounded = edges.astype(np.float32)
        return np.where(rounded > edges, np.nextafter(rounded, np.float32(-np.inf)), rounded)


def _equal_shares(counts: NDArray[np.intp], bins: int) -> NDArray[np.intp]:
    """Indices of the values after which to cut, so that each bin has about its share of the remaining values."""
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
    """The next float32 below ``low``, so that ``low`` is within the range even after rounding to float32."""
    with np.errstate(over="ignore", under="ignore"):
        edge = np.nextafter(np.float32(low), np.float32(-np.inf))
        edge = edge if np.isfinite(edge) else np.nextafter(low, -np.inf)
    # Frameworks flush denormal numbers to 0, and the edge below 0 must stay below 0.
    return -_SMALLEST if abs(edge) < _SMALLEST else float(edge)


def _just_above(high: float) -> float:
    """``high``, or its float32 if that is larger, so that ``high`` is within the range even after rounding to float32."""
    with np.errstate(over="ignore", under="ignore"):
        edge = np.float32(high)
    return max(high, float(edge)) if np.isfinite(edge) else high
