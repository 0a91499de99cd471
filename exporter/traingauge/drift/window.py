"""The last samples of a stream, as counts."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from traingauge.drift.binning import Binned

#: Batches are put together in blocks of at most this part of the window, so that small batches do not cost
#: memory.
BLOCKS = 32


class SlidingWindow:
    """Counts of the last ``size`` samples or a little more: whole blocks leave, and are subtracted exactly.

    Args:
        shape: Of the counts, (F, E + 2).
        size: Samples that are always kept, at least 1.

    Attributes:
        counts: int64, of that shape.
        samples: Samples in them: at least ``size`` once as many were seen, and less than ``size`` plus a
            block.

    >>> window = SlidingWindow((1, 2), 2)
    >>> for count in ([[1, 0]], [[1, 0]], [[0, 1]]): window.add(Binned(np.array(count), 1))
    >>> window.counts, window.samples
    (array([[1, 1]]), 2)
    """

    def __init__(self, shape: tuple[int, int], size: int) -> None:
        self.counts: NDArray[np.int64] = np.zeros(shape, dtype=np.int64)
        self.samples = 0
        self._size = size
        self._blocks: deque[Binned] = deque()

    def add(self, binned: Binned) -> None:
        """Add a batch; what is no longer among the last samples leaves."""
        if not binned.samples:
            return
        last = self._blocks[-1] if self._blocks else None
        if last is not None and last.samples + binned.samples <= self._size // BLOCKS:
            self._blocks[-1] = Binned(
                last.counts.astype(np.uint32) + binned.counts, last.samples + binned.samples
            )
        else:
            self._blocks.append(binned)
        self.counts += binned.counts
        self.samples += binned.samples
        while self.samples - self._blocks[0].samples >= self._size:
            gone = self._blocks.popleft()
            self.counts -= gone.counts
            self.samples -= gone.samples
