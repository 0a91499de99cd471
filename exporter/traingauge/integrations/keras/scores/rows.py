"""Labels, outputs and weights of a batch inside a TensorFlow graph, one row for each thing that is scored.

A sequence or an image has a row for each of its positions. Shapes that do not go together are an error while the step is
traced, where they are static; nothing here may fail when the graph runs, because that would end the training.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from traingauge.integrations.keras.scores.plan import ScoringPlan, UnclearError, positions_rank


def flat_outputs(plan: ScoringPlan, y_pred: Any) -> Any:
    """Outputs, shape (rows, columns)."""
    return tf.reshape(tf.stop_gradient(y_pred), [-1, plan.columns])


def flat_labels(plan: ScoringPlan, y: Any, y_pred: Any) -> Any:
    """Labels, shape (rows,); (rows, K) where they are one-hot or multi-label."""
    if plan.columns > 1 and y.shape.rank == y_pred.shape.rank and y.shape[-1] == plan.columns:
        return tf.reshape(y, [-1, plan.columns])
    return tf.reshape(y, [-1])


def flat_weights(plan: ScoringPlan, y_pred: Any, sample_weight: Any) -> Any:
    """Weights, shape (rows,), float64: what Keras' own losses make of sample weights and of the outputs' mask.

    Raises:
        UnclearError: Weights that are neither one a sample nor one a position.
    """
    rank = positions_rank(plan, y_pred)
    weight = tf.ones(tf.shape(y_pred)[:rank], tf.float64)
    for factor in (sample_weight, getattr(y_pred, "_keras_mask", None)):
        if factor is not None:
            weight *= _aligned(tf.cast(factor, tf.float64), y_pred, rank)
    return tf.reshape(weight, [-1])


def _aligned(factor: Any, y_pred: Any, rank: int) -> Any:
    """Weights with as many axes as there are positions, which they fit or broadcast to."""
    shape, positions = factor.shape.as_list(), y_pred.shape.as_list()[1:rank]
    while len(shape) > rank and shape[-1] == 1:
        shape.pop()
    if len(shape) > rank or any(
        size not in (1, position) for size, position in zip(shape[1:], positions, strict=False)
    ):
        raise UnclearError(f"weights have shape {factor.shape} and outputs {y_pred.shape}")
    axes = tf.shape(factor)[: len(shape)]
    return tf.reshape(factor, tf.concat([axes, tf.ones([rank - len(shape)], tf.int32)], axis=0))
