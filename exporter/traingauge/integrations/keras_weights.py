"""Whether a model's weights are numbers, which its loss does not tell.

A NaN in the weights need not reach the loss. On some processors TensorFlow's fused ReLU and its max pooling make a number of
it; a layer that is rarely used, such as a row of an embedding, hides it until then. Such a model answers the same to
everything, or nonsense, and its loss looks as if it had merely stopped to fall.
"""

from __future__ import annotations

import math
import time
from typing import Any

import tensorflow as tf

#: Largest share of the time of training that looking at the weights may take.
SHARE = 0.01


class Weights:
    """Counts the trainable weights, as tensors, that hold NaN or infinite values, as often as that costs next to nothing.

    Each is summed up, which is one pass over memory and needs no room of its own. A sum of finite values that exceeds what
    float32 can hold, 3.4e38, counts as infinite.

    Args:
        model: A Keras model on the TensorFlow backend; it may have been built or not.
    """

    def __init__(self, model: Any) -> None:
        self._model = model
        self._count = tf.function(_nonfinite)  # of its own, so that what it has traced goes with it
        self._traced = False
        self._due_at = 0.0

    def look(self) -> int:
        """The count now if the last one is long enough ago, else 0; where it fails once, 0 from then on."""
        began = time.perf_counter()
        if began < self._due_at:
            return 0
        self._due_at = math.inf
        found = self.count()
        done = time.perf_counter()
        # The first one takes long because it traces, which says nothing about the next.
        self._due_at = done + (done - began) / SHARE if self._traced else done
        self._traced = True
        return found

    def count(self) -> int:
        """The count now."""
        weights = self._model.trainable_weights
        return int(self._count([weight.value for weight in weights])) if weights else 0


def _nonfinite(weights: list[Any]) -> Any:
    sums = tf.stack([tf.reduce_sum(tf.cast(weight, tf.float32)) for weight in weights])
    return tf.math.count_nonzero(~tf.math.is_finite(sums))
