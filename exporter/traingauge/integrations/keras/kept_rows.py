"""The first rows of a pass, kept in a variable while there is room for all of them."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from traingauge.integrations.keras.variable import variable


class KeptRows:
    """Keeps all rows of a pass, or none that can be read.

    Args:
        most: Number of rows that there is room for.
        width: Length of a row.
        device: Where they are; ``None`` leaves that to TensorFlow.
    """

    def __init__(self, most: int, width: int, device: str | None = None) -> None:
        self._most = most
        self._rows = variable(
            most + 1, width, device=device
        )  # what there is no room for overwrites the last one
        self._given = variable(dtype=tf.int64, device=device)

    def add(self, rows: tf.Tensor) -> tf.Tensor:
        """Inside the graph: keep rows, shape (n, width), float64."""
        count = tf.shape(rows, out_type=tf.int64)[0]
        places = tf.minimum(self._given + tf.range(count), self._most)
        with tf.control_dependencies([self._rows.scatter_nd_update(places[:, None], rows)]):
            return self._given.assign_add(count)

    def read(self) -> NDArray[np.float64] | None:
        """Outside of the graph: the rows; ``None`` if there were too many."""
        given = int(self._given.numpy())
        if given > self._most:
            return None
        rows: NDArray[np.float64] = self._rows[:given].numpy()
        return rows

    def clear(self) -> None:
        """Outside of the graph: start over."""
        self._given.assign(0)
