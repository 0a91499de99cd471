"""A good run, or several, as what later runs are expected to do.

For every metric it keeps a curve over the data seen: the expected value and its standard deviation. Runs of another length
or batch size are compared at the same number of samples.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from traingauge.archive import Archive
from traingauge.errors import DamagedFileError, InvalidArgumentError, InvalidTypeError, ReferenceMismatchError
from traingauge.stats.curves import LearningCurves, Position, curves_by_metric

Floats = NDArray[np.float64]
Unit = Literal["samples", "steps"]

#: Scores that only classifiers have, and that only regressions have.
CLASSIFIED = frozenset(("accuracy", "precision", "recall", "f1"))
ESTIMATED = frozenset(("mean_absolute_error", "root_mean_squared_error", "r2_score"))

_FILE = Archive("traingauge-reference-run", 1, "reference run")

#: Marks of a curve at most.
MARKS = 512

#: Marks to either side over which noise is averaged.
NEIGHBOURS = 8

#: Standard deviations are at least this share of the range of the curve.
FLOOR = 0.01

#: How much further or less far, in relative terms, a single good run might as well have been at the same value.
PACE = 0.1


class Recorded(Protocol):
    """What has a course: a :class:`traingauge.ModelMonitor`."""

    @property
    def model(self) -> str:
        """Name of the model."""

    @property
    def curves(self) -> LearningCurves:
        """How the run went."""


class Expectation(NamedTuple):
    """What is expected of a metric at one position; both NaN outside of the curve."""

    value: float
    stddev: float


@dataclass(frozen=True, slots=True)
class Curve:
    """What is expected of one metric.

    Attributes:
        position: Samples or steps of each mark, shape (m,), ascending.
        value: Expected value at each.
        stddev: Its standard deviation, that of one reading of one further run; above 0 unless the curve is flat.
    """

    position: Floats
    value: Floats
    stddev: Floats

    def at(self, position: float) -> Expectation:
        """Interpolated linearly between the marks; NaN before the first and after the last.

        >>> Curve(np.array([0.0, 10.0]), np.array([1.0, 0.0]), np.array([0.25, 0.75])).at(5.0)
        Expectation(value=0.5, stddev=0.5)
        """
        if not self.position[0] <= position <= self.position[-1]:
            return Expectation(float("nan"), float("nan"))
        value, stddev = (float(np.interp(position, self.position, one)) for one in (self.value, self.stddev))
        return Expectation(value, stddev)


@dataclass(frozen=True, slots=True)
class ReferenceRun:
    """What runs of a model are expected to do.

    The expected value is the mean over the recorded runs of their curves, each smoothed over three readings. With ``x`` the
    position, ``y`` the readings and ``'`` the derivative, the variance is the greatest of

    * the noise of single readings: the mean of ``(y_(i+1) - y_i)² / 2`` around the mark (Rice 1984, which a trend hardly
      disturbs);
    * with several runs, their variance at the mark, times ``1 + 1/R`` because it is of one run more; with one run,
      ``(0.1 x y')²``, as if another could be a tenth ahead or behind;
    * the square of 1 % of the range of the curve.

    Attributes:
        model: Name of the model.
        unit: What positions count: ``samples`` where all runs told them, else ``steps``.
        runs: How many were recorded.
        curves: By metric and split.
        created: Unix time in seconds.
    """

    model: str
    unit: Unit
    runs: int
    curves: Mapping[tuple[str, str], Curve]
    created: float

    @classmethod
    def record(cls, *runs: Recorded) -> ReferenceRun:
        """Take what good runs did; monitors may be closed or still running.

        Raises:
            InvalidArgumentError: No run, or none that recorded enough to expect anything.
            ReferenceMismatchError: Runs of different models.
        """
        if not runs:
            raise InvalidArgumentError("no run was given: expected at least one ModelMonitor")
        models = sorted({run.model for run in runs})
        if len(models) > 1:
            raise ReferenceMismatchError(
                f"runs of different models were given: {models}: expected those of one"
            )
        by_metric = curves_by_metric([run.curves for run in runs])
        every = [table for tables in by_metric.values() for table in tables]
        unit: Unit = "samples" if all(table[-1, 1] > 0 for table in every) else "steps"
        curves = {
            key: _curve(
                [np.column_stack([table[:, int(unit == "samples")], table[:, 2]]) for table in tables]
            )
            for key, tables in by_metric.items()
            if any(len(table) > 1 for table in tables)
        }
        if not curves:
            raise InvalidArgumentError(
                "the runs recorded nothing to expect: at least two readings of a metric are needed, one is taken every "
                "few dozen steps and after every evaluation"
            )
        return cls(models[0], unit, len(runs), curves, time.time())

    @property
    def metrics(self) -> frozenset[str]:
        """Names of the metrics of which something is expected, in any split."""
        return frozenset(metric for metric, _ in self.curves)

    def expect(self, metric: str, split: str, at: Position) -> Expectation:
        """What is expected of a metric after so much training; NaN where the reference does not know."""
        curve = self.curves.get((metric, split))
        position = at.samples if self.unit == "samples" else at.steps
        return (
            Expectation(float("nan"), float("nan")) if curve is None or not position else curve.at(position)
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it to a file, whole or not at all; a file that is there is replaced.

        Raises:
            OSError: The file cannot be written.
        """
        header = {
            "model": self.model,
            "unit": self.unit,
            "runs": self.runs,
            "created": self.created,
            "curves": [list(key) for key in self.curves],
        }
        arrays = {
            f"{number}": np.stack([curve.position, curve.value, curve.stddev])
            for number, curve in enumerate(self.curves.values())
        }
        _FILE.write(Path(path), header, arrays)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> ReferenceRun:
        """Read it from a file.

        Raises:
            DamagedFileError: Not a reference run, damaged, or written by a newer version.
            OSError: The file cannot be read.
        """
        header, arrays = _FILE.read(Path(path))
        try:
            curves = {
                (metric, split): Curve(*arrays[f"{number}"])
                for number, (metric, split) in enumerate(header["curves"])
            }
            run = cls(header["model"], header["unit"], header["runs"], curves, header["created"])
        except (LookupError, TypeError, ValueError) as error:
            raise DamagedFileError(f"{path} is not a reference run: {error!r}") from error
        if run.unit not in get_args(Unit):
            raise DamagedFileError(f"{path} is not a reference run: it counts {run.unit!r}")
        return run


def checked(expected: object, model: str, task: str | None) -> ReferenceRun:
    """What a run of ``model`` is given to be compared with.

    Args:
        expected: What was given.
        model: Name of the run's model.
        task: Its task, ``None`` if it is not known yet.

    Raises:
        InvalidTypeError: No reference run.
        ReferenceMismatchError: One of another model, or with the scores of another task.
    """
    if not isinstance(expected, ReferenceRun):
        raise InvalidTypeError(
            f"expected is a {type(expected).__name__}: expected a ReferenceRun, as ReferenceRun.load(path) gives"
        )
    if expected.model != model:
        raise ReferenceMismatchError(
            f"the reference run is of model {expected.model!r} and this run of {model!r}: record one of {model!r}"
        )
    metrics = expected.metrics
    if task is not None and not metrics.isdisjoint(CLASSIFIED if task == "regression" else ESTIMATED):
        raise ReferenceMismatchError(
            f"the reference run expects {', '.join(sorted(metrics))}, and this run's task is {task!r}: record another"
        )
    return expected


def _curve(tables: list[Floats]) -> Curve:
    """Curve of readings of R runs, each of position and value, shape (n, 2)."""
    marks = np.unique(np.concatenate([table[:, 0] for table in tables]))
    marks = np.unique(marks[np.linspace(0, len(marks) - 1, min(MARKS, len(marks))).round().astype(np.intp)])
    values = np.stack([_interpolated(marks, table[:, 0], _smooth(table[:, 1], 1)) for table in tables])
    known = np.isfinite(values).sum(axis=0)
    value = np.nansum(values, axis=0) / known
    noise = np.nanmax(
        [_interpolated(marks, table[:, 0], _noise(table[:, 1]), beyond=0.0) for table in tables], axis=0
    )
    if len(tables) > 1:
        between = np.nansum(np.square(values - value), axis=0) / np.maximum(known - 1, 1)
        other = _smooth(np.where(known > 1, between * (1 + 1 / known), 0.0), NEIGHBOURS)
    else:
        other = np.square(PACE * marks * np.gradient(value, marks)) if len(marks) > 1 else np.zeros(1)
    floor = FLOOR * (value.max() - value.min())
    return Curve(marks, value, np.sqrt(np.maximum(np.maximum(noise, other), floor**2)))


def _interpolated(marks: Floats, position: Floats, values: Floats, beyond: float = float("nan")) -> Floats:
    return np.asarray(np.interp(marks, position, values, left=beyond, right=beyond))


def _smooth(values: Floats, neighbours: int) -> Floats:
    """Mean of each value and so many to either side, as far as there are any."""
    sums = np.concatenate([[0.0], values.cumsum()])
    at = np.arange(len(values))
    low, high = np.maximum(at - neighbours, 0), np.minimum(at + neighbours + 1, len(values))
    return np.asarray((sums[high] - sums[low]) / (high - low))


def _noise(values: Floats) -> Floats:
    """Variance of single readings around each, from successive differences."""
    if len(values) < 2:
        return np.zeros(len(values))
    halves = np.square(np.diff(values)) / 2
    return _smooth(np.append(halves, halves[-1]), NEIGHBOURS)
