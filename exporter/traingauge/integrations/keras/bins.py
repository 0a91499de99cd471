"""Bins of the features, counted inside of a TensorFlow graph."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from traingauge.core.reference_bins import mismatch
from traingauge.errors import ReferenceMismatchError
from traingauge.integrations.keras.extracted import EXTRACTED
from traingauge.integrations.keras.variable import variable


class Bins:
    """Counts of the features' bins, as :func:`traingauge.stats.drift.binning.count_bins` counts them.

    Args:
        edges: Shape (F, E); see :mod:`traingauge.stats.drift.binning`.
        device: Where the counts are; ``None`` leaves that to TensorFlow.
        of: What they are features of; see :data:`~traingauge.integrations.keras.extracted.EXTRACTED`.
        every: Rows are counted in steps of this many.
    """

    def __init__(
        self, edges: NDArray[np.float64], device: str | None = None, *, of: str = "table", every: int = 1
    ) -> None:
        self._edges, self._of, self._every = edges, of, every
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
        table = EXTRACTED[self._of](_dense(x)[:: self._every])
        if table is None or table.shape[1] != features:
            raise ReferenceMismatchError(mismatch(x.shape, features, self._of))
        values = tf.transpose(table)
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


def _dense(x: Any) -> Any:
    """Sparse samples with their zeros, and ragged ones padded with them."""
    if isinstance(x, tf.SparseTensor):
        return tf.ensure_shape(tf.sparse.to_dense(x), x.shape)
    return x.to_tensor() if isinstance(x, tf.RaggedTensor) else x
