"""The last samples of a stream, as counts: sliding, tumbling or decaying windows."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

#: Batches are put together in blocks of at most this part of the window, so that small batches do not cost memory.
BLOCKS = 32


class Window(Protocol):
    """Counts of recent samples.

    Attributes:
        counts: Shape (F, E + 2); they sum to ``samples`` for every feature.
        samples: How many samples they are worth.
    """

    counts: NDArray[Any]
    samples: float

    def add(self, counts: NDArray[Any], samples: int) -> None:
        """Add a batch: its counts, of the same shape, and how many samples it has."""

    def save(self) -> list[Any]:
        """All of it, as plain values and arrays."""

    def restore(self, saved: list[Any]) -> None:
        """Take what :meth:`save` gave, in a window that nothing was added to."""


class SlidingWindow:
    """Counts of the last ``size`` samples or a little more: whole blocks leave, and are subtracted exactly.

    Args:
        shape: Of the counts, (F, E + 2).
        size: Samples that are always kept, at least 1.

    Attributes:
        counts: int64, of that shape.
        samples: Samples in them: at least ``size`` once as many were seen, and less than ``size`` plus a block.

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
        """Add a batch; what is no longer among the last samples leaves."""
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
            gone, size = self._blocks.popleft()
            self.counts -= gone
            self.samples -= size

    def save(self) -> list[Any]:
        """The blocks in it."""
        return [list(block) for block in self._blocks]

    def restore(self, saved: list[Any]) -> None:
        """Add the blocks."""
        for counts, samples in saved:
            self.add(counts, samples)


class TumblingWindow:
    """Counts of the last whole window: it shows nothing new until ``size`` further samples have come.

    Args:
        shape: Of the counts, (F, E + 2).
        size: Samples from which a window is whole, at least 1; the batch that completes it belongs to it.

    Attributes:
        counts: int64, of that shape.
        samples: Samples in them; 0 until the first window is whole.

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
        """The last whole window and the one that is filling."""
        return [self.counts, self.samples, self._next.copy(), self._seen]

    def restore(self, saved: list[Any]) -> None:
        """Take both."""
        self.counts, self.samples, self._next, self._seen = saved


class DecayingWindow:
    """Counts that fade exponentially: each further sample leaves what came before (size - 1) / (size + 1) of its weight.

    In the long run they are worth ``size`` equally weighted samples, by Kish's effective sample size (Σw)² / Σw².

    Args:
        shape: Of the counts, (F, E + 2).
        size: Effective samples it comes to be worth, more than 1.

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
        """Add a batch; its samples have one age."""
        if not samples:
            return
        keep = self._keep**samples
        self._weighted = self._weighted * keep + counts
        self._weight = self._weight * keep + samples
        self._squares = self._squares * keep**2 + samples
        self.samples = self._weight**2 / self._squares
        self.counts = self._weighted * (self._weight / self._squares)

    def save(self) -> list[Any]:
        """What has faded so far."""
        return [self.counts, self.samples, self._weighted, self._weight, self._squares]

    def restore(self, saved: list[Any]) -> None:
        """Take it."""
        self.counts, self.samples, self._weighted, self._weight, self._squares = saved


#: Every kind of window by its name.
WINDOWS: Mapping[str, Callable[[tuple[int, ...], int], Window]] = MappingProxyType(
    {"sliding": SlidingWindow, "tumbling": TumblingWindow, "decaying": DecayingWindow}
)
