"""A clock that is moved by hand, so that an hour of training takes seconds."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

#: When simulated time begins: 2 March 2026, 09:00 UTC.
BEGIN = 1_772_442_000.0

MINUTE = 60.0

#: Seconds between two scrapes. The shipped configuration scrapes more often; this is cheaper to record and to replay, and
#: harder on the rules: they see less, and later.
SCRAPE_SECONDS = 30.0


class Clock:
    """Stands in for ``time.time`` and ``time.perf_counter``. Between two moves it runs like the real one.

    Attributes:
        now: Unix time in seconds that it was last moved to.
    """

    def __init__(self, now: float) -> None:
        self.now = now
        self._perf_counter = time.perf_counter
        self._moved = self._perf_counter()

    def move(self, seconds: float) -> None:
        """Move it forward."""
        self.now += seconds
        self._moved = self._perf_counter()

    def read(self) -> float:
        """Unix time in seconds."""
        return self.now + self._perf_counter() - self._moved

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Use it throughout this process while the block runs."""
        with mock.patch("time.time", self.read), mock.patch("time.perf_counter", self.read):
            yield
