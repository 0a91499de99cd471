"""The robust z-score."""

from __future__ import annotations

import math
from bisect import insort
from collections import deque

from traingauge import validation
from traingauge.stats.detectors.detector import Detector

#: Scales the median absolute deviation of a normal distribution to its standard deviation: 1 / Φ⁻¹(3/4).
MAD_TO_DEVIATION = 1.482602218505602


class RobustZ(Detector):
    """Robust z-score: detects spikes, single values far from the previous ones, even if those contain spikes.

    ``z = (x - median) / (1.4826 MAD)`` over the window before x. It raises an alarm if |z| exceeds the limit; after constant
    values, any other value does. Source: Iglewicz & Hoaglin (1993).

    Average run length for independent normal values and a window of 100: with a limit of 5, about 70 000 without change, and
    1 after a jump by eight standard deviations; with a limit of 3.5, about 740 without change. As median and MAD of few
    values vary, it is shorter than the tail of the normal distribution suggests (1.7 million for a limit of 5).

    Args:
        window: Number of values in the window, at least 5.
        limit: In standard deviations, above 0. The default suits residuals of signals of training, which have heavy tails.

    >>> score = RobustZ(window=5)
    >>> [score.update(value) for value in (1.0, 2.0, 3.0, 2.0, 1.0, float("nan"), 100.0, 2.0)]
    [False, False, False, False, False, False, True, False]
    """

    name = "robust_z"
    sees = "residual"  # a rank does not show the size of a spike

    def __init__(self, window: int = 100, limit: float = 8.0) -> None:
        super().__init__()
        self._window = validation.count("RobustZ.window", window, least=5)
        self._limit = validation.number("RobustZ.limit", limit, above=0)
        self._values: deque[float] = deque()
        self._sorted: list[float] = []
        self._score = math.nan

    @property
    def statistic(self) -> float:
        """The score of the last value; NaN until the window is full."""
        return self._score

    def _update(self, value: float) -> bool:
        if len(self._values) == self._window:
            median = _median(self._sorted)
            deviation = MAD_TO_DEVIATION * _median(sorted(abs(one - median) for one in self._sorted))
            distance = value - median
            self._score = (
                distance / deviation if deviation else math.copysign(math.inf, distance) if distance else 0.0
            )
            self._sorted.remove(self._values.popleft())
        self._values.append(value)
        insort(self._sorted, value)
        return abs(self._score) > self._limit


def _median(ordered: list[float]) -> float:
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
