"""What is scored of a classifier's batch inside a TensorFlow graph: true and predicted classes, scores and weights."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from traingauge.integrations.keras.scores.plan import ScoringPlan
from traingauge.integrations.keras.scores.rows import flat_labels, flat_outputs, flat_weights


class Classified(NamedTuple):
    """A batch, row by row.

    Attributes:
        true: Class codes in [0, K), shape (n,), int64; of several labels a sample, which are given, shape (n, K), bool.
        predicted: The same of what is predicted.
        scores: What it is predicted by, shape (n, columns); 0 in rows that are not counted.
        weight: Shape (n,), float64; 0 for rows that are not counted.
        nonfinite: How many rows were not finite, a scalar.
    """

    true: Any
    predicted: Any
    scores: Any
    weight: Any
    nonfinite: Any


def classify(plan: ScoringPlan, y: Any, y_pred: Any, sample_weight: Any) -> Classified:
    """Labels against outputs; rows that are not finite, or whose label is ignored or out of range, do not count.

    Args:
        plan: How outputs become classes.
        y: Labels, shape (n,), (n, 1), (n, …) or one-hot (n, …, K).
        y_pred: Outputs, shape (n,), (n, 1) or (n, …, K).
        sample_weight: Shape (n,) or (n, …); 1 each if ``None``.
    """
    scores, labels = flat_outputs(plan, y_pred), flat_labels(plan, y, y_pred)
    usable = _usable(scores)
    if labels.dtype.is_floating:
        usable &= _in_all_columns(tf.math.is_finite(labels))
    nonfinite = tf.reduce_sum(tf.cast(~usable, tf.float64))
    for ignored in plan.ignored:
        usable &= _in_all_columns(labels != tf.cast(ignored, labels.dtype))
    scores = tf.where(usable[:, None], scores, tf.zeros_like(scores))
    weight = tf.where(usable, flat_weights(plan, y_pred, sample_weight), 0.0)
    if plan.task == "multilabel":
        return Classified(_positive(plan, labels), scores > _cut(plan, scores), scores, weight, nonfinite)
    true = tf.cast(_true_codes(plan, labels), tf.int64)
    weight = tf.where((true >= 0) & (true < plan.classes), weight, 0.0)
    true = tf.clip_by_value(true, 0, plan.classes - 1)
    return Classified(true, tf.cast(_predicted_codes(plan, scores), tf.int64), scores, weight, nonfinite)


def margin(scores: Any) -> Any:
    """How much higher the second of two scores is, shape (n,)."""
    return scores[:, 1] - scores[:, 0]


def _true_codes(plan: ScoringPlan, labels: Any) -> Any:
    if plan.columns == 1:
        return _positive(plan, labels)
    return labels if labels.shape.rank == 1 else tf.argmax(labels, axis=1)


def _predicted_codes(plan: ScoringPlan, scores: Any) -> Any:
    if plan.columns == 1:
        return scores[:, 0] > _cut(plan, scores)
    if plan.cut is None:
        return tf.argmax(scores, axis=1)
    return (margin(scores) if plan.logits else scores[:, 1]) > _cut(plan, scores)


def _usable(scores: Any) -> Any:
    """Rows with a finite score; one of -inf is fine where another class has a finite one: it masks a class out."""
    if scores.shape[1] == 1:
        return tf.math.is_finite(scores[:, 0])
    infinity = tf.constant(np.inf, scores.dtype)
    return tf.reduce_all(scores < infinity, axis=1) & tf.reduce_any(tf.math.is_finite(scores), axis=1)


def _in_all_columns(flags: Any) -> Any:
    return flags if flags.shape.rank == 1 else tf.reduce_all(flags, axis=1)


def _positive(plan: ScoringPlan, labels: Any) -> Any:
    """Which labels of 0 and 1 (or, of a hinge loss, -1 and 1) are positive."""
    if not labels.dtype.is_floating:
        labels = tf.cast(labels, tf.float32)
    return labels > tf.cast(plan.positive, labels.dtype)


def _cut(plan: ScoringPlan, scores: Any) -> Any:
    return tf.cast(plan.cut, scores.dtype)
