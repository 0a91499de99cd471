"""What the control charts share: values as distances from a baseline, and a start over after each alarm."""

from __future__ import annotations

import math
from abc import abstractmethod

from traingauge.stats.detectors.baseline import Baseline
from traingauge.stats.detectors.detector import Detector


class Chart(Detector):
    """A detector that compares values with a baseline, and starts over after each alarm.

    Args:
        baseline: Mean and standard deviation; while it learns, there is no alarm.
    """

    def __init__(self, baseline: Baseline) -> None:
        super().__init__()
        self.baseline: Baseline = baseline
        self._restart()

    def _update(self, value: float) -> bool:
        if self.baseline.learn(value):
            return False
        alarm = self._add(self.baseline.scaled(value))
        if alarm:
            self._restart()
        return alarm

    def _learnt(self, statistic: float) -> float:
        """The statistic; NaN during the warm-up."""
        return statistic if math.isfinite(self.baseline.deviation) else math.nan

    @abstractmethod
    def _add(self, scaled: float) -> bool:
        """Add a value in standard deviations from the mean, maybe infinite, and return whether it raises an alarm."""

    @abstractmethod
    def _restart(self) -> None:
        """Go back to the state before the first value."""
