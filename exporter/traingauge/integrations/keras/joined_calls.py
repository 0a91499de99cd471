"""The calls of ``compute_loss`` in a step of a TensorFlow graph, as one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from traingauge.integrations.keras.loss_calls import LossCall, distinct


def call_of_step(calls: Sequence[LossCall]) -> LossCall | None:
    """All calls of a step as one; ``None`` without any that can be read where the step ends."""
    found = distinct(filter(_readable, calls))
    if len(found) < 2:
        return found[0] if found else None
    joined = _joined(found)
    names = [name for name in found[0].outputs if all(name in call.outputs for call in found)]
    return joined._replace(outputs={name: _joined([call.outputs[name] for call in found]) for name in names})


def _readable(call: LossCall) -> bool:
    """Whether a result belongs to the graph that is being traced, and not to one inside it, such as a loop's."""
    if not tf.is_symbolic_tensor(call.loss):
        return True
    graph: bool = call.loss.graph is tf.compat.v1.get_default_graph()
    return graph


def _joined(calls: Sequence[LossCall]) -> LossCall:
    sizes = [_rows(call) for call in calls]
    losses = [
        tf.cast(tf.reduce_mean(call.loss), tf.float64) * size for call, size in zip(calls, sizes, strict=True)
    ]
    loss = tf.add_n(losses) / tf.add_n(sizes)
    if not all(tf.is_tensor(part) for call in calls for part in (call.y, call.y_pred)):
        return calls[-1]._replace(loss=loss)  # several outputs, which are joined one by one
    weights = None
    if any(call.sample_weight is not None for call in calls):
        weights = tf.concat([_weights(call) for call in calls], axis=0)
    y_pred = tf.concat([call.y_pred for call in calls], axis=0)
    masks = [getattr(call.y_pred, "_keras_mask", None) for call in calls]
    if any(mask is not None for mask in masks):
        y_pred._keras_mask = tf.concat([_mask(*each) for each in zip(masks, calls, strict=True)], axis=0)
    return LossCall(loss, tf.concat([call.y for call in calls], axis=0), y_pred, weights)


def _rows(call: LossCall) -> Any:
    """Samples of a call, a scalar of float64; 1 where nothing shows how many."""
    leaves = [leaf for leaf in tf.nest.flatten((call.y, call.y_pred, call.x)) if leaf is not None]
    return tf.cast(tf.shape(leaves[0])[0], tf.float64) if leaves else tf.constant(1.0, tf.float64)


def _weights(call: LossCall) -> Any:
    if call.sample_weight is None:
        return tf.ones(tf.shape(call.y_pred)[:1], tf.float64)
    return tf.cast(call.sample_weight, tf.float64)


def _mask(mask: Any, call: LossCall) -> Any:
    return tf.ones(tf.shape(call.y_pred)[:-1], tf.bool) if mask is None else tf.cast(mask, tf.bool)
