"""Sliding windows over many streams, with the statistics of all of them computed at once.

Sorting a table costs about as much as sorting one row, so the streams of a run share a table.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Scales the median absolute deviation of a normal distribution to its standard deviation: 1 / Φ⁻¹(3/4).
MAD_TO_STDDEV = 1.482602218505602

#: Earlier values needed to compare the last one with them.
MIN_EARLIER = 8


@dataclass(frozen=True, slots=True)
class WindowStatistics:
    """Statistics of R windows, each of shape (R,) unless stated otherwise; NaN where undefined.

    "Earlier" values are those of the window without its last one: a value must not be part of what it is compared with,
    or no z-score in a window of n could exceed (n - 1) / √n.

    Attributes:
        count: Number of values in the window.
        mean: Their mean.
        stddev: Their sample standard deviation (n - 1).
        quantiles: Shape (Q, R), linearly interpolated between order statistics (Hyndman & Fan, type 7).
        decayed_mean: Mean with weights 2^(-age / half-life), where the last value has age 0.
        decayed_stddev: Square root of Σw(x - mean)² / (Σw - Σw²/Σw), the unbiased variance for such weights.
        decayed_quantiles: Shape (Q, R), the smallest value at which the cumulative weight reaches the share q.
        zscore: Last value minus the mean of the earlier ones, in units of their standard deviation.
        robust_zscore: Last value minus the median of the earlier ones, in units of 1.4826 times their median absolute
            deviation (Iglewicz & Hoaglin 1993): outliers among them do not mask the next one.
        lower: Lower control limit (Shewhart): mean of the earlier values minus three of their standard deviations.
        upper: Upper control limit.
    """

    count: NDArray[np.int64]
    mean: Floats
    stddev: Floats
    quantiles: Floats
    decayed_mean: Floats
    decayed_stddev: Floats
    decayed_quantiles: Floats
    zscore: Floats
    robust_zscore: Floats
    lower: Floats
    upper: Floats


class Windows:
    """The last ``size`` finite values of each of a growing number of streams.

    Args:
        size: Values per window, at least 2.
        half_life: Age, in values, at which a value counts half in the decayed statistics. ``None`` is ``size / 8``, so that
            a value that has left the window would have counted less than 1/256.

    >>> windows = Windows(4); row = windows.add_row()
    >>> windows.extend(row, np.array([9.0, 1.0, 2.0, math.nan, 3.0, 4.0]))
    >>> windows.statistics((0.5,)).mean, windows.statistics((0.5,)).quantiles
    (array([2.5]), array([[2.5]]))
    """

    def __init__(self, size: int, half_life: float | None = None) -> None:
        self._size = size
        self._half_life = size / 8 if half_life is None else half_life
        self._values = np.full((0, size), math.nan)
        self._seen = np.zeros(0, dtype=np.int64)

    def add_row(self) -> int:
        """Add a stream; returns its row."""
        self._values = np.vstack([self._values, np.full((1, self._size), math.nan)])
        self._seen = np.append(self._seen, 0)
        return len(self._seen) - 1

    def extend(self, row: int, values: Floats) -> None:
        """Append values, shape (n,), to the stream of a row; NaN and infinite ones are left out."""
        values = values[np.isfinite(values)]
        kept, seen = values[-self._size :], int(self._seen[row]) + len(values)
        self._values[row, (seen - len(kept) + np.arange(len(kept))) % self._size] = kept
        self._seen[row] = seen

    def arrays(self) -> tuple[Floats, NDArray[np.int64]]:
        """Copies of the table, shape (R, size), and of the number of values that each stream has seen, shape (R,)."""
        return self._values.copy(), self._seen.copy()

    def restore(self, values: Floats, seen: NDArray[np.int64]) -> None:
        """Restore the state from :meth:`arrays`; if the window size has changed, the last values that fit are kept."""
        self._values, self._seen = np.full((0, self._size), math.nan), np.zeros(0, dtype=np.int64)
        for kept, total in zip(values, seen.tolist(), strict=True):
            oldest = total % len(kept) if total > len(kept) else 0
            self.extend(self.add_row(), np.roll(kept, -oldest))

    def statistics(self, quantiles: tuple[float, ...]) -> WindowStatistics:
        """Statistics of every window as it is now.

        Args:
            quantiles: Shares q of the quantiles, each in [0, 1].
        """
        with np.errstate(all="ignore"):  # undefined is NaN, so 0 / 0 of an empty window is intended
            return self._statistics(np.array(quantiles))

    def _statistics(self, shares: Floats) -> WindowStatistics:
        count = np.minimum(self._seen, self._size)
        newest = (self._seen - 1) % self._size
        position = np.arange(self._size)
        filled = position < count[:, None]
        earlier = filled & (position != newest[:, None])
        order = np.argsort(self._values, axis=1)  # unused places are NaN, which sorts last
        ascending = np.take_along_axis(self._values, order, axis=1)
        mean, stddev = _moments(self._values, filled, count)
        age = (newest[:, None] - position) % self._size
        weights = np.where(filled, 0.5 ** (age / self._half_life), 0.0)
        total = weights.sum(axis=1)
        decayed_mean = np.where(filled, weights * self._values, 0.0).sum(axis=1) / total
        deviations = np.where(filled, weights * np.square(self._values - decayed_mean[:, None]), 0.0)
        freedom = total - np.square(weights).sum(axis=1) / total
        last = self._values[np.arange(len(count)), newest]
        before = np.where(earlier, self._values, math.nan)
        base_mean, base_stddev = _moments(before, earlier, count - 1)
        median = _median(before, count - 1)
        spread = MAD_TO_STDDEV * _median(np.abs(before - median[:, None]), count - 1)
        known = np.where(count > MIN_EARLIER, 1.0, math.nan)
        return WindowStatistics(
            count,
            mean,
            stddev,
            _quantiles(ascending, count, shares),
            decayed_mean,
            np.sqrt(np.where(count > 1, deviations.sum(axis=1) / freedom, math.nan)),
            _weighted_quantiles(ascending, np.take_along_axis(weights, order, axis=1), shares),
            known * _standardised(last, base_mean, base_stddev),
            known * _standardised(last, median, spread),
            known * (base_mean - 3 * base_stddev),
            known * (base_mean + 3 * base_stddev),
        )


def _moments(values: Floats, filled: NDArray[np.bool_], count: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Mean and sample standard deviation of each row, in two passes."""
    mean = np.where(filled, values, 0.0).sum(axis=1) / count
    squares = np.where(filled, np.square(values - mean[:, None]), 0.0).sum(axis=1)
    return np.where(count > 0, mean, math.nan), np.sqrt(np.where(count > 1, squares / (count - 1), math.nan))


