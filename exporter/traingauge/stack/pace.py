"""How fast a stack lets time pass, and what to do where the machine is too slow for it.

A demo or a test cannot wait for as long as the shipped rules do, so a stack divides all their waiting times by a factor. How
large a factor the machine can follow depends on what else runs on it, and that changes from one second to the next. So the
factor is not guessed: Prometheus itself measures whether the machine keeps the pace, and an attempt during which it did not
proves nothing and is made again at half the pace. Half the pace doubles the waiting times and the intervals alike, so the
rules see the same world, only slower. It ends at factor 1, where the stack is what is shipped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self, TypeVar

from .errors import ConfigError, PaceLostError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast time passes.

    Args:
        factor: Divides every waiting time and interval: 10 makes a rule that waits for 5 minutes wait for 30 s.
        shortest_interval: Milliseconds to which intervals are divided at most. A scrape must end within its interval, so
            this is also the longest that a scrape may take.

    Raises:
        ConfigError: The factor is below 1.

    >>> Pace(30.0).slower()
    Pace(factor=15.0, shortest_interval=2000)
    """

    factor: float = 1.0
    shortest_interval: int = 1000

    def __post_init__(self) -> None:
        """Check the factor."""
        if not self.factor >= 1:
            raise ConfigError(f"factor {self.factor!r}: expected 1 (nothing changes) or more")

    @property
    def is_slowest(self) -> bool:
        """Whether the waiting times are those that are shipped."""
        return self.factor == 1

    def slower(self) -> Self:
        """Half this pace: waiting times and the shortest interval twice as long."""
        return type(self)(max(self.factor / 2, 1.0), self.shortest_interval * 2)


#: Nothing is shortened.
AS_SHIPPED = Pace()


def at_a_pace_that_holds(attempt: Callable[[Pace], T], pace: Pace) -> T:
    """Make an attempt, at half the pace each time that the machine could not keep it.

    Args:
        attempt: Called with the pace; raises :class:`PaceLostError`, usually by :meth:`Stack.check_pace`.
        pace: Of the first attempt.

    Raises:
        PaceLostError: The machine cannot even keep the shipped intervals.

    >>> def attempt(pace):
    ...     if pace.factor > 10:
    ...         raise PaceLostError("a scrape took too long")
    ...     return pace.factor
    >>> at_a_pace_that_holds(attempt, Pace(30.0))
    7.5
    """
    while True:
        try:
            return attempt(pace)
        except PaceLostError:
            if pace.is_slowest:
                raise
            pace = pace.slower()
