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
from traingauge.integrations.keras_task import Plan


def counts_width(plan: Plan) -> int:
    """Length of the vector."""
    return plan.outputs**2 if _whole(plan) else 3 * plan.outputs + 2


def comparable(plan: Plan, y: Any, y_pred: Any) -> bool:
    """Whether labels and outputs go together, as far as their static shapes tell; the loss of a model decides for itself."""
    labels, outputs = list(y.shape[1:]), list(y_pred.shape[1:])
    if labels == outputs:
        return True
    if labels and labels[-1] == 1:
        labels.pop()
    return (
        outputs[:-1] == labels and (plan.task != "binary" or plan.outputs == 2) and plan.task != "multilabel"
    )


def count_predictions(plan: Plan, y: Any, y_pred: Any, sample_weight: Any) -> tuple[Any, Any]:
    """Counts of a batch, and how many of its predictions were not finite; those, and labels out of range, are not counted.

    Args:
        plan: How outputs become predictions.
        y: Labels, shape (n,), (n, 1), (n, …) or one-hot (n, …, K).
        y_pred: Outputs, shape (n,), (n, 1) or (n, …, K).
        sample_weight: Shape (n,) or (n, …); 1 each if ``None``.

    Returns:
        The vector, shape (:func:`counts_width`,), and a scalar, both float64.
    """
    mask = getattr(y_pred, "_keras_mask", None)
    y_pred = tf.stop_gradient(y_pred)
    columns = plan.outputs if y_pred.shape.rank > 1 and y_pred.shape[-1] == plan.outputs else 1
    scores = tf.reshape(y_pred, [-1, columns])
    finite = tf.reduce_all(tf.math.is_finite(scores), axis=1)
    weight = _weights(tf.shape(y_pred)[: max(1, y_pred.shape.rank - 1)], sample_weight, mask)
    nonfinite = tf.reduce_sum(tf.cast(~finite, tf.float64))
    if plan.task == "multilabel":
        true = (
            tf.reshape(y, [-1, columns]) > tf.cast(0.5, y.dtype)
            if y.dtype.is_floating
            else tf.reshape(y, [-1, columns]) > 0
        )
        return _indicator_counts(true, scores > plan.threshold, tf.where(finite, weight, 0.0)), nonfinite
    true, predicted = _codes(plan, y, scores, columns)
    valid = finite & (true >= 0) & (true < plan.outputs)
    return _label_counts(plan, true, predicted, tf.where(valid, weight, 0.0)), nonfinite


def as_counts(plan: Plan, vector: NDArray[np.float64], *, weighted: bool) -> Counts:
    """The counts that a vector holds; whole numbers where no weights were given."""
    values = vector if weighted else vector.astype(np.int64)
    classes = plan.outputs
    if _whole(plan):
        cells = values.reshape(classes, classes)
        hits = cells.diagonal().copy()
        return Counts(
            hits, cells.sum(axis=1), cells.sum(axis=0), hits.sum().item(), cells.sum().item(), cells
        )
    hits, support, predicted = values[: 3 * classes].reshape(3, classes)
    return Counts(hits, support, predicted, values[-2].item(), values[-1].item())


def _whole(plan: Plan) -> bool:
    return plan.task != "multilabel" and plan.outputs <= CONFUSION_CLASSES


def _weights(shape: Any, sample_weight: Any, mask: Any) -> Any:
    """One weight a prediction, flat: what Keras' own losses make of sample weights and masks."""
    weight = tf.ones(shape, tf.float64)
    for factor in (sample_weight, mask):
        if factor is not None:
            weight *= _aligned(tf.cast(factor, tf.float64), shape, weight.shape.rank)
    return tf.reshape(weight, [-1])


def _aligned(factor: Any, shape: Any, rank: int) -> Any:
    """One value a prediction, or one a sample that broadcasts to its predictions."""
    if factor.shape.rank > rank:  # (n, 1) beside (n,)
        return tf.reshape(factor, shape)
    for _ in range(rank - factor.shape.rank):
        factor = tf.expand_dims(factor, -1)
    return factor


def _codes(plan: Plan, y: Any, scores: Any, columns: int) -> tuple[Any, Any]:
    if columns == 1:
        true = tf.cast(
            tf.reshape(y, [-1]) > tf.cast(0, y.dtype), tf.int64
        )  # 0 and 1, or -1 and 1 of the hinge losses
        return true, tf.cast(scores[:, 0] > plan.threshold, tf.int64)
    one_hot = y.shape.rank > 1 and y.shape[-1] == columns
    true = (
        tf.argmax(tf.reshape(y, [-1, columns]), axis=1) if one_hot else tf.cast(tf.reshape(y, [-1]), tf.int64)
    )
    return true, tf.argmax(scores, axis=1)


def _label_counts(plan: Plan, true: Any, predicted: Any, weight: Any) -> Any:
    classes = plan.outputs
    inside = tf.clip_by_value(true, 0, classes - 1)  # its weight is 0 where it was outside
    if _whole(plan):
        return tf.math.unsorted_segment_sum(weight, inside * classes + predicted, classes * classes)
    hit = weight * tf.cast(inside == predicted, tf.float64)
    sums = [tf.math.unsorted_segment_sum(hit, inside, classes)]
    sums += [tf.math.unsorted_segment_sum(weight, labels, classes) for labels in (inside, predicted)]
    return tf.concat([*sums, tf.stack([tf.reduce_sum(hit), tf.reduce_sum(weight)])], axis=0)


def _indicator_counts(true: Any, predicted: Any, weight: Any) -> Any:
    exact = weight * tf.cast(tf.reduce_all(true == predicted, axis=1), tf.float64)
    sums = [
        tf.linalg.matvec(tf.cast(each, tf.float64), weight, transpose_a=True)
        for each in (true & predicted, true, predicted)
    ]
    return tf.concat([*sums, tf.stack([tf.reduce_sum(exact), tf.reduce_sum(weight)])], axis=0)
