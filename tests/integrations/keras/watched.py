"""Models that are trained under watch, and what was recorded and published of them."""

from __future__ import annotations

import keras
import numpy as np

from traingauge.core.collectors.drift import FeatureDrift
from traingauge.core.collectors.run import RunInfo
from traingauge.core.collectors.scores import Scores
from traingauge.core.events import Pass, Steps
from traingauge.core.recorder import Recorder
from traingauge.integrations.keras.callback import MonitorCallback
from traingauge.options import Drift, Scoring


class Kept(Recorder):
    """A recorder that keeps what it was told."""

    def __init__(self, reference=None, **scores) -> None:
        self.events: list = []
        drift = None if reference is None else FeatureDrift(Drift(reference, window=10_000))
        super().__init__(RunInfo(), Scores(Scoring(**scores)), drift)

    def record(self, event) -> None:
        self.events.append(event)
        super().record(event)

    @property
    def steps(self) -> list[Steps]:
        return [event for event in self.events if isinstance(event, Steps)]

    @property
    def passes(self) -> list[Pass]:
        return [event for event in self.events if isinstance(event, Pass)]

    @property
    def losses(self) -> np.ndarray:
        """Of every training step."""
        return np.concatenate([steps.losses for steps in self.steps])

    def scalar(self, name: str) -> np.ndarray:
        return np.concatenate([steps.scalars[name] for steps in self.steps])

    @property
    def errors(self) -> dict[str, int]:
        """Errors inside monitoring, by reason."""
        self.families()
        return {reason: count for reason, count in self.guard.errors.items() if count}

    def published(self) -> dict[tuple[str, ...], float]:
        """Values by metric, without ``model_``, and label values."""
        return {
            (family.metric.name.removeprefix("model_"), *key.labels): value
            for family in self.families()
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


def fit(model, *data, recorder: Recorder, callbacks=(), gradient_norm: bool = False, **options):
    """Train under watch, quietly and in order."""
    watch = MonitorCallback(recorder, gradient_norm=gradient_norm)
    return model.fit(*data, **{"verbose": 0, "shuffle": False, "callbacks": [watch, *callbacks], **options})


def evaluate(model, *data, recorder: Recorder, split: str = "test", **options):
    """Evaluate under watch, quietly."""
    return model.evaluate(*data, verbose=0, callbacks=[MonitorCallback(recorder, split)], **options)
