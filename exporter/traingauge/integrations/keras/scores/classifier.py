"""What a classifier's scores are made of inside a TensorFlow graph: counts of classes, and sums of probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from traingauge.integrations.keras.scores.counts import ClassCounts
from traingauge.integrations.keras.scores.labels import classify
from traingauge.integrations.keras.scores.plan import ScoringPlan
from traingauge.integrations.keras.scores.probabilities import GraphProbabilities
from traingauge.integrations.keras.scores.statistic import Reduced
from traingauge.stats.run_scores import Measured


class ClassifierSums:
    """Measures outputs against labels; see :class:`~traingauge.integrations.keras.scores.statistic.Statistic`.

    Args:
        plan: How outputs become classes.

    Attributes:
        width: Length of the vector.
        bins: Length of the histogram.
        kept: Length of what is kept of a row for ranking.
        most_kept: Number of rows that are kept at most.
    """

    def __init__(self, plan: ScoringPlan) -> None:
        self._plan = plan
        self._counts = ClassCounts(plan)
        self._probabilities = GraphProbabilities(plan) if plan.probabilities else None
        self.width, self.bins = self._counts.width, 0
        self.kept = self.most_kept = 0
        if self._probabilities is not None:
            self.width += self._probabilities.width
            self.bins = self._probabilities.bins
            self.kept, self.most_kept = self._probabilities.kept, self._probabilities.most_kept

    def measure(self, y: Any, y_pred: Any, sample_weight: Any) -> Reduced:
        """Inside the graph: reduce a batch."""
        batch = classify(self._plan, y, y_pred, sample_weight)
        counts = self._counts.measure(batch)
        if self._probabilities is None:
            return Reduced(counts, batch.nonfinite)
        graded = self._probabilities.grade(batch)
        vector = tf.concat([counts, self._probabilities.measure(batch, graded)], axis=0)
        if graded is None or not self.bins:
            return Reduced(vector, batch.nonfinite)
        place, rows = partial(self._probabilities.place, graded), partial(self._probabilities.rows, graded)
        return Reduced(vector, batch.nonfinite, place, rows)

    def merge(self, whole: Any, part: Any) -> Any:
        """Inside the graph: the vector of two parts together."""
        return whole + part

    def join(self, replicas: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        """Outside of the graph: the vectors of a step's replicas together."""
        whole: NDArray[np.float64] = np.sum(replicas, axis=0)
        return whole

    def decode(
        self,
        rows: NDArray[np.float64],
        histogram: NDArray[np.float64] | None = None,
        kept: NDArray[np.float64] | None = None,
    ) -> list[Measured]:
        """Outside of the graph: what vectors hold."""
        counts = self._counts.decode(rows[:, : self._counts.width])
        if self._probabilities is None:
            return list(map(Measured, counts))
        probabilities = self._probabilities.decode(rows[:, self._counts.width :], histogram, kept)
        return list(map(Measured, counts, probabilities))
