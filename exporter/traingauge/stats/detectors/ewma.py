"""The exponentially weighted moving average chart."""

from __future__ import annotations

import math

from traingauge import validation
from traingauge.stats.detectors.baseline import WARMUP, Baseline
from traingauge.stats.detectors.detector import Detector


class Ewma(Detector):
    """EWMA control chart: for small, lasting shifts of the mean to either side.

    ``z ← (1 - λ) z + λ x``, where x is the value in standard deviations from the baseline's mean; alarm where |z| exceeds
    ``L sqrt(λ / (2 - λ) (1 - (1 - λ)^2t))``. After an alarm it starts over. Source: Roberts (1959); limits by Lucas &
    Saccucci (1990).

    Average run length, on independent normal values with a known baseline and λ = 0.1, L = 2.814: about 490 without
    change, 10 after a shift by one standard deviation. A baseline learnt from few values shortens the first; so do values
    that depend on each other, or heavy tails.

    Args:
        weight: λ in (0, 1]: the smaller, the smaller the shifts it is for.
        limit: L, above 0. The default suits signals of training, where a false alarm costs more than a few readings.
        mean: The baseline's mean; by default learnt from the first values.
        deviation: Its standard deviation; given together with it.
        warmup: Values to learn the baseline from.

    >>> chart = Ewma(limit=2.814, mean=0.0, deviation=1.0)
    >>> [chart.update(value) for value in (0.1, float("nan"), 2.0, 2.0, 2.0)]
    [False, False, False, False, True]
    """

    name = "ewma"
    sees = "rank_z"

    def __init__(
        self,
        weight: float = 0.1,
        limit: float = 3.3,
        *,
        mean: float | None = None,
        deviation: float | None = None,
        warmup: int = WARMUP,
    ) -> None:
        super().__init__()
        self.baseline: Baseline = Baseline(mean, deviation, warmup)
        self._weight = validation.number("Ewma.weight", weight, above=0, most=1)
        self._limit = validation.number("Ewma.limit", limit, above=0)
        self._average, self._steps = 0.0, 0

    @property
    def statistic(self) -> float:
        """The average, in standard deviations from the baseline's mean; NaN while that is being learnt."""
        return self._average if math.isfinite(self.baseline.deviation) else math.nan

    def _update(self, value: float) -> bool:
        if self.baseline.learn(value):
            return False
        self._steps += 1
        self._average += self._weight * (self.baseline.scaled(value) - self._average)
        fading = 1 - (1 - self._weight) ** (2 * self._steps)
        alarm = abs(self._average) > self._limit * math.sqrt(self._weight / (2 - self._weight) * fading)
        if alarm:
            self._average, self._steps = 0.0, 0
        return alarm
