"""What is noted in the graph of a model that is watched, on TensorFlow."""

from __future__ import annotations

import numpy as np

from traingauge.integrations.keras.graph_hook import GraphHook


def noted_steps(model) -> int:
    """How many steps of the model have ended: at least, while it takes one. What is being written is 0 until then."""
    return int((_began(model) > 0).sum())


def noted_executions(model) -> int:
    """How many executions of the model have asked for their first batch."""
    return int(np.isnan(_began(model)).sum())


def _began(model) -> np.ndarray:
    notes = GraphHook.of(model).waits.notes
    return notes.read(0, notes.written)[:, 0]
