"""Sharing the GIL: long work in a background thread, in slices that training does not feel.

A thread that holds the GIL gives it up only after the interpreter's switch interval (5 ms) unless it pauses by itself. A
training step that lets go of the GIL in its native code would wait that long each time it wants it back, for as long as
the work goes on.
"""

from __future__ import annotations

import time

#: Seconds of work between two pauses.
SLICE = 100e-6

#: Seconds of a pause: long enough for a waiting thread to wake up and take the GIL.
PAUSE = 50e-6

#: Longest slice, in seconds, against a thread that does not let go of the GIL.
LONGEST_SLICE = 2e-3


class Pace:
    """Pauses between slices of work.

    A thread that computes in pure Python never lets go of the GIL by itself, so that every pause costs a whole switch
    interval. Where pauses take long, slices become longer, and the work ends in a bounded time.

    >>> pace = Pace()
    >>> pace.breathe()
    """

    def __init__(self) -> None:
        self._until = time.perf_counter() + SLICE

    def breathe(self) -> None:
        """Pause, if the slice is over; call it more often than once a slice."""
        over = time.perf_counter()
        if over < self._until:
            return
        time.sleep(PAUSE)
        back = time.perf_counter()
        self._until = back + min(max(SLICE, back - over - 2 * PAUSE), LONGEST_SLICE)
