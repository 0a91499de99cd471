"""The interface of all detectors."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from copy import deepcopy
from typing import ClassVar, Literal, Self

from traingauge.stats.arrays import as_scalar
from traingauge.stats.detectors.baseline import Baseline

#: The input of a detector that watches a signal: its value, the residual (value minus forecast), or the rank of the residual
#: among the previous ones, as a standard normal quantile.
Sees = Literal["value", "residual", "rank_z"]


class Detector(ABC):
    """A detector of change in a stream of numbers.

    An instance also serves as a setting: :class:`traingauge.ModelMonitor` copies it for each signal of training.

    Attributes:
        name: Value of the label ``detector``.
        sees: Input of the detector when it watches a signal of training.
        baseline: Mean and standard deviation that values are compared with; ``None`` if it needs none.
        alarms: Number of alarms raised.
        nonfinite: Number of NaN and infinite values seen, which do not change the state.
        seen: Number of finite values seen.
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
        """The statistic that is compared with the limit; NaN while undefined."""

    def update(self, value: float) -> bool:
        """Add the next value.

        Args:
            value: Any number; NaN and infinite values are counted and otherwise ignored.

        Returns:
            Whether the value raises an alarm.

        Raises:
            TrainGaugeError: No number.
        """
        if type(value) is not float:
            value = math.nan if (number := as_scalar(value, "value")) is None else float(number)
        if not math.isfinite(value):
            self.nonfinite += 1
            return False
        self.seen += 1
        alarm = self._update(value)
        self.alarms += alarm
        return alarm

    def clone(self) -> Self:
        """A copy in the same state; for a detector that has seen no values, one with the same settings."""
        return deepcopy(self)

    def for_signal(self) -> Self:
        """A copy for a signal of training. Rank z-scores are standard normal, so their baseline need not be learnt."""
        copy = self.clone()
        if self.sees == "rank_z":
            copy.baseline = Baseline(0.0, 1.0)
        return copy

    @abstractmethod
    def _update(self, value: float) -> bool:
        """Add a finite value, and return whether it raises an alarm."""
