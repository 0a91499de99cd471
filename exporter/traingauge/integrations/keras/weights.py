"""Whether a model's weights are finite: a finite loss does not imply it.

A NaN in the weights need not reach the loss. On some processors TensorFlow's fused ReLU and its max pooling turn it into a
number; a layer that is rarely used, such as a row of an embedding, hides it until then. Such a model answers the same to
everything, or nonsense, and its loss looks as if it had merely stopped to fall.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import is_not
from typing import Any

import tensorflow as tf

from traingauge.integrations.keras.weight_check import WeightCheck


class Weights(WeightCheck):
    """Counts the trainable weights, as tensors, that hold NaN or infinite values, as often as that costs next to nothing.

    Each is summed up, which is one pass over memory and needs no room of its own but for float16, of which float32 is made.
    So finite values whose sum is more than their type can hold, 3.4e38 in float32, count as infinite.

    Args:
        model: A Keras model on the TensorFlow backend; it may have been built or not.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self._model = model
        self._tensors: Sequence[Any] = ()
        self._count: Callable[[], Any] = int  # which gives 0: a model without weights is never traced

    def _prepare(self) -> None:
        """Make a graph for the weights as they are now, if it is not there: layers may be frozen, set free or replaced.

        Not by calling a ``tf.function``, which would warn of being traced again once there have been many models.
        """
        tensors = [weight.value for weight in self._model.trainable_weights]
        if len(tensors) != len(self._tensors) or any(map(is_not, tensors, self._tensors)):
            self._count = tf.function(lambda: _nonfinite(tensors)).get_concrete_function()
            self._tensors = tensors

    def _counted(self) -> int:
        return int(self._count())


def _nonfinite(tensors: Sequence[Any]) -> Any:
    return tf.add_n(
        [tf.cast(~tf.math.is_finite(_sum(tensor)), tf.int32) for tensor in tensors] or [tf.constant(0)]
    )


def _sum(tensor: Any) -> Any:
    return tf.reduce_sum(tf.cast(tensor, tf.float32) if tensor.dtype == tf.float16 else tensor)
