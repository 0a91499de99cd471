"""The descriptor that the interpreter writes the number of each signal to at once, also while the main thread hangs in C.

There is one for the whole process. An event loop takes it for as long as it handles signals, and then sets none: asyncio
does not put back what it found. So ``signal.set_wakeup_fd`` is wrapped while runs are live, and none stands for that of the
runs.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from functools import wraps
from typing import Any

#: What stands for no descriptor.
NONE = -1


class WakeUp:
    """Gives the interpreter a descriptor, between :meth:`install` and :meth:`remove`, whenever nothing else has given one.

    Args:
        given_up: Called in the main thread when another one has given up the descriptor, and perhaps its signals.
    """

    def __init__(self, given_up: Callable[[], None]) -> None:
        self._given_up = given_up
        self._descriptor = NONE
        self._before: Any = None
        self._wrapper: Any = None

    def install(self, descriptor: int) -> None:
        """Wrap the function, and use a descriptor unless there is another one; only the main thread can.

        Args:
            descriptor: It does not block.
        """
        self._descriptor = descriptor
        self._before = signal.set_wakeup_fd
        signal.set_wakeup_fd = self._wrapper = self._wrapped(self._before)
        found = self._before(descriptor, warn_on_full_buffer=False)
        if found != NONE:  # of an event loop, perhaps
            self._before(found)

    def remove(self) -> None:
        """Put back what was there, unless another one has wrapped it, or given a descriptor, meanwhile."""
        if signal.set_wakeup_fd is self._wrapper:
            signal.set_wakeup_fd = self._before
        if (found := self._before(NONE)) != self._descriptor:
            self._before(found)
        self._wrapper = None

    def _wrapped(self, before: Any) -> Any:
        """A new wrapper each time: another library may still call the one that it found at an earlier time."""

        @wraps(before)
        def wrapper(fd: int, **named: Any) -> int:
            if self._wrapper is not wrapper:
                return int(before(fd, **named))
            ours = self._descriptor
            if fd == NONE:
                found = before(ours, warn_on_full_buffer=False)
                self._given_up()
            else:
                found = before(fd, **named)
            return NONE if found == ours else int(found)

        return wrapper
