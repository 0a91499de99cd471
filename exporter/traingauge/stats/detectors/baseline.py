"""Mean and standard deviation that a control chart measures against."""

from __future__ import annotations

import math

from traingauge.errors import InvalidArgumentError

#: Values from which a chart learns its baseline, unless it is given.
WARMUP = 100


class Baseline:
    """Mean and standard deviation of a stream's first values (Welford, 1962), or given ones.

    Args:
        mean: Given mean; ``None`` learns it.
        deviation: Given standard deviation, above 0; ``None`` learns it.
        warmup: Values to learn from, at least 2.

    Attributes:
        given: Whether both were given.
        mean: The mean; while it is being learnt, that of the values so far.

    Raises:
        InvalidArgumentError: Only one of mean and deviation, a deviation that is not above 0, or too short a warm-up.

    >>> baseline = Baseline(warmup=3)
    >>> [baseline.learn(value) for value in (1.0, 2.0, 3.0, 9.0)], baseline.mean, baseline.deviation
    ([True, True, True, False], 2.0, 1.0)
    """

    def __init__(
        self, mean: float | None = None, deviation: float | None = None, warmup: int = WARMUP
    ) -> None:
        if (mean is None) != (deviation is None):
            raise InvalidArgumentError(
                f"mean is {mean} and deviation {deviation}: expected both, or neither to learn them"
            )
        if deviation is not None and not deviation > 0:
            raise InvalidArgumentError(f"deviation is {deviation}: expected a number above 0")
        if warmup < 2:
            raise InvalidArgumentError(f"warmup is {warmup}: expected at least 2 values")
        self.given = mean is not None
        self.mean = 0.0 if mean is None else mean
        self._deviation = deviation
        self._left = warmup if mean is None else 0
        self._count, self._squares = 0, 0.0

    @property
    def deviation(self) -> float:
        """Sample standard deviation (n - 1), NaN while it is being learnt."""
        if self._deviation is not None:
            return self._deviation
        return math.sqrt(self._squares / (self._count - 1)) if not self._left else math.nan

    def learn(self, value: float) -> bool:
        """Whether the value was one to learn from."""
        if not self._left:
            return False
        self._left -= 1
        self._count += 1
        gap = value - self.mean
        self.mean += gap / self._count
        self._squares += gap * (value - self.mean)
        return True

    def scaled(self, value: float) -> float:
        """Distance to the mean in standard deviations; of a baseline that never varied 0 or infinite."""
        gap = value - self.mean
        if not gap:
            return 0.0
        return gap / self.deviation if self.deviation else math.copysign(math.inf, gap)
