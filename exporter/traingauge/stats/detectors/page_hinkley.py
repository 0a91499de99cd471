"""The Page–Hinkley test."""

from __future__ import annotations

import math

from traingauge import validation
from traingauge.stats.detectors.baseline import WARMUP, Baseline
from traingauge.stats.detectors.detector import Detector


class PageHinkley(Detector):
    """Page–Hinkley test: for a rise of the mean of a stream whose level is not known beforehand.

    ``m ← m + x - mean(x) - δ``, with the running mean since the last alarm; alarm where m is more than λ above its least
    value so far. Values are taken in the baseline's standard deviations, so δ and λ need no unit. After an alarm it starts
    over, from the new level. Source: Page (1954); Hinkley (1971); Gama et al. (2014).

    Average run length, on independent normal values with a known deviation and δ = 0.5, λ = 8: above 10 000 without change
    (measured: it follows the level, so there is no closed form), 17 after a rise by one standard deviation at value 500. A
    rise that it has not found soon becomes the level.

    Args:
        slack: δ ≥ 0, half the rise to find.
        limit: λ, above 0.
        deviation: The stream's standard deviation; by default learnt from the first values.
        warmup: Values to learn it from.

    >>> test = PageHinkley(deviation=1.0)
    >>> alarms = [test.update(value) for value in [0.0] * 50 + [float("nan")] + [3.0] * 5]
    >>> alarms.index(True) - 50
    4
    """

    name = "page_hinkley"
    sees = "rank_z"

    def __init__(
        self, slack: float = 0.5, limit: float = 8.0, *, deviation: float | None = None, warmup: int = WARMUP
    ) -> None:
        super().__init__()
        self.baseline: Baseline = Baseline(None if deviation is None else 0.0, deviation, warmup)
        self._slack = validation.number("PageHinkley.slack", slack, least=0)
        self._limit = validation.number("PageHinkley.limit", limit, above=0)
        self._restart()

    @property
    def statistic(self) -> float:
        """How far the sum is above its least value; NaN while the baseline is being learnt."""
        return self._sum - self._least if math.isfinite(self.baseline.deviation) else math.nan

    def _restart(self) -> None:
        self._count, self._mean, self._sum, self._least = 0, 0.0, 0.0, 0.0

    def _update(self, value: float) -> bool:
        if self.baseline.learn(value):
            return False
        scaled = self.baseline.scaled(value)
        if math.isinf(scaled):  # a stream that never varied, and now does
            self._restart()
            return True
        self._count += 1
        self._mean += (scaled - self._mean) / self._count
        self._sum += scaled - self._mean - self._slack
        self._least = min(self._least, self._sum)
        alarm = self.statistic > self._limit
        if alarm:
            self._restart()
        return alarm
