"""Class counts inside a TensorFlow graph, and as :class:`~traingauge.classification.counts.Counts` outside of it.

A vector of float64 holds the counts of a batch: exact for weights of 1 up to 2^53 samples. Single-label tasks of up to
:data:`CONFUSION_CLASSES` classes have the flat confusion matrix; others have true positives, support and predicted of each
class, the samples that are right in all, and the samples.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from traingauge.classification.counts import CONFUSION_CLASSES, Counts
from traingauge.integrations.keras_rows import flat_labels, flat_outputs, flat_weights
from traingauge.integrations.keras_task import Plan


class ClassCounts:
    """Counts labels against outputs.

    Args:
        plan: How outputs become classes.

    Attributes:
        width: Length of the vector.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._whole = plan.task != "multilabel" and plan.classes <= CONFUSION_CLASSES
        self.width = plan.classes**2 if self._whole else 3 * plan.classes + 2

    def measure(self, y: Any, y_pred: Any, sample_weight: Any) -> tuple[Any, Any]:
        """Inside the graph: counts of a batch, and how many of its rows were not finite.

        Those rows are not counted, nor are rows with a label that is ignored or out of range.

        Args:
            y: Labels, shape (n,), (n, 1), (n, …) or one-hot (n, …, K).
            y_pred: Outputs, shape (n,), (n, 1) or (n, …, K).
            sample_weight: Shape (n,) or (n, …); 1 each if ``None``.

        Returns:
            The vector, shape (width,), and a scalar, both float64.
        """
        plan = self._plan
        scores = flat_outputs(plan, y_pred)
        usable = _usable(scores)
        weight = flat_weights(plan, y_pred, sample_weight)
        labels = flat_labels(plan, y, y_pred)
        if labels.dtype.is_floating:
            finite = tf.math.is_finite(labels)
            usable &= finite if labels.shape.rank == 1 else tf.reduce_all(finite, axis=1)
        nonfinite = tf.reduce_sum(tf.cast(~usable, tf.float64))
        for ignored in plan.ignored:
            kept = labels != tf.cast(ignored, labels.dtype)
            usable &= kept if labels.shape.rank == 1 else tf.reduce_all(kept, axis=1)
        weight = tf.where(usable, weight, 0.0)
        if plan.task == "multilabel":
            true = _positive(plan, labels)
            return self._of_indicators(true, scores > _cut(plan, scores), weight), nonfinite
        return self._of_labels(*self._codes(labels, scores), weight), nonfinite

    def merge(self, whole: Any, part: Any) -> Any:
        """Inside the graph: the vector of two parts together."""
        return whole + part

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

    def _codes(self, labels: Any, scores: Any) -> tuple[Any, Any]:
        plan = self._plan
        if plan.columns == 1:
            return _positive(plan, labels), scores[:, 0] > _cut(plan, scores)
        true = labels if labels.shape.rank == 1 else tf.argmax(labels, axis=1)
        if plan.cut is None:
            return true, tf.argmax(scores, axis=1)
        second = scores[:, 1] - scores[:, 0] if plan.logits else scores[:, 1]
        return true, second > _cut(plan, scores)

    def _of_labels(self, true: Any, predicted: Any, weight: Any) -> Any:
        classes = self._plan.classes
        true, predicted = tf.cast(true, tf.int64), tf.cast(predicted, tf.int64)
        weight = tf.where((true >= 0) & (true < classes), weight, 0.0)
        true = tf.clip_by_value(true, 0, classes - 1)
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


def _usable(scores: Any) -> Any:
    """Rows with a finite score; one of -inf is fine where another class has a finite one: it masks a class out."""
    if scores.shape[1] == 1:
        return tf.math.is_finite(scores[:, 0])
    infinity = tf.constant(np.inf, scores.dtype)
    return tf.reduce_all(scores < infinity, axis=1) & tf.reduce_any(tf.math.is_finite(scores), axis=1)


def _positive(plan: Plan, labels: Any) -> Any:
    """Which labels of 0 and 1 (or, of a hinge loss, -1 and 1) are positive."""
    if not labels.dtype.is_floating:
        labels = tf.cast(labels, tf.float32)
    return labels > tf.cast(plan.positive, labels.dtype)


def _cut(plan: Plan, scores: Any) -> Any:
    return tf.cast(plan.cut, scores.dtype)
