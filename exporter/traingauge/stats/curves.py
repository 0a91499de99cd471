"""Learning curves of a run: each metric against the number of steps and samples that the run had seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Points that a curve keeps at most. When it has more, every second one is dropped, and only every second new one is added.
MAX_POINTS = 512


class Position(NamedTuple):
    """How far a run has come.

    Attributes:
        steps: Number of training steps.
        samples: Number of samples in them; 0 if the run does not report any.
    """

    steps: int
    samples: int


class SampledCurve:
    """Curve of one metric, evenly thinned to at most :data:`MAX_POINTS` points.

    Points are dropped and not averaged, so that the remaining ones keep the noise of a single value.

    >>> curve = SampledCurve()
    >>> for step in range(1000):
    ...     curve.add(Position(step, 32 * step), step / 1000)
    >>> curve.table.shape, curve.table[:3, 0]
    ((500, 3), array([0., 2., 4.]))
    """

    def __init__(self) -> None:
        self._rows: list[tuple[int, int, float]] = []
        self._every = 1
        self._seen = 0

    @property
    def table(self) -> Floats:
        """Steps, samples and value of each point, shape (n, 3), as a new array."""
        return np.array(self._rows, dtype=np.float64).reshape(-1, 3)

    def add(self, at: Position, value: float) -> None:
        """Add the next value, NaN where it is undefined; positions must ascend."""
        if self._seen % self._every == 0:
            self._rows.append((*at, value))
            if len(self._rows) > MAX_POINTS:
                del self._rows[1::2]
                self._every *= 2
        self._seen += 1

    def roll_back(self, steps: int) -> None:
        """Drop the points after ``steps`` training steps."""
        self._rows = [row for row in self._rows if row[0] <= steps]
        self._seen = len(self._rows) * self._every

    def save(self) -> list[Any]:
        """The state, as plain values and an array."""
        return [self._every, self._seen, self.table]

    @classmethod
    def restored(cls, saved: list[Any]) -> SampledCurve:
        """The curve that :meth:`save` was called on."""
        curve = cls()
        curve._every, curve._seen, table = saved
        curve._rows = [(int(steps), int(samples), value) for steps, samples, value in table.tolist()]
        return curve


class LearningCurves:
    """The curves of a run, by metric and split.

    >>> curves = LearningCurves(); curves.add("loss", "train", Position(10, 320), 0.7)
    >>> [(key, curve.table.tolist()) for key, curve in curves.items()]
    [(('loss', 'train'), [[10.0, 320.0, 0.7]])]
    """

    def __init__(self) -> None:
        self._curves: dict[tuple[str, str], SampledCurve] = {}

    def add(self, metric: str, split: str, at: Position, value: float) -> None:
        """Add the next value of a metric, NaN where it is undefined."""
        self._curves.setdefault((metric, split), SampledCurve()).add(at, value)

    def items(self) -> Iterator[tuple[tuple[str, str], SampledCurve]]:
        """Pairs of ``(metric, split)`` and curve."""
        yield from self._curves.items()

    def position_at(self, steps: int) -> Position:
        """Position of the run after ``steps`` training steps, interpolated between points."""
        tables = [curve.table for curve in self._curves.values()]
        known = np.unique(np.concatenate([np.zeros((1, 2)), *(table[:, :2] for table in tables)]), axis=0)
        return Position(steps, round(float(np.interp(steps, known[:, 0], known[:, 1]))))

    def roll_back(self, steps: int) -> None:
        """Drop the points after ``steps`` training steps."""
        for curve in self._curves.values():
            curve.roll_back(steps)

    def copy(self) -> LearningCurves:
        """A copy that later values do not change."""
        return LearningCurves.restored(self.save())

    def save(self) -> list[Any]:
        """The state, as a tree of plain values and arrays."""
        return [[*key, curve.save()] for key, curve in self._curves.items()]

    @classmethod
    def restored(cls, saved: list[Any]) -> LearningCurves:
        """The curves that :meth:`save` was called on."""
        curves = cls()
        curves._curves = {(metric, split): SampledCurve.restored(one) for metric, split, one in saved}
        return curves


def curves_by_metric(runs: list[LearningCurves]) -> Mapping[tuple[str, str], list[Floats]]:
    """Tables, as of :attr:`SampledCurve.table`, of each ``(metric, split)`` over all runs, without undefined values."""
    found: dict[tuple[str, str], list[Floats]] = {}
    for curves in runs:
        for key, curve in curves.items():
            table = curve.table
            table = table[np.isfinite(table[:, 2])]
            if len(table):
                found.setdefault(key, []).append(table)
    return found
