"""Residuals of a regression inside a TensorFlow graph, and as :class:`~traingauge.stats.regression.Residuals` outside of it.

A vector of float64 holds, for a batch of D outputs, Σ w and then Σ w |e|, Σ w e², Σ w e, the mean of the true values and
their spread, D each; behind them a sample of the residuals, and its weights. For the quantiles of a pass all residuals are
counted by their value as bfloat16, which has 8 significant bits: a quantile is the exact one, rounded by 2^-8 of itself at
most, as a sketch of relative error has it (Masson, Rim and Lee, 2019, "DDSketch").
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial, reduce
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from traingauge.integrations.keras.scores.plan import ScoringPlan
from traingauge.integrations.keras.scores.rows import flat_outputs, flat_weights
from traingauge.integrations.keras.scores.statistic import Reduced
from traingauge.stats.regression import Residuals
from traingauge.stats.run_scores import Measured

#: Residuals kept of one step for quantiles; of a step with more, values at equal distances stand for all.
SAMPLE = 128

#: Values of a bfloat16.
BINS = 1 << 16


class ResidualSums:
    """Measures outputs against true values; see :class:`~traingauge.integrations.keras.scores.statistic.Statistic`.

    Args:
        plan: A regression's.

    Attributes:
        width: Length of the vector.
        bins: Length of the histogram.
        kept: 0, as no rows are kept.
        most_kept: 0.
    """

    kept = most_kept = 0

    def __init__(self, plan: ScoringPlan) -> None:
        self._plan = plan
        self._sums = 1 + 5 * plan.columns
        self.width, self.bins = self._sums + 2 * SAMPLE, BINS

    def measure(self, y: Any, y_pred: Any, sample_weight: Any) -> Reduced:
        """Inside the graph: reduce a batch."""
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
        pooled = tf.reshape(error, [-1]), tf.repeat(weight, self._plan.columns)
        vector = tf.concat(
            [total[None], *sums, tf.where(total > 0, shift + mean, 0.0), spread, *_sampled(*pooled)], axis=0
        )
        return Reduced(vector, tf.reduce_sum(tf.cast(~finite, tf.float64)), partial(_placed, *pooled))

    def merge(self, whole: Any, part: Any) -> Any:
        """Inside the graph: the vector of two parts together, of which the sample means nothing.

        The spread is merged as in Chan, Golub and LeVeque (1983), "Algorithms for computing the sample variance".
        """
        columns = self._plan.columns
        sizes = [1, 3 * columns, columns, columns, 2 * SAMPLE]
        n, sums, mean, spread, _ = tf.split(whole, sizes, axis=-1)
        m, more, other, added, sample = tf.split(part, sizes, axis=-1)
        share = tf.math.divide_no_nan(m, n + m)
        apart = other - mean
        spread += added + apart**2 * (n * share)
        return tf.concat([n + m, sums + more, mean + apart * share, spread, sample], axis=-1)

    def join(self, replicas: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        """Outside of the graph: the vectors of a step's replicas together, with the samples of all."""
        whole = reduce(self.merge, replicas)[:, : self._sums]
        samples = np.concatenate([each[:, self._sums :].reshape(-1, 2, SAMPLE) for each in replicas], axis=2)
        return np.concatenate([whole, samples.reshape(len(whole), -1)], axis=1)

    def decode(
        self,
        rows: NDArray[np.float64],
        histogram: NDArray[np.float64] | None = None,
        kept: NDArray[np.float64] | None = None,
    ) -> list[Measured]:
        """Outside of the graph: what vectors hold."""
        sums = rows[:, 1 : self._sums].reshape(len(rows), 5, self._plan.columns)
        samples = rows[:, self._sums :].reshape(len(rows), 2, -1)
        if histogram is not None:
            samples = np.stack([_values(), histogram])[None]
        counted = (sample[:, sample[1] > 0] for sample in samples)
        return list(map(Measured, map(Residuals, rows[:, 0].tolist(), *sums.swapaxes(0, 1), counted)))


def _sampled(values: Any, weight: Any) -> tuple[Any, Any]:
    """At most ``SAMPLE`` of the values, and their weights: 0 where there are fewer."""
    count, at = tf.size(values), np.arange(SAMPLE)
    at = tf.minimum(
        tf.where(count > SAMPLE, tf.cast(at * tf.cast(count, tf.int64) // SAMPLE, tf.int32), at), count
    )
    return tuple(tf.gather(tf.pad(each, [[0, 1]]), at) for each in (values, weight))


def _placed(values: Any, weight: Any) -> tuple[Any, Any]:
    return tf.cast(tf.bitcast(tf.cast(values, tf.bfloat16), tf.uint16), tf.int32), weight


def _values() -> NDArray[np.float64]:
    """What each bin of the histogram stands for."""
    with np.errstate(invalid="ignore"):  # some are NaN: nothing is counted there
        return (np.arange(BINS, dtype=np.uint32) << 16).view(np.float32).astype(np.float64)


def _sum(weight: Any, values: Any) -> Any:
    return tf.linalg.matvec(values, weight, transpose_a=True)
