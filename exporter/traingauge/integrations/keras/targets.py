"""Bins of labels and predictions, counted inside of a TensorFlow graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from traingauge.integrations.keras.bins import Bins
from traingauge.integrations.keras.scores.plan import ScoringPlan
from traingauge.integrations.keras.scores.rows import flat_labels, flat_outputs


class Targets:
    """Counts of what a model is trained on and of what it answers, as :meth:`Drift.encode` counts them of a step.

    One-hot labels and outputs of several classes become the class. Several labels a sample, or several quantities, are no
    single column, and are left out.

    Args:
        edges: Of the reference's bins, shape (1, E), by part: ``labels``, ``predictions``.
        device: Where the counts are; ``None`` leaves that to TensorFlow.
        every: Rows are counted in steps of this many.
    """

    def __init__(
        self, edges: Mapping[str, NDArray[np.float64]], device: str | None = None, *, every: int = 1
    ) -> None:
        self._bins = {part: Bins(one, device, every=every) for part, one in edges.items()}

    def add(self, plan: ScoringPlan, y: Any, y_pred: Any) -> None:
        """Inside the graph: count one batch.

        Args:
            plan: How outputs become classes or quantities.
            y: Labels.
            y_pred: Outputs.
        """
        if plan.columns > 1 and plan.task in ("multilabel", "regression"):
            return
        columns = {"labels": flat_labels(plan, y, y_pred), "predictions": flat_outputs(plan, y_pred)}
        for part, bins in self._bins.items():
            bins.add(_column(columns[part]))

    def read(self) -> dict[str, NDArray[np.int64]]:
        """Outside of the graph: what was counted since the last reading, by part, shape (1, E + 2)."""
        return {part: bins.read()[0] for part, bins in self._bins.items()}


def _column(values: Any) -> Any:
    """Labels or outputs, shape (rows,) or (rows, columns), as one column."""
    if values.shape.rank == 2 and values.shape[1] > 1:
        values = tf.argmax(values, axis=1)
    return tf.reshape(values, [-1, 1])
