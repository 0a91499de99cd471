"""Sharing the GIL: long work in a background thread, in slices that training does not feel.

A thread that holds the GIL gives it up only after the interpreter's switch interval (5 ms) unless it pauses by itself. A
training step that lets go of the GIL in its native code would wait that long each time it wants it back, for as long as
the work goes on.
"""

from __future__ import annotations

import time

#: Seconds of work between two pauses.
SLICE = 30e-6

#: Seconds of a pause: long enough for a waiting thread to wake up, take the GIL and get some of its own work done.
PAUSE = 100e-6

#: A pause of so many seconds means that another thread does not let go of the GIL: after each one in a row, slices
#: become longer by a factor, up to a longest.
HELD, GROWTH, LONGEST_SLICE = 3e-3, 4.0, 2e-3


class GilYielder:
    """Pauses between slices of work.

    A thread that computes in pure Python never lets go of the GIL by itself, so that every pause costs a whole switch
    interval. Then slices become longer, and the work still ends in a bounded time.

    >>> pace = GilYielder()
    >>> pace.maybe_yield()
    """

    def __init__(self) -> None:
        self._slice = SLICE
        self._until = time.perf_counter() + SLICE

    def maybe_yield(self) -> None:
        """Pause, if the slice is over; call it more often than once a slice."""
        over = time.perf_counter()
        if over < self._until:
            return
        time.sleep(PAUSE)
        back = time.perf_counter()
        self._slice = min(self._slice * GROWTH, LONGEST_SLICE) if back - over > HELD else SLICE
        self._until = back + self._slice
