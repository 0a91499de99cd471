"""Class counts inside a TensorFlow graph, and as :class:`~traingauge.stats.classification.counts.Counts` outside of it.

A vector of float64 holds the counts of a batch: exact for weights of 1 up to 2^53 samples. Single-label tasks of up to
:data:`CONFUSION_CLASSES` classes have the flat confusion matrix; others have true positives, support and predicted of each
class, the samples that are right in all, and the samples.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from traingauge.integrations.keras.scores.labels import Classified
from traingauge.integrations.keras.scores.plan import ScoringPlan
from traingauge.stats.classification.counts import CONFUSION_CLASSES, Counts


class ClassCounts:
    """Counts true classes against predicted ones.

    Args:
        plan: How outputs become classes.

    Attributes:
        width: Length of the vector.
    """

    def __init__(self, plan: ScoringPlan) -> None:
        self._plan = plan
        self._whole = plan.task != "multilabel" and plan.classes <= CONFUSION_CLASSES
        self.width = plan.classes**2 if self._whole else 3 * plan.classes + 2

    def measure(self, batch: Classified) -> Any:
        """Inside the graph: counts of a batch, shape (width,), float64."""
        count = self._of_indicators if self._plan.task == "multilabel" else self._of_labels
        return count(batch.true, batch.predicted, batch.weight)

    def decode(self, rows: NDArray[np.float64]) -> list[Counts]:
        """Outside of the graph: the counts that vectors hold, shape (n, width)."""
        classes = self._plan.classes
        if self._whole:
            cells = rows.reshape(-1, classes, classes)
            hits = cells.diagonal(axis1=1, axis2=2)
            correct, total = hits.sum(axis=1).tolist(), cells.sum(axis=(1, 2)).tolist()
            return list(map(Counts, hits, cells.sum(axis=2), cells.sum(axis=1), correct, total, cells))
        hits, support, predicted = rows[:, : 3 * classes].reshape(-1, 3, classes).swapaxes(0, 1)
        return list(map(Counts, hits, support, predicted, rows[:, -2].tolist(), rows[:, -1].tolist()))

    def split(self, vector: Any) -> tuple[Any, Any, Any, Any, Any]:
        """Inside the graph: true positives, support and predicted, shape (K,) each, then those right and all samples."""
        classes = self._plan.classes
        if self._whole:
            cells = tf.reshape(vector, [classes, classes])
            hits = tf.linalg.diag_part(cells)
            sides = tf.reduce_sum(cells, axis=1), tf.reduce_sum(cells, axis=0)
            return hits, *sides, tf.reduce_sum(hits), tf.reduce_sum(cells)
        hits, support, predicted, correct, total = tf.split(vector, [classes] * 3 + [1, 1])
        return hits, support, predicted, correct[0], total[0]

    def _of_labels(self, true: Any, predicted: Any, weight: Any) -> Any:
        classes = self._plan.classes
        if self._whole:
            return tf.math.unsorted_segment_sum(weight, true * classes + predicted, classes * classes)
        hit = weight * tf.cast(true == predicted, tf.float64)
        sums = [tf.math.unsorted_segment_sum(hit, true, classes)]
        sums += [tf.math.unsorted_segment_sum(weight, labels, classes) for labels in (true, predicted)]
        return tf.concat([*sums, tf.stack([tf.reduce_sum(hit), tf.reduce_sum(weight)])], axis=0)

    def _of_indicators(self, true: Any, predicted: Any, weight: Any) -> Any:
        exact = weight * tf.cast(tf.reduce_all(true == predicted, axis=1), tf.float64)
        sums = [
            tf.linalg.matvec(tf.cast(each, tf.float64), weight, transpose_a=True)
            for each in (true & predicted, true, predicted)
        ]
        return tf.concat([*sums, tf.stack([tf.reduce_sum(exact), tf.reduce_sum(weight)])], axis=0)
