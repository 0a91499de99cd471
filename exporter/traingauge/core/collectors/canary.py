"""What the canary last said, and when."""

from __future__ import annotations

import time
from collections.abc import Iterator

from traingauge.core.collectors.base import Collector
from traingauge.core.events import CanaryChecked
from traingauge.core.families import Family, single
from traingauge.reference.canary import CanaryResult


class CanaryMetrics(Collector):
    """The last reading of a canary; nothing before the first.

    >>> part = CanaryMetrics(); part.update(CanaryResult(0.5, 1, 8), time.time())
    >>> [family.metric.name.removeprefix("model_canary_") for family in part.families()]
    ['distance', 'mismatches', 'samples', 'age_seconds']
    """

    def __init__(self) -> None:
        self._last: tuple[CanaryResult, float] | None = None
        self.handlers = {CanaryChecked: self.on_check}

    def on_check(self, event: CanaryChecked, unix: float) -> None:
        """Take what a canary that was asked found."""
        self.update(event.reading, event.at + unix)

    def update(self, reading: CanaryResult, at: float) -> None:
        """Take a reading; ``at`` is Unix time in seconds."""
        self._last = reading, at

    def families(self) -> Iterator[Family]:
        """``model_canary_*``."""
        if self._last is not None:
            (distance, mismatches, samples), at = self._last
            yield single("model_canary_distance", distance)
            yield single("model_canary_mismatches", float(mismatches))
            yield single("model_canary_samples", float(samples))
            yield single("model_canary_age_seconds", max(0.0, time.time() - at))
