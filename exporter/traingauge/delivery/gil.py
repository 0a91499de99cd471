"""Sharing the GIL: long work in a background thread, in slices too short to delay training.

A thread that holds the GIL releases it only after the interpreter's switch interval (5 ms), unless it pauses by itself. A
training step that releases the GIL in native code would wait that long each time it needs it again, for as long as the
background work lasts.
"""

from __future__ import annotations

import time

#: Seconds of work between two pauses.
SLICE = 30e-6

#: Seconds of a pause: long enough for a waiting thread to wake up, take the GIL and do some work.
PAUSE = 100e-6

#: A pause that lasts ``HELD`` seconds means that another thread keeps the GIL. After each such pause in a row the slices
#: grow by ``GROWTH``, up to ``LONGEST_SLICE`` seconds.
HELD, GROWTH, LONGEST_SLICE = 3e-3, 4.0, 2e-3


class GilYielder:
    """Pauses between slices of work.

    If another thread computes in pure Python, it never releases the GIL by itself, and every pause costs a whole switch
    interval. Slices then become longer, so that the work still ends in bounded time.

    >>> yielder = GilYielder()
    >>> yielder.maybe_yield()
    """

    def __init__(self) -> None:
        self._slice = SLICE
        self._until = time.perf_counter() + SLICE

    def maybe_yield(self) -> None:
        """Pause if the slice is over. Call it several times a slice."""
        over = time.perf_counter()
        if over < self._until:
            return
        time.sleep(PAUSE)
        back = time.perf_counter()
        self._slice = min(self._slice * GROWTH, LONGEST_SLICE) if back - over > HELD else SLICE
        self._until = back + self._slice
