"""Result and age of the last canary check, and the best result so far."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from traingauge.core.collectors.base import Collector
from traingauge.core.events import CanaryChecked
from traingauge.core.families import Family, single

if TYPE_CHECKING:
    from traingauge.reference.canary import CanaryResult


class CanaryMetrics(Collector):
    """Metrics of the last canary check; none before the first.

    >>> from traingauge.reference.canary import CanaryResult
    >>> canary = CanaryMetrics(); canary.update(CanaryResult(0.5, 1, 8), time.time())
    >>> [family.metric.name.removeprefix("model_canary_") for family in canary.families()]
    ['distance', 'mismatches', 'mismatches_best', 'samples', 'age_seconds']
    """

    def __init__(self) -> None:
        self._last: tuple[CanaryResult, float] | None = None
        self._best: int | None = None
        self.handlers = {CanaryChecked: self.on_check}

    def on_check(self, event: CanaryChecked, unix: float) -> None:
        """Record the result of a canary check."""
        self.update(event.result, event.at + unix)

    def update(self, result: CanaryResult, at: float) -> None:
        """Replace the last result; ``at`` is Unix time in seconds."""
        self._last = result, at
        self._best = result.mismatches if self._best is None else min(self._best, result.mismatches)

    def families(self) -> Iterator[Family]:
        """``model_canary_*``."""
        if self._last is not None and self._best is not None:
            (distance, mismatches, samples), at = self._last
            yield single("model_canary_distance", distance)
            yield single("model_canary_mismatches", float(mismatches))
            yield single("model_canary_mismatches_best", float(self._best))
            yield single("model_canary_samples", float(samples))
            yield single("model_canary_age_seconds", max(0.0, time.time() - at))

    def save(self) -> dict[str, Any]:
        """The best result: a run that resumes continues with the model that had it."""
        return {"best": self._best}

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Restore a state from :meth:`save`."""
        self._best = saved["best"]
