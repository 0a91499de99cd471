"""Labels of small steps, which are kept and counted many steps at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from traingauge.stats.arrays import Array
from traingauge.stats.classification.counts import Counts, count_labels, sum_counts


class Labels(NamedTuple):
    """True and predicted labels of a step, one per sample, as class codes.

    Attributes:
        true: Shape (n,), unsigned integers.
        predicted: Shape (n,), unsigned integers.
        weight: Shape (n,); ``None`` weights every sample 1.
    """

    true: Array
    predicted: Array
    weight: NDArray[np.float64] | None


def tally(steps: Sequence[Labels | Counts], classes: int) -> Counts:
    """Counts of all steps together; all labels are counted by a single ``bincount``.

    Args:
        steps: Steps as labels or as counts.
        classes: Number of classes K, at least that of every step.

    >>> step = Labels(np.array([0, 1], np.uint8), np.array([0, 0], np.uint8), None)
    >>> tally([step, step], 2).confusion
    array([[2, 0],
           [2, 0]])
    """
    labels = [step for step in steps if isinstance(step, Labels)]
    counts = [step for step in steps if isinstance(step, Counts)] if len(labels) < len(steps) else []
    if labels or not counts:
        counts.append(_count(labels, classes))
    return sum_counts(counts, classes)


def _count(steps: list[Labels], classes: int) -> Counts:
    if not steps:
        nothing = np.zeros(0, np.uint8)
        return count_labels(nothing, nothing, classes)
    true = np.concatenate([step.true for step in steps])
    predicted = np.concatenate([step.predicted for step in steps])
    if all(step.weight is None for step in steps):
        return count_labels(true, predicted, classes)
    weights = [np.ones(len(step.true)) if step.weight is None else step.weight for step in steps]
    return count_labels(true, predicted, classes, np.concatenate(weights))
