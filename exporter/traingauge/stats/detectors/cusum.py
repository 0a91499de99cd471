"""The cumulative sum chart."""

from __future__ import annotations

import math

from traingauge import validation
from traingauge.stats.detectors.baseline import WARMUP, Baseline
from traingauge.stats.detectors.detector import Detector


class Cusum(Detector):
    """Two-sided tabular CUSUM: for lasting shifts of the mean by a known size, which it finds soonest of all.

    ``S⁺ ← max(0, S⁺ + x - k)`` and ``S⁻ ← max(0, S⁻ - x - k)``, where x is the value in standard deviations from the
    baseline's mean; alarm where either exceeds h. After an alarm it starts over. Source: Page (1954); Montgomery,
    Introduction to Statistical Quality Control (2012), chapter 9.

    Average run length, on independent normal values with a known baseline and k = 0.5, h = 5: 465 without change, 10.4
    after a shift by one standard deviation. A baseline learnt from few values shortens the first.

    Args:
        slack: k ≥ 0, half the shift to find.
        limit: h, above 0. The default suits signals of training, where a false alarm costs more than a few readings.
        mean: The baseline's mean; by default learnt from the first values.
        deviation: Its standard deviation; given together with it.
        warmup: Values to learn the baseline from.

    >>> chart = Cusum(limit=5.0, mean=0.0, deviation=1.0)
    >>> [chart.update(value) for value in (0.1, float("nan"), 2.5, 2.5, 2.5)]
    [False, False, False, False, True]
    """

    name = "cusum"
    sees = "rank_z"

    def __init__(
        self,
        slack: float = 0.5,
        limit: float = 7.0,
        *,
        mean: float | None = None,
        deviation: float | None = None,
        warmup: int = WARMUP,
    ) -> None:
        super().__init__()
        self.baseline: Baseline = Baseline(mean, deviation, warmup)
        self._slack = validation.number("Cusum.slack", slack, least=0)
        self._limit = validation.number("Cusum.limit", limit, above=0)
        self._high = self._low = 0.0

    @property
    def statistic(self) -> float:
        """The greater of both sums; NaN while the baseline is being learnt."""
        return max(self._high, self._low) if math.isfinite(self.baseline.deviation) else math.nan

    def _update(self, value: float) -> bool:
        if self.baseline.learn(value):
            return False
        scaled = self.baseline.scaled(value)
        self._high = max(0.0, self._high + scaled - self._slack)
        self._low = max(0.0, self._low - scaled - self._slack)
        alarm = max(self._high, self._low) > self._limit
        if alarm:
            self._high = self._low = 0.0
        return alarm
