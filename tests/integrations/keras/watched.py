"""Models that are trained under watch."""

from __future__ import annotations

import keras
import numpy as np

from traingauge.core.events import Pass, Steps
from traingauge.integrations.keras.callback import MonitorCallback
from traingauge.options import Drift
from traingauge.reference import Reference
from traingauge.testing import RecordingSession


class KerasSession(RecordingSession):
    """What Keras recorded, with shorter ways to ask for it."""

    def __init__(self, reference: Reference | Drift | None = None, **scoring) -> None:
        self.settings = Drift(reference, window=10_000) if isinstance(reference, Reference) else reference
        super().__init__(self.settings, **scoring)

    @property
    def steps(self) -> list[Steps]:
        return self.of(Steps)

    @property
    def passes(self) -> list[Pass]:
        return self.of(Pass)

    @property
    def losses(self) -> np.ndarray:
        """Of every training step."""
        return np.concatenate([steps.losses for steps in self.steps])

    def scalar(self, name: str) -> np.ndarray:
        """Of every training step, by name."""
        return np.concatenate([steps.scalars[name] for steps in self.steps])

    def published(self) -> dict[tuple[str, ...], float]:
        """Values by metric, without ``model_``, and label values."""
        return published_by(self)


def published_by(session: RecordingSession) -> dict[tuple[str, ...], float]:
    """Values by metric, without ``model_``, and label values."""
    return {
        (family.metric.name.removeprefix("model_"), *key.labels): value
        for family in session.reader.families()
        for key, value in zip(family.keys, family.values, strict=True)
    }


def dense(*units: int, inputs: int, activation: str | None = "relu", last: str | None = None, **options):
    """A small network of dense layers, the same weights every time."""
    keras.utils.set_random_seed(7)
    layers = [keras.layers.Dense(width, activation) for width in units[:-1]]
    return keras.Sequential([keras.Input((inputs,)), *layers, keras.layers.Dense(units[-1], last, **options)])


def frozen():
    """An optimizer that changes nothing: predictions are the same before, during and after training."""
    return keras.optimizers.SGD(0.0)


def fit(model, *data, session: KerasSession, callbacks=(), gradient_norm: bool = False, **options):
    """Train under watch, quietly and in order."""
    watch = MonitorCallback(session, gradient_norm=gradient_norm)
    return model.fit(*data, **{"verbose": 0, "shuffle": False, "callbacks": [watch, *callbacks], **options})


def evaluate(model, *data, session: KerasSession, split: str = "test", **options):
    """Evaluate under watch, quietly."""
    return model.evaluate(*data, verbose=0, callbacks=[MonitorCallback(session, split)], **options)
