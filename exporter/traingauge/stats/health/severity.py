"""Severity of a signal: how far it is on its worse side, in standard deviations of its own noise."""

from __future__ import annotations

import math
from itertools import pairwise
from statistics import median
from typing import Any, Protocol

from traingauge.stats.streaming.windows import MAD_TO_STDDEV

#: Values needed before a severity is known.
WARM_UP = 8

#: Values that the noise is estimated from.
WINDOW = 32

#: Lower bound of the noise, as a share of the range that the signal has covered: a loss that rises from 0.001 to 0.002 has
#: doubled and is still no worse.
RANGE_FLOOR = 0.01

#: Lower bound of the noise of a signal without a range of its own, as a share of its median.
MEDIAN_FLOOR = 0.1

#: Upper bound of a spike's severity, between degraded and failing.
SPIKE_CAP = 9.0


class Severity(Protocol):
    """Severity of one signal, updated value by value."""

    def add(self, value: float) -> None:
        """Add the next value; NaN and infinite values are ignored."""

    @property
    def severity(self) -> float:
        """Standard deviations on the worse side, at least 0; NaN before eight values."""

    def save(self) -> list[Any]:
        """The state, as plain values."""

    def restore(self, saved: list[Any]) -> None:
        """Restore a state from :meth:`save`."""


class Drawdown:
    """How far a signal that should improve has fallen behind its own best.

    With ``m`` the mean of the last ``span`` values and ``σ`` the noise of one, it is ``(m - best m so far) / σ``. ``σ`` is
    1.0484 times the median of ``|x_t - x_(t-1)|`` over the last 32 values, which is consistent for normal noise: a trend
    hardly changes successive differences, and a jump does not change their median. ``σ`` is at least 1 % of the range that
    the signal has covered.

    Args:
        span: Number of values whose mean is compared with the best.
        direction: 1 if high values are worse, -1 if low values are.

    >>> drawdown = Drawdown(span=1, direction=1)
    >>> for loss in (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2):
    ...     drawdown.add(loss)
    >>> drawdown.severity
    0.0
    >>> drawdown.add(0.9); round(drawdown.severity, 1)
    6.7
    """

    def __init__(self, span: int, direction: int) -> None:
        self._span, self._direction = span, direction
        self._seen = 0
        self._recent: list[float] = []
        self._minimum = self._best = math.inf
        self._maximum = -math.inf

    def add(self, value: float) -> None:
        """Add the next value; NaN and infinite values are ignored."""
        if not math.isfinite(value):
            return
        value *= self._direction
        self._seen += 1
        self._recent = [*self._recent[-WINDOW:], value]
        self._minimum, self._maximum = min(self._minimum, value), max(self._maximum, value)
        if self._seen >= self._span:
            self._best = min(self._best, self._level)

    @property
    def severity(self) -> float:
        """Standard deviations behind the best, at least 0; NaN before eight values."""
        if self._seen < WARM_UP:
            return math.nan
        differences = [abs(after - before) for before, after in pairwise(self._recent)]
        noise = MAD_TO_STDDEV / math.sqrt(2) * median(differences)
        noise = max(noise, RANGE_FLOOR * (self._maximum - self._minimum))
        behind = self._level - self._best
        return behind / noise if behind > 0 else 0.0

    def save(self) -> list[Any]:
        """The state, as plain values."""
        return [self._seen, self._best, self._minimum, self._maximum, self._recent]

    def restore(self, saved: list[Any]) -> None:
        """Restore a state from :meth:`save`."""
        self._seen, self._best, self._minimum, self._maximum, self._recent = saved

    @property
    def _level(self) -> float:
        last = self._recent[-self._span :]
        return sum(last) / len(last)


class Spike:
    """How far the last value of a signal that has no best, such as a gradient norm, is above the previous ones.

    It is the robust z-score ``(x - median) / (1.4826 MAD)`` among the previous 32 values. The denominator is at least a
    tenth of the median, and the severity at most :data:`SPIKE_CAP`: a spike alone does not make a run failing.

    >>> spike = Spike()
    >>> for norm in (1.0, 1.1, 0.9, 1.0, 1.1, 0.9, 1.0, 1.1, 0.9, 1.6):
    ...     spike.add(norm)
    >>> round(spike.severity, 1)
    4.0
    """

    def __init__(self) -> None:
        self._recent: list[float] = []

    def add(self, value: float) -> None:
        """Add the next value; NaN and infinite values are ignored."""
        if math.isfinite(value):
            self._recent = [*self._recent[-WINDOW:], value]

    @property
    def severity(self) -> float:
        """Robust standard deviations above the previous values, in [0, 9]; NaN before eight values."""
        if len(self._recent) < WARM_UP:
            return math.nan
        *before, last = self._recent
        centre = median(before)
        noise = max(MAD_TO_STDDEV * median(abs(one - centre) for one in before), MEDIAN_FLOOR * abs(centre))
        above = last - centre
        return min(above / noise if noise else math.inf, SPIKE_CAP) if above > 0 else 0.0

    def save(self) -> list[Any]:
        """The state, as plain values."""
        return [self._recent]

    def restore(self, saved: list[Any]) -> None:
        """Restore a state from :meth:`save`."""
        (self._recent,) = saved
