"""How surprising each value of a stream is, on a scale that means the same for every stream."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Iterable
from statistics import NormalDist, median
from typing import NamedTuple

import numpy as np

from traingauge.stats.streaming.autocorrelation import Autocorrelation

#: Gaps that are compared, and those before the first comparison.
MEMORY, WARM_UP = 100, 20

#: Share of a gap by which the level is moved, and the trend.
LEVEL, TREND = 0.1, 0.01

#: Makes the interquartile range of normal values their standard deviation: 1 / 2Φ⁻¹(3/4).
RANGE_TO_STDDEV = 0.741301109252801

#: Values whose median is the level where the stream begins anew.
LAST = 5

_INVERSE = NormalDist().inv_cdf


class Residual(NamedTuple):
    """What a value was like.

    Attributes:
        gap: Value less what was forecast, in the stream's unit.
        score: Of the gap, less what the one before told: what a standard normal value of the same rank among those before
            would be.
    """

    gap: float
    score: float


class Forecaster:
    """Forecasts the next value of a stream, and says how surprising it was.

    A signal of a training run goes somewhere, so its values are not compared with each other but with a forecast: level and
    trend, each moved by a share of the gap (Holt 1957). A gap is scored by its rank r among the last n:
    ``Φ⁻¹((r + 1/2) / (n + 1))``. Whatever the noise is distributed like, ranks of gaps that do not depend on each other are
    uniform, and so the scores standard normal (McDonald 1990, for charts of sequential ranks). Thus a chart's average run
    length, stated for normal values, holds whatever a signal's noise is like. Level and trend are moved by the score, times
    the spread of the gaps, and not by the gap itself: a spike does not become the level.

    Where gaps do depend on each other, a gap is freed of what the one before told, ``g_t - ρ g_(t-1)`` (Alwan & Roberts
    1988, for charts of residuals), and ranked among the gaps before, freed alike. It is freed before it is ranked, so that a
    jump far beyond the noise has the highest rank for as long as it lasts: even where the forecast still lags behind a loss
    that has fallen, and gaps depend on each other for that reason.

    >>> forecast = Forecaster()
    >>> found = [forecast.update(1.0 - step / 100 + 0.01 * (step % 3)) for step in range(60)]
    >>> found[10], forecast.update(0.9).score > 2
    (None, True)
    """

    def __init__(self) -> None:
        self._level = self._trend = 0.0
        self._seen = 0
        self._last: deque[float] = deque(maxlen=LAST)
        self._gaps: deque[float] = deque(maxlen=MEMORY)
        self._dependence = Autocorrelation()
        self._ordered: list[float] = []

    def update(self, value: float) -> Residual | None:
        """Take the next value, a finite one; ``None`` while there is too little to compare it with."""
        self._seen += 1
        self._last.append(value)
        if self._seen == 1:
            self._level = value
            return None
        gap = value - self._level - self._trend
        moved, surprise = gap, None
        if len(self._ordered) >= WARM_UP:
            moved = _INVERSE(self._rank(gap)) * self._spread
            self._dependence.add(self._signed(gap))
            surprise = Residual(gap, self._freed(gap))
        self._level += self._trend + max(LEVEL, 1 / self._seen) * moved
        self._trend += TREND * moved
        self._remember(gap)
        return surprise

    def begin_anew(self) -> None:
        """The stream has another level, that of its last values; the noise is what it was."""
        self._level, self._trend = median(self._last), 0.0

    def save(self) -> list[float]:
        """What it knows, as plain numbers."""
        return [
            *(self._seen, self._level, self._trend, len(self._last), len(self._gaps)),
            *(*self._last, *self._gaps, *self._dependence.save()),
        ]

    def restore(self, saved: Iterable[float]) -> None:
        """Take what :meth:`save` gave."""
        seen, self._level, self._trend, last, gaps, *values = saved
        begin, end = int(last), int(last + gaps)
        self._seen, self._last = int(seen), deque(values[:begin], LAST)
        self._gaps, self._ordered = deque(values[begin:end], MEMORY), sorted(values[begin:end])
        self._dependence.restore(values[end:])

    def _rank(self, gap: float) -> float:
        ordered = self._ordered
        return _share(bisect_left(ordered, gap), bisect_right(ordered, gap), len(ordered))

    def _signed(self, gap: float) -> float:
        """What a standard normal value of the same sign would be, whose size has the same rank.

        Unlike the score it is not 0 where all gaps are alike: those depend on each other.
        """
        ordered, size = self._ordered, abs(gap)
        smaller = bisect_left(ordered, size) - bisect_right(ordered, -size)
        not_larger = bisect_right(ordered, size) - bisect_left(ordered, -size)
        return math.copysign(_INVERSE((1 + _share(max(smaller, 0), not_larger, len(ordered))) / 2), gap)

    def _freed(self, gap: float) -> float:
        """Score of a gap, less what the one before told."""
        told = self._dependence.correlation
        told += told**2 * (1 - told) / 2  # a level that follows hides some of it, the more the stronger it is
        gaps = np.array(self._gaps)
        others, own = gaps[1:] - told * gaps[:-1], gap - told * gaps[-1]
        below, not_above = np.count_nonzero(others < own), np.count_nonzero(others <= own)
        return _INVERSE(_share(int(below), int(not_above), len(others)))

    @property
    def _spread(self) -> float:
        """Standard deviation of the gaps, from their quartiles."""
        count = len(self._ordered)
        return RANGE_TO_STDDEV * (self._ordered[3 * count // 4] - self._ordered[count // 4])

    def _remember(self, gap: float) -> None:
        if len(self._gaps) == MEMORY:
            del self._ordered[bisect_left(self._ordered, self._gaps[0])]
        self._gaps.append(gap)
        insort(self._ordered, gap)


def _share(below: int, not_above: int, count: int) -> float:
    """Rank among so many as a share, never 0 or 1: those that are equal count as half below."""
    return ((below + not_above) / 2 + 0.5) / (count + 1)
