"""Bins of the features, counted inside of a TensorFlow graph."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from traingauge.errors import ReferenceMismatchError


class Bins:
    """Counts of the features' bins, as :func:`traingauge.drift.binning.count_bins` counts them.

    Args:
        edges: Shape (F, E); see :mod:`traingauge.drift.binning`.
    """

    def __init__(self, edges: NDArray[np.float64]) -> None:
        self._edges = edges
        features, width = edges.shape
        with tf.init_scope():
            self._counts = tf.Variable(tf.zeros([features, width + 2], tf.int64), trainable=False)
        self._read = np.zeros((features, width + 2), np.int64)

    def add(self, x: Any) -> None:
        """Inside the graph: count one batch.

        Args:
            x: The model's input, shape (n, …).

        Raises:
            ReferenceMismatchError: Not as many values a sample as the reference has features.
        """
        features, width = self._edges.shape
        if not hasattr(x, "shape"):
            raise ReferenceMismatchError(
                f"the model has several inputs and the reference {features} features: give the features to monitor.step"
            )
        if x.shape.rank is None or None in x.shape[1:] or np.prod(x.shape[1:]) != features:
            raise ReferenceMismatchError(
                f"the model's input has shape {tuple(x.shape)} and the reference {features} features: expected (n, …) with "
                f"{features} values a sample"
            )
        values = tf.cast(tf.transpose(tf.reshape(x, [-1, features])), tf.float64)
        below = tf.searchsorted(self._edges, values, side="left", out_type=tf.int64)
        where = tf.where(tf.math.is_finite(values), below, width + 1)
        flat = where + np.arange(features)[:, None] * (width + 2)
        counts = tf.math.unsorted_segment_sum(tf.ones_like(flat), flat, features * (width + 2))
        self._counts.assign_add(tf.reshape(counts, [features, width + 2]))

    def read(self) -> NDArray[np.int64]:
        """Outside of the graph: what was counted since the last reading, shape (F, E + 2)."""
        now = self._counts.numpy()
        fresh, self._read = now - self._read, now
        return np.asarray(fresh)
