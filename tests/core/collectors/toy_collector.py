"""A collector that somebody adds: nothing but this file and a line in ``COLLECTORS``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from traingauge.core.collectors.base import Collector, Reading
from traingauge.core.events import EpochEnd
from traingauge.core.families import Family, single
from traingauge.core.step_batch import StepBatch


class Toy(Collector):
    """Publishes the steps it took, and keeps what else it was given."""

    def __init__(self, *_: object) -> None:
        self.steps = 0
        self.given: list[str] = []
        self.handlers = {EpochEnd: lambda event, unix: self.given.append(f"epoch at {event.at + unix:g}")}

    def on_batch(self, batch: StepBatch) -> None:
        self.steps += len(batch.at)
        self.given.append(f"batch of {len(batch.at)}")

    def on_slice(self, batch: StepBatch, piece: slice) -> None:
        self.given.append(f"slice {piece.start} to {piece.stop}")

    def on_reading(self, reading: Reading) -> None:
        self.given.append(f"{reading.split} accuracy {reading.scores.get('accuracy')}")

    @property
    def dropped(self) -> Mapping[str, int]:
        return {"scalar": 3}

    def families(self) -> Iterator[Family]:
        yield single("model_steps_planned", float(self.steps))

    def save(self) -> Any:
        return self.steps

    def restore(self, saved: Any) -> None:
        self.steps = saved
