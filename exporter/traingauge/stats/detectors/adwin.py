"""Adaptive windowing."""

from __future__ import annotations

import math
from collections import deque
from typing import NamedTuple

from traingauge import validation
from traingauge.stats.detectors.detector import Detector

#: Maximum number of buckets of one size; beyond it, the two oldest are merged.
BUCKETS_PER_SIZE = 5

#: Number of values between two searches for a cut.
EVERY = 32

#: Minimum number of values in the window for a cut.
MIN_WIDTH = 10


class _Bucket(NamedTuple):
    size: int
    total: float
    squares: float  # of deviations from its mean


class Adwin(Detector):
    """ADWIN2: keeps the longest window with a constant mean, and drops its older part when the mean changes.

    The window is stored in buckets of doubling size, in O(log n) memory. It is cut where the means of both sides differ by
    more than ``sqrt(2/m v ln(2/δ')) + 2/(3m) r ln(2/δ')``, with ``1/m = 1/n₀ + 1/n₁`` for sides of n₀ and n₁ values, the
    variance v of the window, and ``δ' = δ / ln n``. Source: Bifet & Gavaldà (2007), for values in [0, 1]; here r is the
    range of the values seen, so that any values are allowed.

    Average run length for independent uniform values and δ = 0.002: above 100 000 without change (the bound guarantees at
    most δ false alarms per search, and is far from tight), and about 60 after a shift by half the range at value 1 000.

    Args:
        delta: δ in (0, 1). Smaller values give fewer false alarms and later detection.

    >>> window = Adwin()
    >>> alarms = [window.update(value) for value in [0.0, 1.0] * 250 + [5.0, 6.0] * 100]
    >>> alarms.index(True) < 600, window.mean > 5
    (True, True)
    """

    name = "adwin"
    sees = "value"  # it follows the level by itself, and needs no forecast

    def __init__(self, delta: float = 0.002) -> None:
        super().__init__()
        self._delta = validation.number("Adwin.delta", delta, above=0, below=1)
        self._rows: list[deque[_Bucket]] = [deque()]  # rows of buckets of size 1, 2, 4, …, oldest first
        self._low, self._high = math.inf, -math.inf

    @property
    def width(self) -> int:
        """Number of values in the window."""
        return sum(bucket.size for row in self._rows for bucket in row)

    @property
    def mean(self) -> float:
        """Mean of the window; NaN while it is empty."""
        width = self.width
        return sum(bucket.total for row in self._rows for bucket in row) / width if width else math.nan

    @property
    def statistic(self) -> float:
        """The mean of the window, an estimate of the current level."""
        return self.mean

    def _update(self, value: float) -> bool:
        self._low, self._high = min(self._low, value), max(self._high, value)
        self._rows[0].append(_Bucket(1, value, 0.0))
        self._compress()
        return self.seen % EVERY == 0 and self._shrink()

    def _compress(self) -> None:
        for size, row in enumerate(self._rows):
            if len(row) <= BUCKETS_PER_SIZE:
                return
            if size + 1 == len(self._rows):
                self._rows.append(deque())
            self._rows[size + 1].append(_joined(row.popleft(), row.popleft()))

    def _shrink(self) -> bool:
        """Drop old buckets while there is a cut; returns whether there was one."""
        cut = False
        while (keep := self._cut()) is not None:
            cut = True
            while self.width > keep:
                self._drop()
        return cut

    def _cut(self) -> int | None:
        """Number of values on the newer side of a cut; ``None`` if there is none."""
        buckets = [bucket for row in reversed(self._rows) for bucket in row]  # oldest first
        if sum(bucket.size for bucket in buckets) <= MIN_WIDTH:
            return None
        whole = buckets[0]
        for bucket in buckets[1:]:
            whole = _joined(whole, bucket)
        confidence = math.log(2 * math.log(whole.size) / self._delta)
        variance, spread = whole.squares / whole.size, self._high - self._low
        count, total = 0, 0.0
        for bucket in buckets[:-1]:
            count, total = count + bucket.size, total + bucket.total
            rest = whole.size - count
            harmonic = 1 / (1 / count + 1 / rest)
            distance = abs(total / count - (whole.total - total) / rest)
            if (
                distance
                > math.sqrt(2 / harmonic * variance * confidence) + 2 / (3 * harmonic) * spread * confidence
            ):
                return rest
        return None

    def _drop(self) -> None:
        self._rows[-1].popleft()
        while len(self._rows) > 1 and not self._rows[-1]:
            self._rows.pop()


def _joined(one: _Bucket, two: _Bucket) -> _Bucket:
    count = one.size + two.size
    distance = two.total / two.size - one.total / one.size
    return _Bucket(
        count,
        one.total + two.total,
        one.squares + two.squares + distance * distance * one.size * two.size / count,
    )
