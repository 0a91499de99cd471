"""What all detectors have in common."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from copy import deepcopy
from typing import ClassVar, Literal, Self

from traingauge.stats.detectors.baseline import Baseline

#: What a detector can see of a signal of training: its value, the residual (value minus forecast), or the rank of
#: the residual among the previous ones, as a standard normal quantile.
Sees = Literal["value", "residual", "rank_z"]


class Detector(ABC):
    """A detector of change in a stream of numbers.

    It is also the setting that a user writes: :class:`traingauge.ModelMonitor` copies it for each signal of training.

    Attributes:
        name: Its name in the label ``detector``.
        sees: What it is given of a signal of training.
        baseline: Mean and standard deviation that it measures against; ``None`` if it needs none.
        alarms: How often it raised an alarm.
        nonfinite: NaN and infinite values seen; they do not enter the state.
        seen: Finite values seen.
    """

    name: ClassVar[str]
    sees: ClassVar[Sees]
    baseline: Baseline | None = None

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
            Whether it raises an alarm; never for a value that is not finite.
        """
        if not math.isfinite(value):
            self.nonfinite += 1
            return False
        self.seen += 1
        alarm = self._update(value)
        self.alarms += alarm
        return alarm

    def clone(self) -> Self:
        """A copy in the same state: of a detector that has seen nothing, one with the same settings."""
        return deepcopy(self)

    def for_signal(self) -> Self:
        """A copy that watches a signal of training. Rank z-scores are standard normal, so there is no baseline to learn."""
        copy = self.clone()
        if self.sees == "rank_z":
            copy.baseline = Baseline(0.0, 1.0)
        return copy

    @abstractmethod
    def _update(self, value: float) -> bool:
        """Take a finite value; returns whether it raises an alarm."""
