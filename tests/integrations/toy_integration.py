"""An integration that somebody adds: nothing but this file and a line in ``INTEGRATIONS``."""

from __future__ import annotations

import time
from typing import Any

from traingauge.core.events import EpochEnd
from traingauge.core.model_description import ModelDescription
from traingauge.integrations.base import Monitor, RunSource


class ToyModel:
    """A model of a toy framework: its loss halves every step."""

    name = "toy"

    def __init__(self) -> None:
        self.loss = 1.0

    def fit(self, steps: int, after_step: Any = lambda loss: None) -> None:
        for _ in range(steps):
            self.loss /= 2
            after_step(self.loss)


def recognises(model: Any) -> bool:
    return isinstance(model, ToyModel)


def name_of(model: ToyModel) -> str:
    return model.name


def describe(model: ToyModel) -> ModelDescription:
    return ModelDescription("halving", 1, 0, "Halver", "", {})


def fit(model: ToyModel, monitor: Monitor | str, steps: int) -> None:
    runs = RunSource(monitor)
    session = runs.begin()
    session.describe_framework("toy", "1.0")
    session.describe(describe(model))
    model.fit(steps, lambda loss: session.step(loss, None, None, None, None, 1, {}))
    session.record(EpochEnd(time.perf_counter()))
    runs.end()
