"""How far a value of a stream depends on the one before."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

#: Values that the estimate is made of, those before there is one, and the last ones that are left out of it: what changes
#: now must not pass for dependence.
MEMORY, WARM_UP, GUARD = 200, 20, 20

#: Above it a stream cannot be told from one that never comes back.
MOST = 0.99


class Autocorrelation:
    """Correlation of successive values of a stream of mean 0, in [0, 0.99]; 0 as long as there are few.

    It is ``Σ x_t x_(t-1) / Σ x_t²`` over the values before the last 20, where those that alternate count as independent.

    >>> dependence = Autocorrelation()
    >>> for value in [1.0] * 60:
    ...     dependence.add(value)
    >>> round(dependence.correlation, 3)
    0.975
    """

    def __init__(self) -> None:
        self._values: deque[float] = deque()
        self._products = self._squares = 0.0

    @property
    def correlation(self) -> float:
        """The estimate."""
        if len(self._values) < WARM_UP + GUARD or self._squares <= 0:
            return 0.0
        return min(max(self._products / self._squares, 0.0), MOST)

    def add(self, value: float) -> None:
        """Take the next value."""
        values = self._values
        values.append(value)
        if len(values) > GUARD:
            counted = values[-1 - GUARD]
            self._squares += counted**2
            if len(values) > GUARD + 1:
                self._products += counted * values[-2 - GUARD]
        if len(values) > MEMORY + GUARD:
            oldest = values.popleft()
            self._squares -= oldest**2
            self._products -= oldest * values[0]

    def save(self) -> list[float]:
        """What it knows, as plain numbers."""
        return [self._products, self._squares, *self._values]

    def restore(self, saved: Iterable[float]) -> None:
        """Take what :meth:`save` gave."""
        self._products, self._squares, *values = saved
        self._values = deque(values)
