"""Waiting in tests: for a condition, not for a clock.

A test must pass on a machine of any speed, with any other work on it. What has to happen is waited for with
:data:`PATIENCE`, which is so long that only a test that fails ever waits it out. What must not be waited for is made to last
:data:`FOREVER`, so that a test that did wait for it would run out of patience.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

#: Seconds after which a test that waits fails.
PATIENCE = 300.0

#: Seconds that no test waits.
FOREVER = 100 * PATIENCE


def wait_until(condition: Callable[[], T], what: str = "the condition") -> T:
    """Poll until a condition is true, and return its value."""
    deadline = time.monotonic() + PATIENCE
    while not (result := condition()):
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.01)
    return result


def finished(function: Callable[[], T]) -> T:
    """The result of a function that must not block; fails if it is still running when patience is at its end."""
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(function())
        except BaseException as error:  # noqa: BLE001 - raised again in the thread of the test
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    assert not thread.is_alive(), "it blocks"
    for error in errors:
        raise error
    return results[0]


class Clock:
    """A clock that a test can put forward, so that something takes as long as the test says.

    Attributes:
        forward: Seconds by which it is ahead of the machine's.
    """

    def __init__(self) -> None:
        self.forward = 0.0
        self._machine = time.perf_counter

    def __call__(self) -> float:
        return self._machine() + self.forward
