"""The exponentially weighted moving average chart."""

from __future__ import annotations

import math

from traingauge import validation
from traingauge.stats.detectors.baseline import WARMUP, Baseline
from traingauge.stats.detectors.chart import Chart


class Ewma(Chart):
    """EWMA control chart: detects small, lasting shifts of the mean in either direction.

    ``z ← (1 - λ) z + λ x``, where x is the distance from the baseline's mean in standard deviations. It raises an alarm if
    |z| exceeds ``L sqrt(λ / (2 - λ) (1 - (1 - λ)^2t))``, and then starts over. Source: Roberts (1959); limits by Lucas &
    Saccucci (1990).

    Average run length for independent normal values, a known baseline and λ = 0.1: with L = 2.814, about 490 without change
    and 10 after a shift by one standard deviation; with L = 3.3, about 2 200 and 13 (measured). A baseline learnt from few
    values, autocorrelation and heavy tails shorten the former.

    Args:
        weight: λ in (0, 1]. Smaller values detect smaller shifts.
        limit: L > 0. The default suits signals of training, where a false alarm costs more than a delay of a few values.
        mean: Mean of the baseline; by default learnt from the first values.
        deviation: Standard deviation of the baseline; given together with the mean.
        warmup: Number of values from which the baseline is learnt.

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
        super().__init__(Baseline(mean, deviation, warmup))
        self._weight = validation.number("Ewma.weight", weight, above=0, most=1)
        self._limit = validation.number("Ewma.limit", limit, above=0)

    def _restart(self) -> None:
        self._average, self._steps = 0.0, 0

    @property
    def statistic(self) -> float:
        """The moving average z, in standard deviations; NaN during the warm-up."""
        return self._learnt(self._average)

    def _add(self, scaled: float) -> bool:
        self._steps += 1
        self._average += self._weight * (scaled - self._average)
        fading = 1 - (1 - self._weight) ** (2 * self._steps)
        return abs(self._average) > self._limit * math.sqrt(self._weight / (2 - self._weight) * fading)
