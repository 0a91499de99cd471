"""Histograms of the scores of positive and negative samples, and the ranking scores that follow from them.

The bins are fixed, so histograms can be summed over steps, splits and processes. They are narrow in log-odds and not in
probability: the scores of a trained network are concentrated near 0 and 1, where bins of equal width could not distinguish
them. The bin is taken from the bits of min(p, 1 - p) as float32: its exponent and the first 5 bits of its mantissa, which
gives 32 bins for each halving down to 2^-64, in exactly the order of the scores.

Scores in the same bin count as equal. This is the only error, and the histogram itself bounds it: see :func:`roc_auc_error`
and :func:`average_precision_bounds`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from traingauge.stats.classification.scores import divide

_MANTISSA_BITS = 5
_OCTAVES = 64
_HALF = _OCTAVES << _MANTISSA_BITS

#: Number of bins, half of them on each side of 0.5.
BINS = 2 * _HALF

#: Number of bits by which a float32 is shifted to find its bin, and the shifted value of the lowest bin.
SHIFT = 23 - _MANTISSA_BITS
LOWEST = (126 - _OCTAVES) << _MANTISSA_BITS  # 126 is the exponent of 0.5


def bins_of(smaller: NDArray[np.float32], upper: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Bin of each score, increasing with the score; same shape.

    Args:
        smaller: min(p, 1 - p), any shape.
        upper: Whether it is 1 - p, same shape.

    >>> bins_of(np.array([0.0, 0.01, 0.5, 0.01, 0.0], np.float32), np.array([False, False, False, True, True]))
    array([   0, 1864, 2047, 2231, 4095], dtype=int32)
    """
    within = (smaller.view(np.int32) >> SHIFT) - np.int32(LOWEST)
    np.clip(within, 0, _HALF - 1, out=within)
    return np.where(upper, np.int32(BINS - 1) - within, within)


def add_to_histogram(
    counts: NDArray[np.float64],
    bins: NDArray[np.int32],
    positive: NDArray[np.bool_],
    weight: NDArray[np.float64] | None,
) -> None:
    """Add scores to histograms, in place.

    Args:
        counts: Histograms of the negatives and positives of each column, shape (C, 2, BINS), C-contiguous.
        bins: Bins of the scores, shape (C, n).
        positive: Whether each sample is positive, shape (C, n).
        weight: Shape (n,) or (C, n); ``None`` weights every sample 1.
    """
    offsets = np.arange(0, counts.size, 2 * BINS)[:, np.newaxis]
    cells = bins + offsets + positive.view(np.uint8) * np.int32(BINS)
    # In place: allocating counts for every few samples would cost more than counting them.
    np.add.at(
        counts.reshape(-1),
        cells.ravel(),
        1.0 if weight is None else np.broadcast_to(weight, bins.shape).ravel(),
    )


def roc_auc(counts: NDArray[np.float64]) -> float:
    """Area under the ROC curve; NaN unless there are both positive and negative samples.

    It is the share of pairs of a positive and a negative sample in which the positive one has the higher score; equal scores
    count half (Mann & Whitney, 1947).

    Args:
        counts: Negatives and positives by bin, or by score, in ascending order, shape (2, any).

    >>> smaller, upper = np.array([[0.2, 0.4, 0.3]], np.float32), np.array([[False, False, True]])
    >>> histogram = np.zeros((1, 2, BINS))
    >>> add_to_histogram(histogram, bins_of(smaller, upper), np.array([[False, False, True]]), None)
    >>> roc_auc(histogram[0]), roc_auc_error(histogram[0])
    (1.0, 0.0)
    """
    negative, positive = counts
    below = np.cumsum(negative) - negative / 2
    return float(divide(positive @ below, negative.sum() * positive.sum()))


def roc_auc_error(counts: NDArray[np.float64]) -> float:
    """Upper bound of the difference between :func:`roc_auc` and the area for the unbinned scores.

    It is half the share of pairs whose scores are in the same bin, as only their order is unknown.

    Args:
        counts: Histograms of negatives and positives, shape (2, BINS).
    """
    negative, positive = counts
    return float(divide(positive @ negative / 2, negative.sum() * positive.sum()))


def average_precision(counts: NDArray[np.float64]) -> float:
    """Average precision, Σ (R_i - R_{i-1}) P_i from the highest score down; NaN without positive samples.

    Args:
        counts: Negatives and positives by bin, or by score, in ascending order, shape (2, any).

    >>> smaller, upper = np.array([[0.2, 0.4, 0.3]], np.float32), np.array([[False, False, False]])
    >>> histogram = np.zeros((1, 2, BINS))
    >>> add_to_histogram(histogram, bins_of(smaller, upper), np.array([[True, False, True]]), None)
    >>> round(average_precision(histogram[0]), 6)
    0.583333
    """
    hits, above = _from_the_top(counts)
    precision = divide(np.cumsum(hits), np.cumsum(above))
    return float(divide(hits @ precision, hits.sum()))


def average_precision_bounds(counts: NDArray[np.float64]) -> tuple[float, float]:
    """Lower and upper bound of the average precision of the unbinned scores.

    The lower bound ranks the negatives of each bin before its positives. With T positives and N samples above the bin, and a
    positives and b negatives in it, the i-th positive then has the precision (T + i) / (N + b + i), and these sum to at
    least the integral a - (N - T + b) ln((N + b + a) / (N + b)). The upper bound ranks the negatives after the positives,
    all of which are found at once.

    Args:
        counts: Histograms of negatives and positives, shape (2, BINS).
    """
    hits, above = _from_the_top(counts)
    true, seen = np.cumsum(hits), np.cumsum(above)
    before = seen - hits  # N + b
    wrong = before - (true - hits)  # N - T + b
    some = before > 0
    low = hits.copy()
    low[some] -= wrong[some] * np.log1p(hits[some] / before[some])
    found = hits > 0
    high = hits[found] * true[found] / np.maximum(seen - above + hits, true)[found]
    return float(divide(low.sum(), hits.sum())), float(divide(high.sum(), hits.sum()))


def _from_the_top(counts: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Number of positives and of all samples in each non-empty bin, from the highest score down."""
    hits, above = counts[1, ::-1], counts[0, ::-1] + counts[1, ::-1]
    return hits[above > 0], above[above > 0]
