"""Times of the last scrapes, which show whether a Prometheus has seen the end of the run."""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Collection, Sequence
from itertools import pairwise

#: Scrapes from which the interval is estimated; with two Prometheus servers at one address, every other gap may be tiny.
REMEMBERED, ENOUGH = 6, 3

#: The end of a run waits for the longest gap between scrapes and a quarter of it, or as many seconds more: a scrape of a
#: busy machine is late by seconds, not by a share of its interval.
MARGIN, LEAST_MARGIN_SECONDS = 0.25, 3.0

#: Addresses that are remembered.
MOST_CLIENTS = 16

#: Such waits without a scrape after which Prometheus counts as gone.
MISSED = 3


class Scrapes:
    """The last scrapes, by each Prometheus: two replicas have to see the end both. They differ by their addresses.

    >>> scrapes = Scrapes(); scrapes.wait(after=0.0, at_most=0.0)
    False
    >>> scrapes.seen(1.5); scrapes.wait(after=1.0, at_most=30.0)
    True
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._starts: dict[str, deque[float]] = {}
        self._closed = False

    def __bool__(self) -> bool:
        """Whether there was one."""
        return bool(self._starts)

    def seen(self, started: float, client: str = "") -> None:
        """Record a scrape that was answered in full.

        Args:
            started: Its clock reading (monotonic).
            client: Address of the Prometheus.
        """
        with self._changed:
            if client not in self._starts and len(self._starts) >= MOST_CLIENTS:
                del self._starts[min(self._starts, key=lambda one: self._starts[one][-1])]
            self._starts.setdefault(client, deque(maxlen=REMEMBERED)).append(started)
            self._changed.notify_all()

    def patience(self, after: float, at_most: float) -> float:
        """How long it is worth waiting for the scrapes that begin after a moment, in seconds.

        That is 1.25 times the longest gap between scrapes, at least 3 seconds more than the gap. It is 0 if no Prometheus
        has scraped the run lately, and ``at_most`` before there were three scrapes.
        """
        with self._changed:
            return min(at_most, max(self._expected(after, at_most).values(), default=0.0))

    def wait(self, *, after: float, at_most: float) -> bool:
        """Wait until scrapes that began after a moment have been answered; returns whether they have.

        One of each Prometheus that scrapes regularly is waited for, else one.

        Args:
            after: Monotonic clock reading, in seconds.
            at_most: Longest wait in seconds.
        """
        with self._changed:
            clients = self._expected(after, at_most)
            regular = [one for one in clients if len(self._starts[one]) >= ENOUGH]
            self._changed.wait_for(lambda: self._closed or self._has_seen(after, regular), at_most)
            return self._has_seen(after, regular)

    def close(self) -> None:
        """End every wait: nothing is served any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _expected(self, after: float, at_most: float) -> dict[str, float]:
        """Seconds within which each Prometheus that is not gone comes; those that scrape regularly, else all."""
        waits = {client: _wait(starts, at_most) for client, starts in self._starts.items()}
        alive = {
            client: wait
            for client, wait in waits.items()
            if after - self._starts[client][-1] <= MISSED * wait
        }
        regular = {client: wait for client, wait in alive.items() if len(self._starts[client]) >= ENOUGH}
        return regular or alive

    def _has_seen(self, moment: float, regular: Collection[str]) -> bool:
        latest = {client: starts[-1] for client, starts in self._starts.items()}
        if regular:
            return all(latest.get(client, math.inf) > moment for client in regular)
        return max(latest.values(), default=moment) > moment


def _wait(starts: Sequence[float], at_most: float) -> float:
    longest = at_most
    if len(starts) >= ENOUGH:
        longest = max(later - earlier for earlier, later in pairwise(starts))
    return longest + max(MARGIN * longest, LEAST_MARGIN_SECONDS)
