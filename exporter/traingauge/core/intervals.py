"""Where diagnostic intervals end: at fixed steps, independent of scrapes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from traingauge.stats.streaming.not_given import Floats

#: Intervals in a window of steps.
IN_A_WINDOW = 4

#: After this many intervals, each lasts at least this many seconds: steps that take microseconds must not pay for more.
SHORT_INTERVALS, SECONDS = 200, 0.25


class Slice(NamedTuple):
    """Part of a batch of steps.

    Attributes:
        piece: Where it lies.
        ends_interval: Whether a diagnostic interval ends with it.
    """

    piece: slice
    ends_interval: bool


class Intervals:
    """Cuts training steps into diagnostic intervals.

    Args:
        window: Training steps in the window of the scores.

    >>> intervals = Intervals(window=8)
    >>> for piece, ends_interval in intervals.slices(np.arange(5.0)):
    ...     print(piece, ends_interval)
    slice(0, 2, None) True
    slice(2, 4, None) True
    slice(4, 5, None) False
    """

    def __init__(self, window: int) -> None:
        self._length = max(1, window // IN_A_WINDOW)
        self._count = 0
        self._steps = 0
        self._ended_at = -math.inf

    def slices(self, at: Floats) -> Iterator[Slice]:
        """Steps in slices, of which each but the last one ends at the end of an interval.

        Args:
            at: Clock reading of each step, shape (n,).
        """
        start = 0
        while start < len(at):
            stop = start + self._length - self._steps
            if self._count >= SHORT_INTERVALS:
                stop = max(stop, int(np.searchsorted(at, self._ended_at + SECONDS)) + 1)
            piece, ends = slice(start, min(stop, len(at))), stop <= len(at)
            self._steps = 0 if ends else self._steps + piece.stop - piece.start
            if ends:
                self._count, self._ended_at = self._count + 1, float(at[stop - 1])
            yield Slice(piece, ends)
            start = stop

    def save(self) -> dict[str, Any]:
        """Where the current interval stands, as plain values."""
        return {"count": self._count, "steps": self._steps}

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Take what :meth:`save` gave."""
        self._count, self._steps = saved["count"], saved["steps"]
