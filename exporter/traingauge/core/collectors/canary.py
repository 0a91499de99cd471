"""What the canary last said, and when."""

from __future__ import annotations

import time
from collections.abc import Iterator

from traingauge.core.families import Family, single
from traingauge.reference.canary import Reading


class CanaryMetrics:
    """The last reading of a canary; nothing before the first.

    >>> part = CanaryMetrics(); part.update(Reading(0.5, 1, 8), time.time())
    >>> [family.metric.name.removeprefix("model_canary_") for family in part.families()]
    ['distance', 'mismatches', 'samples', 'age_seconds']
    """

    def __init__(self) -> None:
        self._last: tuple[Reading, float] | None = None

    def update(self, reading: Reading, at: float) -> None:
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
