"""Times of the last scrapes, which show whether a Prometheus has seen the end of the run."""

from __future__ import annotations

import threading
from collections import deque
from itertools import pairwise

#: Scrapes from which the interval is estimated; with two Prometheus servers, every other gap may be tiny.
REMEMBERED = 6

#: Scrape intervals for which the end of a run waits.
PATIENCE = 3


class Scrapes:
    """The last scrapes by a Prometheus.

    >>> scrapes = Scrapes(); scrapes.wait(after=0.0, at_most=30.0)
    False
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._starts: deque[float] = deque(maxlen=REMEMBERED)

    def seen(self, started: float) -> None:
        """Record a scrape that was answered in full; ``started`` is its clock reading (monotonic)."""
        with self._changed:
            self._starts.append(started)
            self._changed.notify_all()

    def wait(self, *, after: float, at_most: float) -> bool:
        """Wait until a scrape that began after a moment has been answered.

        Waits for at most three scrape intervals, and not at all if no Prometheus has scraped the run lately.

        Args:
            after: Monotonic clock reading, in seconds.
            at_most: Longest wait in seconds.
        """
        with self._changed:
            if not self._starts or after - self._starts[-1] > at_most:
                return False
            return self._changed.wait_for(lambda: self._starts[-1] > after, min(at_most, self._patience()))

    def _patience(self) -> float:
        gaps = [later - earlier for earlier, later in pairwise(self._starts)]
        return PATIENCE * max(gaps) if gaps else float("inf")
