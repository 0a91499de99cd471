"""Histograms of scores, apart for positive and negative samples, and what ranking can be read off them.

The bins are fixed, so histograms add up over steps, splits and processes. They are narrow in the log of the odds, not in
the probability: a trained network's scores crowd at 0 and 1, where bins of equal width would take nearly all of them for
equal. Bins are read off the bits of the smaller of p and 1 - p as float32: its exponent and the first 5 bits of its
mantissa, 32 bins for each halving down to 2^-64. So their order is exactly that of the scores.

Scores in the same bin count as equal. That is the only error, and its bound follows from the histogram itself: see
:func:`roc_auc_error` and :func:`average_precision_bounds`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from traingauge.stats.classification.scores import divide

_MANTISSA_BITS = 5
_OCTAVES = 64
_HALF = _OCTAVES << _MANTISSA_BITS

#: Number of bins, half of them on either side of 0.5.
BINS = 2 * _HALF

#: By how many bits a float32 is shifted to tell its bin, and what the lowest bin then reads.
SHIFT = 23 - _MANTISSA_BITS
LOWEST = (126 - _OCTAVES) << _MANTISSA_BITS  # 126 is the exponent of 0.5


def bins_of(smaller: NDArray[np.float32], upper: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Bin of each score, rising with the score.

    Args:
        smaller: min(p, 1 - p), any shape.
        upper: Whether it is 1 - p, the same shape.

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
        counts: Shape (C, 2, BINS), C-contiguous: for each column those of negatives, then of positives.
        bins: Shape (C, n).
        positive: Shape (C, n).
        weight: Shape (n,), 1 each if ``None``.
    """
    offsets = np.arange(0, counts.size, 2 * BINS)[:, np.newaxis]
    cells = bins + offsets + positive.view(np.uint8) * np.int32(BINS)
    # In place, as a new array of counts for every few samples would cost more than counting them.
    np.add.at(counts.reshape(-1), cells.ravel(), 1.0 if weight is None else np.tile(weight, len(bins)))


def roc_auc(counts: NDArray[np.float64]) -> float:
    """Area under the ROC curve.

    The share of pairs of a positive and a negative sample in which the positive has the higher score; equal scores
    count half (Mann and Whitney, 1947). NaN without a sample of either kind.

    Args:
        counts: Shape (2, BINS): of negatives, of positives.
    """
    negative, positive = counts
    below = np.cumsum(negative) - negative / 2
    return float(divide(positive @ below, negative.sum() * positive.sum()))


def roc_auc_error(counts: NDArray[np.float64]) -> float:
    """How far :func:`roc_auc` can be from the area of the unbinned scores.

    Half the share of pairs whose scores are in the same bin: only their order is unknown.

    Args:
        counts: Shape (2, BINS): of negatives, of positives.
    """
    negative, positive = counts
    return float(divide(positive @ negative / 2, negative.sum() * positive.sum()))


def average_precision(counts: NDArray[np.float64]) -> float:
    """Average precision, Σ (R_i - R_{i-1}) P_i from the highest score down; NaN without a positive sample.

    Args:
        counts: Shape (2, BINS): of negatives, of positives.
    """
    hits, above = _from_the_top(counts)
    precision = np.cumsum(hits) / np.cumsum(above)
    return float(divide(hits @ precision, hits.sum()))


def average_precision_bounds(counts: NDArray[np.float64]) -> tuple[float, float]:
    """Between which values the average precision of the unbinned scores lies.

    The lower bound takes the negatives of each bin to come before its positives. The i-th of its a positives, with T
    positives and N samples above the bin and b negatives in it, then has the precision (T + i) / (N + b + i); their sum
    is at least the integral a - (N - T + b) ln((N + b + a) / (N + b)). The upper bound takes them to come after, and
    all positives to be found together.

    Args:
        counts: Shape (2, BINS): of negatives, of positives.
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
    """Positives, and all samples, of each bin that has any, from the highest score down."""
    hits, above = counts[1, ::-1], counts[0, ::-1] + counts[1, ::-1]
    return hits[above > 0], above[above > 0]
