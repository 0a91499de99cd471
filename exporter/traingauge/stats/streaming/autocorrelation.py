"""Lag-1 autocorrelation of a stream."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

#: Values that the estimate covers.
WINDOW = 200

#: Values needed for a first estimate.
WARM_UP = 20

#: Most recent values left out of the estimate: a change that is happening now must not look like dependence.
HELD_OUT = 20

#: Upper bound of the estimate: beyond it, a stream cannot be distinguished from a random walk.
MAX_CORRELATION = 0.99


class Autocorrelation:
    """Lag-1 autocorrelation of a stream with mean 0, in [0, 0.99]; 0 while there are few values.

    The estimate is ``Σ x_t x_(t-1) / Σ x_t²`` over the values before the last 20. A negative one counts as 0.

    >>> autocorrelation = Autocorrelation()
    >>> for value in [1.0] * 60:
    ...     autocorrelation.add(value)
    >>> round(autocorrelation.correlation, 3)
    0.975
    """

    def __init__(self) -> None:
        self._values: deque[float] = deque()
        self._products = self._squares = 0.0

    @property
    def correlation(self) -> float:
        """The current estimate."""
        if len(self._values) < WARM_UP + HELD_OUT or self._squares <= 0:
            return 0.0
        return min(max(self._products / self._squares, 0.0), MAX_CORRELATION)

    def add(self, value: float) -> None:
        """Add the next value, finite."""
        values = self._values
        values.append(value)
        if len(values) > HELD_OUT:
            entering = values[-1 - HELD_OUT]
            self._squares += entering * entering
            if len(values) > HELD_OUT + 1:
                self._products += entering * values[-2 - HELD_OUT]
        if len(values) > WINDOW + HELD_OUT:
            leaving = values.popleft()
            self._squares -= leaving * leaving
            self._products -= leaving * values[0]

    def save(self) -> list[float]:
        """The state, as plain numbers."""
        return [self._products, self._squares, *self._values]

    def restore(self, saved: Iterable[float]) -> None:
        """Restore a state from :meth:`save`."""
        self._products, self._squares, *values = saved
        self._values = deque(values)
