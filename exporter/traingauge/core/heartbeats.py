"""When each split last took a step, in Unix time by the clock as it is now."""

from __future__ import annotations

import time

from traingauge.core.families import Key, keys

#: Seconds by which the wall clock may drift from the monotonic one before heartbeats follow it: they should not change with
#: every reading while nothing happens.
DRIFT_SECONDS = 0.1


class UnixClock:
    """Turns readings of the monotonic clock into Unix time when they are read.

    A wall clock that was a day ahead for a moment would otherwise leave a heartbeat in the future, and a run that hangs
    would look alive for that day.

    >>> abs(UnixClock().ahead() + time.perf_counter() - time.time()) < 60
    True
    """

    def __init__(self) -> None:
        self._ahead = 0.0

    def ahead(self) -> float:
        """What added to a clock reading gives Unix time, in seconds."""
        ahead = time.time() - time.perf_counter()
        if abs(ahead - self._ahead) > DRIFT_SECONDS:
            self._ahead = ahead
        return self._ahead


class Heartbeats:
    """Keeps the clock reading of each split's last step.

    Attributes:
        keys: The splits that have a heartbeat.

    >>> beats = Heartbeats(); beats.beat("train", time.perf_counter())
    >>> [abs(value - time.time()) < 60 for value in beats.values()]
    [True]
    """

    def __init__(self) -> None:
        self.keys: tuple[Key, ...] = ()
        self._last: dict[str, float] = {}
        self._clock = UnixClock()

    def beat(self, split: str, at: float) -> None:
        """A split took a step at a clock reading; an earlier one than before changes nothing."""
        if split not in self._last:
            self.keys = keys(*((name,) for name in (*self._last, split)))
        self._last[split] = max(at, self._last.get(split, at))

    def values(self) -> tuple[float, ...]:
        """Unix time of each split's last step, in seconds."""
        ahead = self._clock.ahead()
        return tuple(at + ahead for at in self._last.values())
