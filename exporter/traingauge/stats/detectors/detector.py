"""What all detectors have in common."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod


class Detector(ABC):
    """A detector of change in a stream of numbers.

    Attributes:
        alarms: How often it gave alarm.
        nonfinite: NaN and infinite values seen; they do not enter the state.
        seen: Finite values seen.
    """

    def __init__(self) -> None:
        self.alarms = 0
        self.nonfinite = 0
        self.seen = 0

    @property
    @abstractmethod
    def statistic(self) -> float:
        """What is compared with the limit, NaN while there is nothing to compare."""

    def update(self, value: float) -> bool:
        """Take the next value.

        Args:
            value: Any float.

        Returns:
            Whether it gives alarm with this value; never with one that is not finite.
        """
        if not math.isfinite(value):
            self.nonfinite += 1
            return False
        self.seen += 1
        alarm = self._update(value)
        self.alarms += alarm
        return alarm

    @abstractmethod
    def _update(self, value: float) -> bool:
        """Take a finite value, and say whether it gives alarm."""
