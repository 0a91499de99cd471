"""A session that keeps what an integration recorded."""

from __future__ import annotations

from typing import Any

import numpy as np

from traingauge import Reference
from traingauge.core.collectors.drift import FeatureDrift
from traingauge.core.collectors.run import RunInfo
from traingauge.core.collectors.scores import Scores
from traingauge.core.events import Event, Pass, Steps
from traingauge.core.recorder import Recorder
from traingauge.integrations.base import Session
from traingauge.options import Drift, Scoring


class RecordingSession(Recorder):
    """A session that keeps what it was told."""

    def __init__(self, reference: Reference | None = None, **scoring: Any) -> None:
        self.model = "recorded"
        self.events: list[Event] = []
        drift = None if reference is None else FeatureDrift(Drift(reference, window=10_000))
        super().__init__(RunInfo(), Scores(Scoring(**scoring)), drift)

    def record(self, event: Event) -> None:
        self.events.append(event)
        super().record(event)

    @property
    def session(self) -> Session:
        """Itself."""
        return self

    def close(self, state: str = "finished") -> None:
        """End the run."""
        self.end(state)

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
        """Of every training step, by name."""
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
