"""Models that are trained under watch."""

from __future__ import annotations

import keras

from tests.integrations.session import RecordingSession
from traingauge.integrations.keras.callback import MonitorCallback


def dense(*units: int, inputs: int, activation: str | None = "relu", last: str | None = None, **options):
    """A small network of dense layers, the same weights every time."""
    keras.utils.set_random_seed(7)
    layers = [keras.layers.Dense(width, activation) for width in units[:-1]]
    return keras.Sequential([keras.Input((inputs,)), *layers, keras.layers.Dense(units[-1], last, **options)])


def frozen():
    """An optimizer that changes nothing: predictions are the same before, during and after training."""
    return keras.optimizers.SGD(0.0)


def fit(model, *data, session: RecordingSession, callbacks=(), gradient_norm: bool = False, **options):
    """Train under watch, quietly and in order."""
    watch = MonitorCallback(session, gradient_norm=gradient_norm)
    return model.fit(*data, **{"verbose": 0, "shuffle": False, "callbacks": [watch, *callbacks], **options})


def evaluate(model, *data, session: RecordingSession, split: str = "test", **options):
    """Evaluate under watch, quietly."""
    return model.evaluate(*data, verbose=0, callbacks=[MonitorCallback(session, split)], **options)
