"""Bins of the features, counted inside of a TensorFlow graph."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from traingauge.errors import ReferenceMismatchError
from traingauge.integrations.keras.variable import variable


class Bins:
    """Counts of the features' bins, as :func:`traingauge.stats.drift.binning.count_bins` counts them.

    Args:
        edges: Shape (F, E); see :mod:`traingauge.stats.drift.binning`.
        device: Where the counts are; ``None`` leaves that to TensorFlow.
    """

    def __init__(self, edges: NDArray[np.float64], device: str | None = None) -> None:
        self._edges = edges
        features, width = edges.shape
        self._counts = variable(features, width + 3, dtype=tf.int64, device=device)
        self._read = np.zeros((features, width + 3), np.int64)

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
        missing, infinite = np.int64(width + 1), np.int64(width + 2)
        where = tf.where(tf.math.is_nan(values), missing, tf.where(tf.math.is_inf(values), infinite, below))
        flat = where + np.arange(features)[:, None] * (width + 3)
        counts = tf.math.unsorted_segment_sum(tf.ones_like(flat), flat, features * (width + 3))
        self._counts.assign_add(tf.reshape(counts, [features, width + 3]))

    def read(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Outside of the graph: what was counted since the last reading.

        Returns:
            Counts of the bins, of which the last is what is missing, shape (F, E + 2); and how many of these were infinite,
            shape (F,).
        """
        now = self._counts.numpy()
        fresh, self._read = now - self._read, now
        infinite = fresh[:, -1]
        fresh[:, -2] += infinite
        return fresh[:, :-1], infinite
