"""Times of the last scrapes, which show whether a Prometheus has seen the end of the run."""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from itertools import islice

#: Scrapes from which the interval is estimated; with two Prometheus servers at one address, every other gap may be tiny.
REMEMBERED, ENOUGH = 6, 3

#: The end of a run waits for the longest gap between scrapes and a quarter of it, or as many seconds more: a scrape of a
#: busy machine is late by seconds, not by a share of its interval.
MARGIN, LEAST_MARGIN_SECONDS = 0.25, 3.0

#: Addresses that are remembered.
MOST_CLIENTS = 16

#: Such waits without a scrape after which Prometheus counts as gone.
MISSED = 3

#: Share of a scrape's timeout within which a Prometheus does not scrape again: its interval is at least the timeout, and a
#: scrape of a busy machine is late. How often that has to show, as one may be very late.
TOO_SOON, TWICE = 0.75, 2


class Scrapes:
    """The last scrapes, by each Prometheus: two replicas have to see the end both.

    They differ by their addresses. Behind one address they show by scrapes that follow each other sooner than those of one
    Prometheus do, and they take turns, as they have the same interval.

    >>> scrapes = Scrapes(); scrapes.wait(after=0.0, at_most=0.0)
    False
    >>> scrapes.seen(1.5); scrapes.wait(after=1.0, at_most=30.0)
    True
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._starts: dict[str, deque[float]] = {}
        self._timeouts: dict[str, float] = {}
        self._closed = False

    def __bool__(self) -> bool:
        """Whether there was one."""
        return bool(self._starts)

    def seen(self, started: float, client: str = "", timeout: float = 0.0) -> None:
        """Record a scrape that was answered in full.

        Args:
            started: Its clock reading (monotonic).
            client: Address of the Prometheus.
            timeout: Seconds that it waits for an answer; 0 if that is not known.
        """
        with self._changed:
            if client not in self._starts and len(self._starts) >= MOST_CLIENTS:
                gone = min(self._starts, key=lambda one: self._starts[one][-1])
                del self._starts[gone], self._timeouts[gone]
            self._starts.setdefault(client, deque(maxlen=REMEMBERED)).append(started)
            self._timeouts[client] = timeout
            self._changed.notify_all()

    def patience(self, after: float, at_most: float) -> float:
        """How long it is worth waiting for the scrapes that begin after a moment, in seconds.

        That is 1.25 times the longest gap between scrapes of one Prometheus, at least 3 seconds more than the gap.
        It is 0 if no Prometheus has scraped the run lately, and ``at_most`` before there were three scrapes.
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
            regular = {one: self._replicas(one) for one in clients if len(self._starts[one]) >= ENOUGH}
            self._changed.wait_for(lambda: self._closed or self._has_seen(after, regular), at_most)
            return self._has_seen(after, regular)

    def close(self) -> None:
        """End every wait: nothing is served any more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _expected(self, after: float, at_most: float) -> dict[str, float]:
        """Seconds within which each Prometheus that is not gone comes; those that scrape regularly, else all."""
        waits = {
            client: _wait(starts, at_most, self._replicas(client)) for client, starts in self._starts.items()
        }
        alive = {
            client: wait
            for client, wait in waits.items()
            if after - self._starts[client][-1] <= MISSED * wait
        }
        regular = {client: wait for client, wait in alive.items() if len(self._starts[client]) >= ENOUGH}
        return regular or alive

    def _has_seen(self, moment: float, regular: Mapping[str, int]) -> bool:
        if regular:
            return all(self._since(client, moment) >= least for client, least in regular.items())
        return any(self._since(client, moment) for client in self._starts)

    def _since(self, client: str, moment: float) -> float:
        """Scrapes of an address that began after a moment; of one that is forgotten nothing more is expected."""
        return sum(start > moment for start in self._starts[client]) if client in self._starts else math.inf

    def _replicas(self, client: str) -> int:
        """How many Prometheus servers are at an address, at least."""
        starts, span = self._starts[client], TOO_SOON * self._timeouts[client]
        if len(starts) < ENOUGH:
            return 1
        together = sorted(sum(0 <= other - start < span for other in starts) for start in starts)
        return max(1, together[-TWICE])


def _wait(starts: Sequence[float], at_most: float, replicas: int) -> float:
    longest = at_most
    if len(starts) >= ENOUGH:
        longest = max(
            later - earlier for earlier, later in zip(starts, islice(starts, replicas, None), strict=False)
        )
    return longest + max(MARGIN * longest, LEAST_MARGIN_SECONDS)
