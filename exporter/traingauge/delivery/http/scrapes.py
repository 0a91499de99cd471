"""Times of the last scrapes, which show whether a Prometheus has seen the end of the run."""

from __future__ import annotations

import threading
from collections import deque
from itertools import pairwise

#: Scrapes from which the interval is estimated; with two Prometheus servers, every other gap may be tiny.
REMEMBERED, ENOUGH = 6, 3

#: The end of a run waits for the longest gap between scrapes and a quarter of it, or as many seconds more: a scrape of a
#: busy machine is late by seconds, not by a share of its interval.
MARGIN, LEAST_MARGIN_SECONDS = 0.25, 3.0

#: Such waits without a scrape after which Prometheus counts as gone.
MISSED = 3


class Scrapes:
    """The last scrapes by a Prometheus.

    >>> scrapes = Scrapes(); scrapes.wait(after=0.0, at_most=30.0)
    False
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._starts: deque[float] = deque(maxlen=REMEMBERED)
        self._closed = False

    def __bool__(self) -> bool:
        """Whether there was one."""
        return bool(self._starts)

    def seen(self, started: float) -> None:
        """Record a scrape that was answered in full; ``started`` is its clock reading (monotonic)."""
        with self._changed:
            self._starts.append(started)
            self._changed.notify_all()

    def patience(self, after: float, at_most: float) -> float:
        """How long it is worth waiting for a scrape that begins after a moment, in seconds.

        That is 1.25 times the longest gap between scrapes, at least 3 seconds more than the gap. It is 0 if no Prometheus
        has scraped the run lately, and ``at_most`` before there were three scrapes.
        """
        if not self._starts:
            return 0.0
        gaps = [later - earlier for earlier, later in pairwise(self._starts)]
        longest = max(gaps) if len(self._starts) >= ENOUGH else at_most
        enough = longest + max(MARGIN * longest, LEAST_MARGIN_SECONDS)
        if after - self._starts[-1] > MISSED * enough:
            return 0.0
        return min(at_most, enough)

    def wait(self, *, after: float, at_most: float) -> bool:
        """Wait until a scrape that began after a moment has been answered; returns whether one has.

        Args:
            after: Monotonic clock reading, in seconds.
            at_most: Longest wait in seconds.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._is_after(after), at_most)
            return self._is_after(after)

    def close(self) -> None:
        """End every wait: nothing is served any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _is_after(self, moment: float) -> bool:
        return bool(self._starts) and self._starts[-1] > moment
