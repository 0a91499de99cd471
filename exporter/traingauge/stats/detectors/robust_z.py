"""The robust z-score."""

from __future__ import annotations

import math
from bisect import insort
from collections import deque

from traingauge import validation
from traingauge.stats.detectors.detector import Detector

#: The median absolute deviation of a normal distribution times this is its standard deviation.
MAD_TO_DEVIATION = 1.482602218505602


class RobustZ(Detector):
    """Robust z-score: for single values that stick out of the last ones (spikes), whatever spikes came before.

    ``z = (x - median) / (1.4826 MAD)`` over the last values, before x joins them; alarm where |z| exceeds the limit. A
    stream that did not vary at all gives alarm at any other value. Source: Iglewicz & Hoaglin (1993).

    Average run length, on independent normal values with 100 in the window and a limit of 5: about 70 000 without change
    (with a limit of 3.5: about 740), 1 after a jump by eight standard deviations. Median and MAD of few values vary, so
    the first is shorter than the normal tail has it (1.7 million).

    Args:
        window: Values in the window, at least 5.
        limit: In standard deviations, above 0. The default suits residuals of signals of training, which have heavy tails.

    >>> score = RobustZ(window=5)
    >>> [score.update(value) for value in (1.0, 2.0, 3.0, 2.0, 1.0, float("nan"), 100.0, 2.0)]
    [False, False, False, False, False, False, True, False]
    """

    name = "robust_z"
    sees = "residual"  # a rank does not say how far a spike sticks out

    def __init__(self, window: int = 100, limit: float = 8.0) -> None:
        super().__init__()
        self._window = validation.count("RobustZ.window", window, least=5)
        self._limit = validation.number("RobustZ.limit", limit, above=0)
        self._values: deque[float] = deque()
        self._sorted: list[float] = []
        self._score = math.nan

    @property
    def statistic(self) -> float:
        """The last value's score; NaN until the window was full."""
        return self._score

    def _update(self, value: float) -> bool:
        if len(self._values) == self._window:
            median = _median(self._sorted)
            deviation = MAD_TO_DEVIATION * _median(sorted(abs(one - median) for one in self._sorted))
            gap = value - median
            self._score = gap / deviation if deviation else math.copysign(math.inf, gap) if gap else 0.0
            self._sorted.remove(self._values.popleft())
        self._values.append(value)
        insort(self._sorted, value)
        return abs(self._score) > self._limit


def _median(ordered: list[float]) -> float:
    half = len(ordered) // 2
    return ordered[half] if len(ordered) % 2 else (ordered[half - 1] + ordered[half]) / 2