def _median(values: Floats, count: NDArray[np.int64]) -> Floats:
    return np.asarray(_quantiles(np.sort(values, axis=1), count, np.array([0.5]))[0])


def _quantiles(ascending: Floats, count: NDArray[np.int64], shares: Floats) -> Floats:
    """Linearly interpolated quantiles of rows whose first ``count`` values are sorted, shape (Q, R)."""
    place = shares[:, None] * np.maximum(count - 1, 0)
    low = np.floor(place).astype(np.intp)
    high = np.minimum(low + 1, np.maximum(count - 1, 0))
    rows = np.arange(len(count))
    below, above = ascending[rows, low], ascending[rows, high]
    return np.asarray(below + (above - below) * (place - low))


def _weighted_quantiles(ascending: Floats, weights: Floats, shares: Floats) -> Floats:
    """The smallest value at which the cumulative weight reaches each share of the total, shape (Q, R)."""
    reached = weights.cumsum(axis=1)
    wanted = (
        shares[:, None, None] * reached[:, -1:]
    )  # the rounded total, so that a share of 1 is always reached
    at = np.argmax(reached >= wanted, axis=2)
    return np.asarray(ascending[np.arange(len(ascending)), at])


def _standardised(values: Floats, centre: Floats, spread: Floats) -> Floats:
    """``(values - centre) / spread``; 0 if value and centre are equal up to rounding, else infinite for a spread of 0."""
    distance = values - centre
    distance = np.where(np.abs(distance) <= 8 * np.finfo(np.float64).eps * np.abs(centre), 0.0, distance)
    return np.where(distance == 0, 0.0, distance / spread)
