"""The cumulative sum chart."""

from __future__ import annotations

from traingauge import validation
from traingauge.stats.detectors.baseline import WARMUP, Baseline
from traingauge.stats.detectors.chart import Chart


class Cusum(Chart):
    """Two-sided tabular CUSUM: detects lasting shifts of the mean, and those of a known size fastest of all detectors.

    ``S⁺ ← max(0, S⁺ + x - k)`` and ``S⁻ ← max(0, S⁻ - x - k)``, where x is the distance from the baseline's mean in standard
    deviations. It raises an alarm if either exceeds h, and then starts over. Source: Page (1954); Montgomery, Introduction
    to Statistical Quality Control (2012), chapter 9.

    Average run length for independent normal values, a known baseline and k = 0.5: with h = 5, 465 without change and 10.4
    after a shift by one standard deviation; with h = 7, about 3 500 and 13.6 (measured). A baseline learnt from few values
    shortens the former.

    Args:
        slack: k ≥ 0, half the shift to detect, in standard deviations.
        limit: h > 0. The default suits signals of training, where a false alarm costs more than a delay of a few values.
        mean: Mean of the baseline; by default learnt from the first values.
        deviation: Standard deviation of the baseline; given together with the mean.
        warmup: Number of values from which the baseline is learnt.

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
        super().__init__(Baseline(mean, deviation, warmup))
        self._slack = validation.number("Cusum.slack", slack, least=0)
        self._limit = validation.number("Cusum.limit", limit, above=0)

    def _restart(self) -> None:
        self._high = self._low = 0.0

    @property
    def statistic(self) -> float:
        """The larger of both sums; NaN during the warm-up."""
        return self._learnt(max(self._high, self._low))

    def _add(self, scaled: float) -> bool:
        self._high = max(0.0, self._high + scaled - self._slack)
        self._low = max(0.0, self._low - scaled - self._slack)
        return max(self._high, self._low) > self._limit
