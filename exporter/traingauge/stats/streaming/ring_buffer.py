"""The last values of a stream."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class RingBuffer:
    """Keeps the last ``size`` values of a stream, as float64.

    Args:
        size: Number of values kept, at least 1.

    >>> ring = RingBuffer(3); ring.extend(np.array([1.0, 2.0, 3.0, 4.0])); ring.values()
    array([2., 3., 4.])
    """

    def __init__(self, size: int) -> None:
        self._buffer = np.empty(size, dtype=np.float64)
        self._seen = 0

    def __len__(self) -> int:
        return min(self._seen, len(self._buffer))

    def extend(self, values: NDArray[np.float64]) -> None:
        """Append values, shape (n,), and drop the oldest."""
        size = len(self._buffer)
        kept = values[-size:]
        where = (self._seen + len(values) - len(kept) + np.arange(len(kept))) % size
        self._buffer[where] = kept
        self._seen += len(values)

    def values(self) -> NDArray[np.float64]:
        """The kept values, oldest first, shape (at most size,), as a new array."""
        if self._seen <= len(self._buffer):
            return self._buffer[: self._seen].copy()
        return np.roll(self._buffer, -(self._seen % len(self._buffer)))
