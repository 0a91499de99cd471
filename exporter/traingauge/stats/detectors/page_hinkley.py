"""The Page–Hinkley test."""

from __future__ import annotations

import math

from traingauge import validation
from traingauge.stats.detectors.baseline import WARMUP, Baseline
from traingauge.stats.detectors.chart import Chart


class PageHinkley(Chart):
    """Page–Hinkley test: detects a rise of the mean of a stream whose level is unknown.

    ``m ← m + x - mean(x) - δ``, with the running mean since the last alarm and values in standard deviations. It raises an
    alarm if m exceeds its minimum so far by more than λ, and then starts over at the new level. Source: Page (1954); Hinkley
    (1971); Gama et al. (2014).

    Average run length for independent normal values, a known deviation, δ = 0.5 and λ = 8: above 10 000 without change
    (measured; there is no closed form, as it follows the level), and 17 after a rise by one standard deviation at value 500.
    A rise that is not detected soon becomes the level.

    Args:
        slack: δ ≥ 0, half the rise to detect, in standard deviations.
        limit: λ > 0, in standard deviations.
        deviation: Standard deviation of the stream; by default learnt from the first values.
        warmup: Number of values from which the deviation is learnt.

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
        super().__init__(Baseline(None if deviation is None else 0.0, deviation, warmup))
        self._slack = validation.number("PageHinkley.slack", slack, least=0)
        self._limit = validation.number("PageHinkley.limit", limit, above=0)

    def _restart(self) -> None:
        self._count, self._mean, self._sum, self._minimum = 0, 0.0, 0.0, 0.0

    @property
    def statistic(self) -> float:
        """Distance of the sum m from its minimum; NaN during the warm-up."""
        return self._learnt(self._sum - self._minimum)

    def _add(self, scaled: float) -> bool:
        if math.isinf(scaled):  # the first change of a stream that was constant during the warm-up
            return True
        self._count += 1
        self._mean += (scaled - self._mean) / self._count
        self._sum += scaled - self._mean - self._slack
        self._minimum = min(self._minimum, self._sum)
        return self._sum - self._minimum > self._limit
