"""Counts: the sufficient statistic of every score of hard labels.

For each class ``k`` they hold the weight of samples of ``k`` predicted as ``k`` (true positives), of samples of ``k``
(support) and of samples predicted as ``k``; in addition, the weight of samples predicted entirely correctly and of all
samples. Counts can be summed over steps, splits and processes. Unweighted counts are exact int64, weighted ones float64.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from traingauge.stats.arrays import Array

#: Maximum number of classes for which the whole confusion matrix is kept.
CONFUSION_CLASSES = 20


@dataclass(frozen=True, slots=True)
class Counts:
    """Counts of true, predicted and correctly predicted samples by class, all weighted.

    Attributes:
        true_positives: Samples of each class predicted as it, shape (K,).
        support: Samples of each class, shape (K,).
        predicted: Samples predicted as each class, shape (K,).
        correct: Samples predicted correctly; in multi-label tasks, in all their labels.
        total: All samples.
        confusion: Confusion matrix, shape (K, K), [actual, predicted]; ``None`` if it is not kept.
        known: Samples of which each label is known, shape (K,), in multi-label tasks; ``None`` if all are.

    >>> counts = count_labels(np.array([0, 1, 1]), np.array([0, 1, 0]), 2)
    >>> counts.true_positives, counts.support, counts.predicted
    (array([1, 1]), array([1, 2]), array([2, 1]))
    >>> (counts + counts).confusion
    array([[2, 0],
           [2, 2]])
    """

    true_positives: Array
    support: Array
    predicted: Array
    correct: float
    total: float
    confusion: Array | None = None
    known: Array | None = None

    @property
    def classes(self) -> int:
        """Number of classes K."""
        return len(self.support)

    @property
    def false_positives(self) -> Array:
        """Samples of other classes predicted as this one, shape (K,)."""
        return self.predicted - self.true_positives

    @property
    def false_negatives(self) -> Array:
        """Samples of this class predicted as another, shape (K,)."""
        return self.support - self.true_positives

    @property
    def true_negatives(self) -> Array:
        """Samples that are neither of this class nor predicted as it, shape (K,)."""
        return self.scored - self.support - self.predicted + self.true_positives

    @property
    def scored(self) -> Array:
        """Samples that count for each class, shape (K,): all of them, unless some labels are unknown."""
        return np.full(self.classes, self.total) if self.known is None else self.known

    def __add__(self, other: Counts) -> Counts:
        """Sum over the larger number of classes. The confusion matrix is kept only if both have one."""
        return sum_counts([self, other], max(self.classes, other.classes))

    def widened(self, classes: int) -> Counts:
        """The same counts over at least ``classes`` classes, with 0 for the new ones."""
        more = classes - self.classes
        if more <= 0:
            return self
        confusion = self.confusion if classes <= CONFUSION_CLASSES else None
        return Counts(
            np.pad(self.true_positives, (0, more)),
            np.pad(self.support, (0, more)),
            np.pad(self.predicted, (0, more)),
            self.correct,
            self.total,
            None if confusion is None else np.pad(confusion, (0, more)),
            None if self.known is None else np.pad(self.known, (0, more)),
        )


def sum_counts(parts: Sequence[Counts], classes: int) -> Counts:
    """Sum of one or more counts, over ``classes`` classes; the confusion matrix is kept only if all have one."""
    parts = [part.widened(classes) for part in parts]
    if len(parts) == 1:
        return parts[0]
    matrices = [part.confusion for part in parts if part.confusion is not None]
    return Counts(
        np.sum([part.true_positives for part in parts], axis=0),
        np.sum([part.support for part in parts], axis=0),
        np.sum([part.predicted for part in parts], axis=0),
        sum(part.correct for part in parts),
        sum(part.total for part in parts),
        np.sum(matrices, axis=0) if len(matrices) == len(parts) else None,
        None
        if all(part.known is None for part in parts)
        else np.sum([part.scored for part in parts], axis=0),
    )


def count_labels(
    true: Array,
    predicted: Array,
    classes: int,
    weight: NDArray[np.float64] | None = None,
) -> Counts:
    """Counts for tasks with one label per sample.

    Args:
        true: Shape (n,), integers in [0, classes); not validated.
        predicted: Shape (n,), integers in [0, classes); not validated.
        classes: Number of classes K.
        weight: Shape (n,); ``None`` weights every sample 1.

    >>> count_labels(np.array([0, 1, 1]), np.array([0, 1, 0]), 2).confusion
    array([[1, 0],
           [1, 1]])
    """
    if classes <= CONFUSION_CLASSES:
        flat = true.astype(np.uint16) * np.uint16(classes) + predicted.astype(np.uint16)
        cells = np.bincount(flat, weight, classes * classes).reshape(classes, classes)
        hits, support, guesses, confusion = (
            cells.diagonal().copy(),
            cells.sum(axis=1),
            cells.sum(axis=0),
            cells,
        )
    else:
        right = true == predicted
        hits = np.bincount(true[right], None if weight is None else weight[right], classes)
        support, guesses = np.bincount(true, weight, classes), np.bincount(predicted, weight, classes)
        confusion = None
    total = len(true) if weight is None else float(weight.sum())
    return Counts(hits, support, guesses, hits.sum().item(), total, confusion)


def count_indicators(
    true: NDArray[np.bool_],
    predicted: NDArray[np.bool_],
    weight: NDArray[np.float64] | None = None,
    known: NDArray[np.bool_] | None = None,
) -> Counts:
    """Counts for multi-label tasks, with any number of labels per sample.

    Args:
        true: Shape (n, K).
        predicted: Shape (n, K).
        weight: Shape (n,); ``None`` weights every sample 1.
        known: Whether each label is known, shape (n, K); ``None`` if all are. What is not counts for nothing.

    >>> true, predicted = np.array([[True, True], [False, True]]), np.array([[True, False], [False, True]])
    >>> counts = count_indicators(true, predicted)
    >>> counts.true_positives, counts.correct
    (array([1, 1]), 1)
    >>> count_indicators(true, predicted, known=np.array([[True, False], [True, True]])).correct
    2
    """
    if known is not None:
        true, predicted = true & known, predicted & known
    exact = (true == predicted).all(axis=1)
    cells = [true & predicted, true, predicted, *([] if known is None else [known])]
    sums = [each.sum(axis=0) if weight is None else weight @ each for each in cells]
    hits, support, guesses = sums[:3]
    correct = exact.sum().item() if weight is None else weight[exact].sum().item()
    total = len(true) if weight is None else weight.sum().item()
    return Counts(hits, support, guesses, correct, total, None, None if known is None else sums[3])
