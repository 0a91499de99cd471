"""A session for tests of an integration: what it recorded, and what comes of it."""

from __future__ import annotations

from typing import Any, TypeVar

from traingauge.core.collectors import Setup
from traingauge.core.collectors.drift import FeatureDrift
from traingauge.core.events import Event
from traingauge.core.recorder import Recorder
from traingauge.integrations.base import Session
from traingauge.options import Drift, Scoring
from traingauge.testing.samples import Sample, sample, samples

E = TypeVar("E")


class RecordingSession(Recorder):
    """A run in memory that keeps every event. An integration takes it in place of a monitor.

    Args:
        drift: What features are compared with, and how.
        **scoring: As of :class:`traingauge.Scoring`.

    Attributes:
        model: Name of the model.
        events: What was recorded, in its order.

    >>> from traingauge.core.events import EpochEnd
    >>> session = RecordingSession()
    >>> session.step(0.25, None, None, None, None, 32, {})
    >>> session.record(EpochEnd(2.0))
    >>> session.value("model_loss", split="train"), len(session.of(EpochEnd)), session.errors
    (0.25, 1, {})
    """

    def __init__(self, drift: Drift | None = None, **scoring: Any) -> None:
        self.model = "recorded"
        self.events: list[Event] = []
        super().__init__(Setup(Scoring(**scoring), None if drift is None else FeatureDrift(drift)))

    @property
    def session(self) -> Session:
        """Itself: what a monitor has here."""
        return self

    def record(self, event: Event) -> None:
        """Keep the event, and record it."""
        self.events.append(event)
        super().record(event)

    def close(self, state: str = "finished") -> None:
        """End the run."""
        self.end(state)

    def of(self, kind: type[E]) -> list[E]:
        """The events of a class."""
        return [event for event in self.events if isinstance(event, kind)]

    def value(self, metric: str, /, **labels: str) -> float | None:
        """One sample; ``None`` if it is absent. See :meth:`traingauge.testing.InMemory.value`."""
        return self.samples().get(sample(metric, labels))

    def samples(self) -> dict[Sample, float]:
        """Every sample, by name and labels without ``model`` and ``run``."""
        return samples(self.reader.families())

    @property
    def errors(self) -> dict[str, int]:
        """Errors inside monitoring so far, by reason, those of draining among them."""
        self.reader.families()
        return {reason: count for reason, count in self.guard.errors.items() if count}
