"""The course of a run: how each metric went, reading by reading, against how much data the run had seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Readings of a metric that are kept; at more, every second one goes, and only every second new one is taken.
KEPT = 512


class Position(NamedTuple):
    """How far a run has come.

    Attributes:
        steps: Training steps.
        samples: Samples in them; 0 if the run does not tell.
    """

    steps: int
    samples: int


class SampledCurve:
    """Readings of one metric at positions that ascend; at most :data:`KEPT` of them, evenly thinned.

    Readings are dropped and not averaged, so that the noise of those that stay is the noise of one reading.

    >>> readings = SampledCurve()
    >>> for step in range(1000):
    ...     readings.add(Position(step, 32 * step), step / 1000)
    >>> readings.table.shape, readings.table[:3, 0]
    ((500, 3), array([0., 2., 4.]))
    """

    def __init__(self) -> None:
        self._rows: list[tuple[int, int, float]] = []
        self._every = 1
        self._seen = 0

    @property
    def table(self) -> Floats:
        """Steps, samples and value of each kept reading, shape (n, 3), as a new array."""
        return np.array(self._rows, dtype=np.float64).reshape(-1, 3)

    def add(self, at: Position, value: float) -> None:
        """Take the next reading; NaN where it was undefined."""
        if self._seen % self._every == 0:
            self._rows.append((*at, value))
            if len(self._rows) > KEPT:
                del self._rows[1::2]
                self._every *= 2
        self._seen += 1

    def roll_back(self, steps: int) -> None:
        """Forget what was read after so many steps."""
        self._rows = [row for row in self._rows if row[0] <= steps]
        self._seen = len(self._rows) * self._every

    def save(self) -> list[Any]:
        """All of it, as plain values and an array."""
        return [self._every, self._seen, self.table]

    @classmethod
    def restored(cls, saved: list[Any]) -> SampledCurve:
        """What :meth:`save` gave."""
        readings = cls()
        readings._every, readings._seen, table = saved
        readings._rows = [(int(steps), int(samples), value) for steps, samples, value in table.tolist()]
        return readings


class LearningCurves:
    """How a run went, metric by metric and split by split.

    >>> curves = LearningCurves(); curves.add("loss", "train", Position(10, 320), 0.7)
    >>> [(key, readings.table.tolist()) for key, readings in curves.items()]
    [(('loss', 'train'), [[10.0, 320.0, 0.7]])]
    """

    def __init__(self) -> None:
        self._readings: dict[tuple[str, str], SampledCurve] = {}

    def add(self, metric: str, split: str, at: Position, value: float) -> None:
        """Take the next reading of a metric."""
        self._readings.setdefault((metric, split), SampledCurve()).add(at, value)

    def items(self) -> Iterator[tuple[tuple[str, str], SampledCurve]]:
        """Readings by metric and split."""
        yield from self._readings.items()

    def position_at(self, steps: int) -> Position:
        """How far the run had come after so many steps, interpolated between readings."""
        tables = [readings.table for readings in self._readings.values()]
        known = np.unique(np.concatenate([np.zeros((1, 2)), *(table[:, :2] for table in tables)]), axis=0)
        return Position(steps, round(float(np.interp(steps, known[:, 0], known[:, 1]))))

    def roll_back(self, steps: int) -> None:
        """Forget what was read after so many steps."""
        for readings in self._readings.values():
            readings.roll_back(steps)

    def copy(self) -> LearningCurves:
        """The same readings, independent of what is added later."""
        return LearningCurves.restored(self.save())

    def save(self) -> list[Any]:
        """All of it, as a tree of plain values and arrays."""
        return [[*key, readings.save()] for key, readings in self._readings.items()]

    @classmethod
    def restored(cls, saved: list[Any]) -> LearningCurves:
        """What :meth:`save` gave."""
        curves = cls()
        curves._readings = {(metric, split): SampledCurve.restored(one) for metric, split, one in saved}
        return curves


def curves_by_metric(courses: list[LearningCurves]) -> Mapping[tuple[str, str], list[Floats]]:
    """Tables of all courses that have read a metric, without its undefined readings."""
    found: dict[tuple[str, str], list[Floats]] = {}
    for curves in courses:
        for key, readings in curves.items():
            table = readings.table
            table = table[np.isfinite(table[:, 2])]
            if len(table):
                found.setdefault(key, []).append(table)
    return found
