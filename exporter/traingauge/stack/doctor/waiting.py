"""Waiting for what a server that has just started, or a run that has, does within seconds."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

#: Seconds: Prometheus finds a target within five, scrapes it, and evaluates rules every five as it is shipped.
SETTLES_WITHIN = 15.0

#: Seconds between two looks.
EVERY = 0.5


def settled(read: Callable[[], T], is_settled: Callable[[T], bool]) -> T:
    """What is read once it has settled, or after :data:`SETTLES_WITHIN` as it is.

    >>> left = [3, 2, 1]
    >>> settled(left.pop, lambda number: number == 2)
    2
    """
    deadline = time.monotonic() + SETTLES_WITHIN
    while not is_settled(found := read()) and time.monotonic() < deadline:
        time.sleep(EVERY)
    return found
