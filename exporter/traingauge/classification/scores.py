"""Scores as formulas over :class:`~traingauge.classification.counts.Counts`.

Every function is pure. What is undefined is NaN, never 0: the precision of a class that was never predicted, the recall
of a class that never occurred. An average over classes leaves the undefined ones out, and is NaN if none is left: that
is scikit-learn's ``zero_division=np.nan`` with ``labels=range(K)``.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from traingauge.classification.arrays import Array
from traingauge.classification.counts import Counts

#: How one number is made of those of the classes.
Average = Literal["binary", "macro", "weighted", "micro"]

#: The known averages.
AVERAGES: tuple[Average, ...] = get_args(Average)


def divide(numerator: Array | float, denominator: Array | float) -> NDArray[np.float64]:
    """Ratio, NaN where the denominator is 0.

    >>> divide(np.array([1, 0]), np.array([2, 0]))
    array([0.5, nan])
    """
    numerator, denominator = np.asarray(numerator, np.float64), np.asarray(denominator, np.float64)
    undefined = np.full(np.broadcast_shapes(numerator.shape, denominator.shape), np.nan)
    return np.divide(numerator, denominator, out=undefined, where=denominator != 0)


def accuracy(counts: Counts) -> float:
    """Share of samples predicted right (multi-label: in all labels); NaN without samples."""
    return float(divide(counts.correct, counts.total))


def precision(counts: Counts) -> NDArray[np.float64]:
    """Share of a class's predictions that are right, TP / (TP + FP), shape (K,); NaN if it was never predicted."""
    return divide(counts.true_positives, counts.predicted)


def recall(counts: Counts) -> NDArray[np.float64]:
    """Share of a class's samples that were found, TP / (TP + FN), shape (K,); NaN if it never occurred."""
    return divide(counts.true_positives, counts.support)


def f1(counts: Counts) -> NDArray[np.float64]:
    """Harmonic mean of precision and recall, 2 TP / (2 TP + FP + FN), shape (K,).

    NaN only if the class neither occurred nor was predicted; 0 if it did one of them and has no true positive.
    """
    return divide(2 * counts.true_positives, counts.support + counts.predicted)


def specificity(counts: Counts) -> NDArray[np.float64]:
    """Share of other classes' samples not predicted as this one, TN / (TN + FP), shape (K,).

    NaN if all samples are of the class.
    """
    return divide(counts.true_negatives, counts.total - counts.support)
