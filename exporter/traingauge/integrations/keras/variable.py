"""A variable that a model's graph writes for traingauge."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import tensorflow as tf


def variable(*shape: int, dtype: Any = tf.float64, device: str | None = None) -> tf.Variable:
    """A variable of zeros that outlives the function that is being traced, and belongs to no strategy of ``tf.distribute``.

    It is made in another thread, which knows of neither. A mirrored variable, even one with a single replica, takes no
    scattered updates.

    Args:
        *shape: Its shape.
        dtype: Of its values.
        device: Where it is; ``None`` leaves that to TensorFlow.
    """
    with ThreadPoolExecutor(1) as elsewhere:
        return elsewhere.submit(_made, shape, dtype, device).result()


def _made(shape: tuple[int, ...], dtype: Any, device: str | None) -> tf.Variable:
    with tf.device(device):
        return tf.Variable(tf.zeros(shape, dtype), trainable=False)
