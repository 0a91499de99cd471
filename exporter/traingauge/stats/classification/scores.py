"""Scores as formulas over :class:`~traingauge.stats.classification.counts.Counts`.

Undefined scores are NaN, never 0: the precision of a class that was never predicted, the recall of a class that never
occurred. Averages over classes leave undefined scores out, and are NaN if none is left, as in scikit-learn with
``zero_division=np.nan`` and ``labels=range(K)``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from traingauge.stats.arrays import Array
from traingauge.stats.classification.counts import Counts

#: How the scores of the classes are averaged.
Average = Literal["binary", "macro", "weighted", "micro"]

_ROUNDING = 1e-12

#: The known averages.
AVERAGES: tuple[Average, ...] = get_args(Average)


def divide(numerator: Array | float, denominator: Array | float) -> NDArray[np.float64]:
    """Ratio, NaN where the denominator is 0.

    >>> divide(np.array([1, 0]), np.array([2, 0]))
    array([0.5, nan])
    """
    numerator, denominator = np.asarray(numerator, np.float64), np.asarray(denominator, np.float64)
    ratio = np.full(np.broadcast_shapes(numerator.shape, denominator.shape), np.nan)
    np.divide(numerator, denominator, out=ratio, where=denominator != 0)
    return ratio


def accuracy(counts: Counts) -> float:
    """Share of samples predicted correctly (multi-label: in all labels); NaN without samples.

    >>> from traingauge.stats.classification.counts import count_labels
    >>> accuracy(count_labels(np.array([0, 1, 1, 1]), np.array([0, 1, 0, 1]), 2))
    0.75
    """
    return float(divide(counts.correct, counts.total))


def precision(counts: Counts) -> NDArray[np.float64]:
    """Share of the predictions of a class that are correct, TP / (TP + FP), shape (K,); NaN if it was never predicted.

    >>> from traingauge.stats.classification.counts import count_labels
    >>> precision(count_labels(np.array([0, 1, 1]), np.array([0, 1, 0]), 3))
    array([0.5, 1. , nan])
    """
    return divide(counts.true_positives, counts.predicted)


def recall(counts: Counts) -> NDArray[np.float64]:
    """Share of the samples of a class predicted as it, TP / (TP + FN), shape (K,); NaN if the class never occurred.

    >>> from traingauge.stats.classification.counts import count_labels
    >>> recall(count_labels(np.array([0, 1, 1]), np.array([0, 1, 0]), 3))
    array([1. , 0.5, nan])
    """
    return divide(counts.true_positives, counts.support)


def f1(counts: Counts) -> NDArray[np.float64]:
    """Harmonic mean of precision and recall, 2 TP / (2 TP + FP + FN), shape (K,).

    NaN only if the class neither occurred nor was predicted.

    >>> from traingauge.stats.classification.counts import count_labels
    >>> f1(count_labels(np.array([0, 0, 1]), np.array([0, 0, 2]), 4))
    array([ 1.,  0.,  0., nan])
    """
    return divide(2 * counts.true_positives, counts.support + counts.predicted)


def specificity(counts: Counts) -> NDArray[np.float64]:
    """Share of the samples of other classes not predicted as this one, TN / (TN + FP), shape (K,).

    NaN if all samples are of the class.

    >>> from traingauge.stats.classification.counts import count_labels
    >>> specificity(count_labels(np.array([0, 1, 1, 1, 1]), np.array([0, 1, 1, 0, 1]), 2))
    array([0.75, 1.  ])
    """
    others = np.asarray(counts.scored - counts.support, np.float64)
    others[np.abs(others) <= _ROUNDING * np.abs(counts.scored)] = (
        0  # a rounding error in the sum of the weights
    )
    return divide(counts.true_negatives, others)


def pooled(counts: Counts) -> Counts:
    """Counts of all classes as one, for micro-averages: every pair of sample and class counts as a sample."""
    return Counts(
        counts.true_positives.sum(keepdims=True),
        counts.support.sum(keepdims=True),
        counts.predicted.sum(keepdims=True),
        counts.correct,
        counts.scored.sum().item(),
    )


def averaged(score: Callable[[Counts], NDArray[np.float64]], counts: Counts, average: Average) -> float:
    """Average of a score over the classes.

    ``binary`` is the score of class 1, ``macro`` the mean over classes, ``weighted`` the mean weighted by support, and
    ``micro`` the score of the pooled counts. A mean leaves out classes whose score is undefined, and is NaN if no class with
    a positive weight is left.

    Args:
        score: One of :func:`precision`, :func:`recall`, :func:`f1`, :func:`specificity`.
        counts: Counts to score.
        average: Kind of average.

    >>> from traingauge.stats.classification.counts import count_labels
    >>> counts = count_labels(np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1]), 2)
    >>> [round(averaged(recall, counts, average), 3) for average in AVERAGES]
    [1.0, 0.833, 0.75, 0.75]
    """
    if average == "micro":
        return float(score(pooled(counts))[0])
    values = score(counts)
    if average == "binary":
        return float(values[1]) if len(values) > 1 else np.nan
    defined = ~np.isnan(values)
    weight = (counts.support if average == "weighted" else np.ones(len(values)))[defined]
    return float(divide(weight @ values[defined], weight.sum()))


def balanced_accuracy(counts: Counts) -> float:
    """Mean recall of the classes that occurred; NaN without samples (Brodersen et al., 2010).

    >>> from traingauge.stats.classification.counts import count_labels
    >>> balanced_accuracy(count_labels(np.array([0, 1, 1, 1, 1]), np.array([0, 1, 1, 0, 1]), 2))
    0.875
    """
    return averaged(recall, counts, "macro")


def matthews_correlation(counts: Counts) -> float:
    """Matthews correlation of true and predicted labels, in [-1, 1] (Gorodkin, 2004).

    ``(c s - Σ p t) / √((s² - Σ p²) (s² - Σ t²))``, with c correct predictions among s samples, and for each class the
    support t and the number of predictions p. NaN if all samples are of one class, or are predicted as one.

    >>> from traingauge.stats.classification.counts import count_labels
    >>> matthews_correlation(count_labels(np.array([0, 0, 1, 1]), np.array([1, 1, 0, 0]), 2))
    -1.0
    """
    support, predicted, samples = _margins(counts)
    covariance = counts.correct * samples - predicted @ support
    spread = (predicted.sum() ** 2 - predicted @ predicted) * (support.sum() ** 2 - support @ support)
    return float(divide(covariance, np.sqrt(spread))) if spread > 0 else np.nan  # weights may be negative


def cohen_kappa(counts: Counts) -> float:
    """Cohen's kappa: agreement beyond chance, (p_o - p_e) / (1 - p_e), with p_e = Σ p t / s² (Cohen, 1960).

    NaN if all samples are of one class and are predicted as it.

    >>> from traingauge.stats.classification.counts import count_labels
    >>> cohen_kappa(count_labels(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1]), 2))
    0.5
    """
    support, predicted, samples = _margins(counts)
    by_chance = predicted @ support
    return float(divide(counts.correct * samples - by_chance, support.sum() * predicted.sum() - by_chance))


def _margins(counts: Counts) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Support, predictions and samples, as floats. Samples are the sum of the support, so that one class has no spread."""
    support, predicted = counts.support.astype(np.float64), counts.predicted.astype(np.float64)
    return support, predicted, float(support.sum())
