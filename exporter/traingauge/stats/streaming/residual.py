"""One-step forecasts of a stream, and their residuals on a scale that is the same for every stream."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Iterable
from statistics import NormalDist, median
from typing import NamedTuple

import numpy as np

from traingauge.stats.streaming.autocorrelation import Autocorrelation

#: Residuals that the next one is ranked among.
WINDOW = 100

#: Residuals needed before the first one is ranked.
WARM_UP = 20

#: Holt's smoothing factors of the level and of the trend.
LEVEL_WEIGHT, TREND_WEIGHT = 0.1, 0.01

#: Scales the interquartile range of a normal distribution to its standard deviation: 1 / 2Φ⁻¹(3/4).
IQR_TO_STDDEV = 0.741301109252801

#: Last values whose median becomes the level in :meth:`Forecaster.reset_level`.
LEVEL_VALUES = 5

_INVERSE_CDF = NormalDist().inv_cdf


class Residual(NamedTuple):
    """How far a value was from its forecast.

    Attributes:
        residual: Value minus forecast, in the unit of the stream.
        rank_z: Rank of the residual, freed of autocorrelation, among the previous ones, as a standard normal quantile.
    """

    residual: float
    rank_z: float


class Forecaster:
    """Forecasts each value of a stream and scores its residual.

    The signals of a training run have trends, so values are compared with a forecast and not with each other: a level and a
    trend, each smoothed exponentially (Holt 1957). A residual of rank r among the last n has the score
    ``Φ⁻¹((r + 1/2) / (n + 1))``. Ranks of independent residuals are uniform for any noise distribution, so their
    scores are about standard normal (McDonald 1990, for charts of sequential ranks), for which a chart's average run length
    is stated. Level and trend follow the score times the spread of the residuals, not the residual
    itself, so that a spike does not become the level.

    Where residuals are autocorrelated, each is freed of the part that its predecessor explains, ``e_t - ρ e_(t-1)`` (Alwan &
    Roberts 1988, for charts of residuals), and ranked among the previous ones, freed in the same way. Freeing before
    ranking gives a jump far beyond the noise the highest rank for as long as it lasts, even where residuals are
    autocorrelated only because the forecast lags behind a falling loss.

    >>> forecaster = Forecaster()
    >>> found = [forecaster.update(1.0 - step / 100 + 0.01 * (step % 3)) for step in range(60)]
    >>> found[10], forecaster.update(0.9).rank_z > 2
    (None, True)
    """

    def __init__(self) -> None:
        self._level = self._trend = 0.0
        self._seen = 0
        self._last: deque[float] = deque(maxlen=LEVEL_VALUES)
        self._residuals: deque[float] = deque(maxlen=WINDOW)
        self._autocorrelation = Autocorrelation()
        self._ordered: list[float] = []

    def update(self, value: float) -> Residual | None:
        """Add the next value, finite, and score it; ``None`` during the warm-up."""
        self._seen += 1
        self._last.append(value)
        if self._seen == 1:
            self._level = value
            return None
        residual = value - self._level - self._trend
        correction, scored = residual, None
        if len(self._ordered) >= WARM_UP:
            correction = _INVERSE_CDF(self._rank(residual)) * self._spread
            self._autocorrelation.add(self._signed_rank_z(residual))
            scored = Residual(residual, self._rank_z(residual))
        self._level += self._trend + max(LEVEL_WEIGHT, 1 / self._seen) * correction
        self._trend += TREND_WEIGHT * correction
        self._remember(residual)
        return scored

    def reset_level(self) -> None:
        """Restart the forecast from the median of the last values, without a trend; the residuals are kept."""
        self._level, self._trend = median(self._last), 0.0

    def save(self) -> list[float]:
        """The state, as plain numbers."""
        return [
            *(self._seen, self._level, self._trend, len(self._last), len(self._residuals)),
            *(*self._last, *self._residuals, *self._autocorrelation.save()),
        ]

    def restore(self, saved: Iterable[float]) -> None:
        """Restore a state from :meth:`save`."""
        seen, self._level, self._trend, last, residuals, *values = saved
        begin, end = int(last), int(last + residuals)
        self._seen, self._last = int(seen), deque(values[:begin], LEVEL_VALUES)
        self._residuals, self._ordered = deque(values[begin:end], WINDOW), sorted(values[begin:end])
        self._autocorrelation.restore(values[end:])

    def _rank(self, residual: float) -> float:
        ordered = self._ordered
        return _rank_share(bisect_left(ordered, residual), bisect_right(ordered, residual), len(ordered))

    def _signed_rank_z(self, residual: float) -> float:
        """Normal quantile with the sign of the residual and the rank of its size.

        Unlike ``rank_z`` it is not 0 if all residuals are equal: those are autocorrelated.
        """
        ordered, size = self._ordered, abs(residual)
        smaller = bisect_left(ordered, size) - bisect_right(ordered, -size)
        not_larger = bisect_right(ordered, size) - bisect_left(ordered, -size)
        share = _rank_share(max(smaller, 0), not_larger, len(ordered))
        return math.copysign(_INVERSE_CDF((1 + share) / 2), residual)

    def _rank_z(self, residual: float) -> float:
        """Normal quantile of the residual's rank, after the part that its predecessor explains was removed."""
        rho = self._autocorrelation.correlation
        rho += rho**2 * (1 - rho) / 2  # the adaptive level hides some of it: the more, the stronger it is
        residuals = np.array(self._residuals)
        others, own = residuals[1:] - rho * residuals[:-1], residual - rho * residuals[-1]
        below, not_above = np.count_nonzero(others < own), np.count_nonzero(others <= own)
        return _INVERSE_CDF(_rank_share(int(below), int(not_above), len(others)))

    @property
    def _spread(self) -> float:
        """Standard deviation of the residuals, estimated from their quartiles."""
        count = len(self._ordered)
        return IQR_TO_STDDEV * (self._ordered[3 * count // 4] - self._ordered[count // 4])

    def _remember(self, residual: float) -> None:
        if len(self._residuals) == WINDOW:
            del self._ordered[bisect_left(self._ordered, self._residuals[0])]
        self._residuals.append(residual)
        insort(self._ordered, residual)


def _rank_share(below: int, not_above: int, count: int) -> float:
    """Rank among ``count`` values as a share in (0, 1); half of the equal values count as below."""
    return ((below + not_above) / 2 + 0.5) / (count + 1)
