"""Residuals of a regression inside a TensorFlow graph, and as :class:`~traingauge.regression.Residuals` outside of it.

A vector of float64 holds, for a batch of D outputs, Σ w and then Σ w |e|, Σ w e², Σ w e, the mean of the true values and
their spread, D each.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from traingauge.integrations.keras_rows import flat_outputs, flat_weights
from traingauge.integrations.keras_task import Plan
from traingauge.regression import Residuals


class ResidualSums:
    """Measures outputs against true values.

    Args:
        plan: A regression's.

    Attributes:
        width: Length of the vector.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.width = 1 + 5 * plan.columns

    def measure(self, y: Any, y_pred: Any, sample_weight: Any) -> tuple[Any, Any]:
        """Inside the graph: residuals of a batch, and how many of its rows were not finite; these are left out.

        Args:
            y: True values, shape (n,) or (n, …, D).
            y_pred: Outputs, shape (n,) or (n, …, D).
            sample_weight: Shape (n,) or (n, …); 1 each if ``None``.

        Returns:
            The vector, shape (width,), and a scalar, both float64.
        """
        predicted = tf.cast(flat_outputs(self._plan, y_pred), tf.float64)
        true = tf.cast(tf.reshape(y, [-1, self._plan.columns]), tf.float64)
        finite = tf.reduce_all(tf.math.is_finite(true) & tf.math.is_finite(predicted), axis=1)
        weight = tf.where(finite, flat_weights(self._plan, y_pred, sample_weight), 0.0)
        error = tf.where(finite[:, None], predicted - true, 0.0)
        counted = (weight > 0)[:, None]
        # Shifted by a value that occurs, so that a constant column has a spread of exactly 0.
        shift = tf.reduce_max(tf.where(counted, true, -np.inf), axis=0)
        shift = tf.where(tf.math.is_finite(shift), shift, 0.0)
        shifted = tf.where(counted, true - shift, 0.0)
        total = tf.reduce_sum(weight)
        mean = tf.math.divide_no_nan(_sum(weight, shifted), total)
        spread = _sum(weight, tf.where(counted, shifted - mean, 0.0) ** 2)
        sums = [_sum(weight, tf.abs(error)), _sum(weight, error**2), _sum(weight, error)]
        vector = tf.concat([total[None], *sums, tf.where(total > 0, shift + mean, 0.0), spread], axis=0)
        return vector, tf.reduce_sum(tf.cast(~finite, tf.float64))

    def merge(self, whole: Any, part: Any) -> Any:
        """Inside the graph: the vector of two parts together.

        The spread is merged as in Chan, Golub and LeVeque (1983), "Algorithms for computing the sample variance".
        """
        columns = self._plan.columns
        sizes = [1, 3 * columns, columns, columns]
        (n, sums, mean, spread), (m, more, other, added) = tf.split(whole, sizes), tf.split(part, sizes)
        share = tf.math.divide_no_nan(m, n + m)
        apart = other - mean
        return tf.concat(
            [n + m, sums + more, mean + apart * share, spread + added + apart**2 * (n * share)], axis=0
        )

    def decode(self, rows: NDArray[np.float64]) -> list[Residuals]:
        """Outside of the graph: the residuals that vectors hold, shape (n, width)."""
        columns = rows[:, 1:].reshape(len(rows), 5, self._plan.columns)
        return [Residuals(weight, *sums) for weight, sums in zip(rows[:, 0].tolist(), columns, strict=True)]


def _sum(weight: Any, values: Any) -> Any:
    return tf.linalg.matvec(values, weight, transpose_a=True)
