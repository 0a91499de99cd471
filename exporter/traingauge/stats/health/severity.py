"""How far signals are on their worse side, in standard deviations of their own noise."""

from __future__ import annotations

import math
from itertools import pairwise
from statistics import median
from typing import Any, Protocol

from traingauge.stats.streaming.windows import MAD_TO_STDDEV

#: Readings of a signal before it is judged.
WARM_UP = 8

#: Readings from which a signal's noise is estimated.
MEMORY = 32

#: Noise is taken as at least this share of the range that the signal has covered: a loss of 0.001 that becomes 0.002 has
#: doubled and is no worse.
RANGE_FLOOR = 0.01

#: Noise of a signal that has no range of its own is taken as at least this share of its median.
MEDIAN_FLOOR = 0.1

#: A burst is never worse than this, between degraded and failing.
BURST_CAP = 9.0


class Severity(Protocol):
    """One signal's strain, reading by reading."""

    def add(self, reading: float) -> None:
        """Take the next reading; one that is not finite changes nothing."""

    @property
    def strain(self) -> float:
        """Standard deviations on the worse side, at least 0; NaN before eight readings."""

    def save(self) -> list[Any]:
        """What it has seen, as plain values."""

    def restore(self, saved: list[Any]) -> None:
        """Take what :meth:`save` gave."""


class Drawdown:
    """How far a signal that should improve has fallen behind its own best.

    With ``m`` the mean of the last readings and ``σ`` the noise of one, it is ``(m - best m so far) / σ``. ``σ`` is 1.0484
    times the median of ``|x_t - x_(t-1)|`` over the last 32 readings, its value for normal noise: a trend hardly moves
    successive differences, and a jump does not move their median. It is at least 1 % of the range that the signal has
    covered.

    Args:
        span: Readings whose mean is compared.
        worse: 1 for a signal that is worse when it is high, -1 for one that is worse when it is low.

    >>> relapse = Drawdown(span=1, worse=1)
    >>> for loss in (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2):
    ...     relapse.add(loss)
    >>> relapse.strain
    0.0
    >>> relapse.add(0.9); round(relapse.strain, 1)
    6.7
    """

    def __init__(self, span: int, worse: int) -> None:
        self._span, self._worse = span, worse
        self._seen = 0
        self._recent: list[float] = []
        self._least = self._best = math.inf
        self._greatest = -math.inf

    def add(self, reading: float) -> None:
        """Take the next reading; one that is not finite changes nothing."""
        if not math.isfinite(reading):
            return
        value = self._worse * reading
        self._seen += 1
        self._recent = [*self._recent[-MEMORY:], value]
        self._least, self._greatest = min(self._least, value), max(self._greatest, value)
        if self._seen >= self._span:
            self._best = min(self._best, self._level)

    @property
    def strain(self) -> float:
        """Standard deviations behind the best, at least 0; NaN before eight readings."""
        if self._seen < WARM_UP:
            return math.nan
        steps = [abs(after - before) for before, after in pairwise(self._recent)]
        noise = max(
            MAD_TO_STDDEV / math.sqrt(2) * median(steps), RANGE_FLOOR * (self._greatest - self._least)
        )
        behind = self._level - self._best
        return behind / noise if behind > 0 else 0.0

    def save(self) -> list[Any]:
        """What it has seen, as plain values."""
        return [self._seen, self._best, self._least, self._greatest, self._recent]

    def restore(self, saved: list[Any]) -> None:
        """Take what :meth:`save` gave."""
        self._seen, self._best, self._least, self._greatest, self._recent = saved

    @property
    def _level(self) -> float:
        last = self._recent[-self._span :]
        return sum(last) / len(last)


class Spike:
    """How far the last reading of a signal without a best value, such as a gradient norm, is above those before.

    It is the robust z-score ``(x - median) / (1.4826 MAD)`` among the 32 readings before, where the denominator is at least
    a tenth of the median, and never more than :data:`BURST_CAP`: a burst alone does not make a run fail.

    >>> burst = Spike()
    >>> for norm in (1.0, 1.1, 0.9, 1.0, 1.1, 0.9, 1.0, 1.1, 0.9, 1.6):
    ...     burst.add(norm)
    >>> round(burst.strain, 1)
    4.0
    """

    def __init__(self) -> None:
        self._recent: list[float] = []

    def add(self, reading: float) -> None:
        """Take the next reading; one that is not finite changes nothing."""
        if math.isfinite(reading):
            self._recent = [*self._recent[-MEMORY:], reading]

    @property
    def strain(self) -> float:
        """Robust standard deviations above the others, in [0, 9]; NaN before eight readings."""
        if len(self._recent) < WARM_UP:
            return math.nan
        *before, last = self._recent
        centre = median(before)
        noise = max(MAD_TO_STDDEV * median(abs(one - centre) for one in before), MEDIAN_FLOOR * abs(centre))
        above = last - centre
        return min(above / noise if noise else math.inf, BURST_CAP) if above > 0 else 0.0

    def save(self) -> list[Any]:
        """What it has seen, as plain values."""
        return [self._recent]

    def restore(self, saved: list[Any]) -> None:
        """Take what :meth:`save` gave."""
        (self._recent,) = saved
