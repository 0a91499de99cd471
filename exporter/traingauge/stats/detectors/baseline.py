"""Mean and standard deviation that a control chart compares values with."""

from __future__ import annotations

import math

from traingauge import validation
from traingauge.errors import InvalidArgumentError, shown

#: Number of values from which a chart learns its baseline by default.
WARMUP = 100


class Baseline:
    """Mean and standard deviation, given or learnt from the first values of a stream (Welford, 1962).

    Args:
        mean: Known mean; ``None`` learns it.
        deviation: Known standard deviation, above 0; ``None`` learns it.
        warmup: Number of values to learn from, at least 2.

    Attributes:
        given: Whether mean and deviation were given.
        mean: The mean; during the warm-up, that of the values so far.

    Raises:
        InvalidArgumentError: Only one of mean and deviation was given, the deviation is not above 0, or the warm-up is too
            short.

    >>> baseline = Baseline(warmup=3)
    >>> [baseline.learn(value) for value in (1.0, 2.0, 3.0, 9.0)], baseline.mean, baseline.deviation
    ([True, True, True, False], 2.0, 1.0)
    """

    def __init__(
        self, mean: float | None = None, deviation: float | None = None, warmup: int = WARMUP
    ) -> None:
        if (mean is None) != (deviation is None):
            raise InvalidArgumentError(
                f"mean is {shown(mean)} and deviation {shown(deviation)}: expected both, or neither to learn them"
            )
        if mean is not None:
            mean = validation.number("mean", mean)
            deviation = validation.number("deviation", deviation, above=0)
        warmup = validation.count("warmup", warmup, least=2)
        self.given = mean is not None
        self.mean = 0.0 if mean is None else mean
        self._deviation = deviation
        self._left = warmup if mean is None else 0
        self._count, self._squares = 0, 0.0

    @property
    def deviation(self) -> float:
        """Sample standard deviation (n - 1); NaN during the warm-up."""
        if self._deviation is not None:
            return self._deviation
        return math.sqrt(self._squares / (self._count - 1)) if not self._left else math.nan

    def learn(self, value: float) -> bool:
        """Learn from a value during the warm-up; returns whether it did."""
        if not self._left:
            return False
        self._left -= 1
        self._count += 1
        distance = value - self.mean
        self.mean += distance / self._count
        self._squares += distance * (value - self.mean)
        return True

    def scaled(self, value: float) -> float:
        """Distance from the mean in standard deviations; 0 or infinite if the standard deviation is 0."""
        distance = value - self.mean
        if not distance:
            return 0.0
        return distance / self.deviation if self.deviation else math.copysign(math.inf, distance)
