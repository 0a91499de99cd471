"""Sliding, tumbling and decaying windows over a stream of samples, kept as counts."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

#: Small batches are merged into blocks of at most the window size divided by this, which bounds memory.
BLOCKS = 32


class Window(Protocol):
    """Counts of recent samples.

    Attributes:
        counts: Shape (F, E + 2); they sum to ``samples`` for every feature.
        samples: Number of samples, or the effective number if samples are weighted.
    """

    counts: NDArray[Any]
    samples: float

    def add(self, counts: NDArray[Any], samples: int) -> None:
        """Add a batch: its counts, of the same shape, and its number of samples."""

    def save(self) -> list[Any]:
        """The state, as plain values and arrays."""

    def restore(self, saved: list[Any]) -> None:
        """Restore a state from :meth:`save` into an empty window."""


class SlidingWindow:
    """Counts of the last ``size`` samples, or slightly more: the oldest blocks are subtracted whole, and exactly.

    Args:
        shape: Shape of the counts, (F, E + 2).
        size: Number of samples that are always kept, at least 1.

    Attributes:
        counts: int64, of that shape.
        samples: Number of samples: at least ``size`` once that many were seen, and less than ``size`` plus a block.

    >>> window = SlidingWindow((1, 2), 2)
    >>> for count in ([[1, 0]], [[1, 0]], [[0, 1]]): window.add(np.array(count), 1)
    >>> window.counts, window.samples
    (array([[1, 1]]), 2)
    """

    def __init__(self, shape: tuple[int, ...], size: int) -> None:
        self.counts: NDArray[Any] = np.zeros(shape, dtype=np.int64)
        self.samples: float = 0
        self._size = size
        self._blocks: deque[tuple[NDArray[Any], int]] = deque()

    def add(self, counts: NDArray[Any], samples: int) -> None:
        """Add a batch and drop the blocks that are no longer needed."""
        if not samples:
            return
        last, size = self._blocks[-1] if self._blocks else (counts, self._size)
        if size + samples <= self._size // BLOCKS:
            self._blocks[-1] = last.astype(np.uint32) + counts, size + samples
        else:
            self._blocks.append((counts, samples))
        self.counts += counts
        self.samples += samples
        while self.samples - self._blocks[0][1] >= self._size:
            oldest, size = self._blocks.popleft()
            self.counts -= oldest
            self.samples -= size

    def save(self) -> list[Any]:
        """The blocks."""
        return [list(block) for block in self._blocks]

    def restore(self, saved: list[Any]) -> None:
        """Restore a state from :meth:`save` into an empty window."""
        for counts, samples in saved:
            self.add(counts, samples)


class TumblingWindow:
    """Counts of the last complete window of ``size`` samples; they change only when the next one is complete.

    Args:
        shape: Shape of the counts, (F, E + 2).
        size: Number of samples that complete a window, at least 1; the batch that completes it is included whole.

    Attributes:
        counts: int64, of that shape.
        samples: Number of samples; 0 until the first window is complete.

    >>> window = TumblingWindow((1, 2), 2)
    >>> for count in ([[1, 0]], [[1, 0]], [[0, 1]]): window.add(np.array(count), 1)
    >>> window.counts, window.samples
    (array([[2, 0]]), 2)
    """

    def __init__(self, shape: tuple[int, ...], size: int) -> None:
        self.counts: NDArray[Any] = np.zeros(shape, dtype=np.int64)
        self.samples: float = 0
        self._size = size
        self._next, self._seen = np.zeros_like(self.counts), 0

    def add(self, counts: NDArray[Any], samples: int) -> None:
        """Add a batch."""
        self._next += counts
        self._seen += samples
        if self._seen >= self._size:
            self.counts, self.samples = self._next, self._seen
            self._next, self._seen = np.zeros_like(self.counts), 0

    def save(self) -> list[Any]:
        """The last complete window and the one that is filling."""
        return [self.counts, self.samples, self._next.copy(), self._seen]

    def restore(self, saved: list[Any]) -> None:
        """Restore a state from :meth:`save`."""
        self.counts, self.samples, self._next, self._seen = saved


class DecayingWindow:
    """Counts that decay exponentially: each sample multiplies the weight of all earlier ones by (size - 1) / (size + 1).

    Kish's effective sample size (Σw)² / Σw² of such weights converges to ``size``.

    Args:
        shape: Shape of the counts, (F, E + 2).
        size: Effective sample size in the long run, more than 1.

    Attributes:
        counts: float64, of that shape, scaled so that they sum to ``samples``.
        samples: The effective sample size.

    >>> window = DecayingWindow((1, 1), 100)
    >>> for _ in range(1000): window.add(np.array([[1]]), 1)
    >>> round(window.samples, 6)
    100.0
    """

    def __init__(self, shape: tuple[int, ...], size: int) -> None:
        self.counts: NDArray[Any] = np.zeros(shape)
        self.samples: float = 0
        self._keep = (size - 1) / (size + 1)
        self._weighted, self._weight, self._squares = np.zeros(shape), 0.0, 0.0

    def add(self, counts: NDArray[Any], samples: int) -> None:
        """Add a batch; all its samples have the same age."""
        if not samples:
            return
        keep = self._keep**samples
        self._weighted = self._weighted * keep + counts
        self._weight = self._weight * keep + samples
        self._squares = self._squares * keep**2 + samples
        self.samples = self._weight**2 / self._squares
        self.counts = self._weighted * (self._weight / self._squares)

    def save(self) -> list[Any]:
        """The state, as plain values and arrays."""
        return [self.counts, self.samples, self._weighted, self._weight, self._squares]

    def restore(self, saved: list[Any]) -> None:
        """Restore a state from :meth:`save`."""
        self.counts, self.samples, self._weighted, self._weight, self._squares = saved


#: Every kind of window by name.
WINDOWS: Mapping[str, Callable[[tuple[int, ...], int], Window]] = MappingProxyType(
    {"sliding": SlidingWindow, "tumbling": TumblingWindow, "decaying": DecayingWindow}
)
