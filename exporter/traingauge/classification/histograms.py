"""Histograms of scores, apart for positive and negative samples, and what ranking can be read off them.

The bins are fixed, so histograms add up over steps, splits and processes. They are narrow in the log of the odds, not in
the probability: a trained network's scores crowd at 0 and 1, where bins of equal width would take nearly all of them for
equal. Bins are read off the bits of the smaller of p and 1 - p as float32: its exponent and the first 6 bits of its
mantissa, 64 bins for each halving down to 2^-64. So their order is exactly that of the scores.

Scores in the same bin count as equal. That is the only error, and its bound follows from the histogram itself: see
:func:`roc_auc_error` and :func:`average_precision_bounds`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from traingauge.classification.scores import divide

_MANTISSA_BITS = 6
_OCTAVES = 64
_HALF = _OCTAVES << _MANTISSA_BITS
_SHIFT = 23 - _MANTISSA_BITS
_LOWEST = (126 - _OCTAVES) << _MANTISSA_BITS  # 126 is the exponent of 0.5

#: Number of bins, half of them on either side of 0.5.
BINS = 2 * _HALF


def bins_of(smaller: NDArray[np.float32], upper: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Bin of each score, rising with the score.

    Args:
        smaller: min(p, 1 - p), any shape.
        upper: Whether it is 1 - p, the same shape.

    >>> bins_of(np.array([0.0, 0.01, 0.5, 0.01, 0.0], np.float32), np.array([False, False, False, True, True]))
    array([   0, 3729, 4095, 4462, 8191], dtype=int32)
    """
    within = (smaller.view(np.int32) >> _SHIFT) - np.int32(_LOWEST)
    np.clip(within, 0, _HALF - 1, out=within)
    return np.where(upper, np.int32(BINS - 1) - within, within)


def histogram(
    bins: NDArray[np.int32], positive: NDArray[np.bool_], weight: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    """Histogram of scores, shape (C, 2, BINS): for each column those of negatives, then of positives.

    Args:
        bins: Shape (n, C).
        positive: Shape (n, C).
        weight: Shape (n,), 1 each if ``None``.
    """
    columns = bins.shape[1]
    cells = bins + (2 * np.arange(columns, dtype=np.int32) + positive) * np.int32(BINS)
    spread = None if weight is None else np.repeat(weight, columns)
    return np.bincount(cells.ravel(), spread, columns * 2 * BINS).reshape(columns, 2, BINS).astype(np.float64)


def roc_auc(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Area under the ROC curve of each column, shape (C,).

    The share of pairs of a positive and a negative sample in which the positive has the higher score; equal scores
    count half (Mann and Whitney, 1947). NaN without a sample of either kind.

    Args:
        counts: Shape (C, 2, BINS).
    """
    negative, positive = counts[:, 0], counts[:, 1]
    below = np.cumsum(negative, axis=1) - negative / 2
    return divide((positive * below).sum(axis=1), negative.sum(axis=1) * positive.sum(axis=1))


def roc_auc_error(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far :func:`roc_auc` can be from the area of the unbinned scores, shape (C,).

    Half the share of pairs whose scores are in the same bin: only their order is unknown.

    Args:
        counts: Shape (C, 2, BINS).
    """
    negative, positive = counts[:, 0], counts[:, 1]
    return divide((positive * negative).sum(axis=1) / 2, negative.sum(axis=1) * positive.sum(axis=1))


def average_precision(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Average precision of each column, Σ (R_i - R_{i-1}) P_i from the highest score down, shape (C,).

    NaN without a positive sample.

    Args:
        counts: Shape (C, 2, BINS).
    """
    hits, above = _from_the_top(counts)
    precision = np.nan_to_num(divide(np.cumsum(hits, axis=1), np.cumsum(above, axis=1)))
    return divide((hits * precision).sum(axis=1), hits.sum(axis=1))


def average_precision_bounds(counts: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Between which values the average precision of the unbinned scores lies, each of shape (C,).

    The lower bound takes the negatives of each bin to come before its positives. The i-th of its a positives, with T
    positives and N samples above the bin and b negatives in it, then has the precision (T + i) / (N + b + i); their sum
    is at least the integral a - (N - T + b) ln((N + b + a) / (N + b)). The upper bound takes them to come after, and all
    positives to be found together.

    Args:
        counts: Shape (C, 2, BINS).
    """
    hits, above = _from_the_top(counts)
    true, seen = np.cumsum(hits, axis=1), np.cumsum(above, axis=1)
    total = true[:, -1]
    before = seen - hits  # N + b
    wrong = before - (true - hits)  # N - T + b
    growth = np.log1p(np.where(before > 0, hits / np.where(before > 0, before, 1), 0))
    low = np.where(before > 0, hits - wrong * growth, hits).sum(axis=1)
    negatives_above = seen - above - (true - hits)
    high = (hits * np.nan_to_num(divide(true, true + negatives_above))).sum(axis=1)
    return divide(low, total), divide(high, total)


def _from_the_top(counts: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Positives and all samples of each bin, from the highest score down."""
    downwards = counts[:, :, ::-1]
    return downwards[:, 1], downwards.sum(axis=1)
