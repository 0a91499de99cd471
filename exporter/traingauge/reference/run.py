"""A reference run: expected learning curves, recorded from one or more good runs.

For every metric it holds the expected value and its standard deviation as a function of the samples seen. Runs of different
length or batch size are compared at the same number of samples.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from traingauge import validation
from traingauge.archive import Archive
from traingauge.catalog import SPLITS
from traingauge.errors import InvalidArgumentError, InvalidTypeError, ReferenceMismatchError, ShapeError
from traingauge.stats.curves import LearningCurves, Position, curves_by_metric

Floats = NDArray[np.float64]
Unit = Literal["samples", "steps"]

#: Scores that only classifiers have.
CLASSIFICATION_SCORES = frozenset(("accuracy", "precision", "recall", "f1"))

#: Scores that only regression models have.
REGRESSION_SCORES = frozenset(("mean_absolute_error", "root_mean_squared_error", "r2_score"))

_FILE = Archive("traingauge-reference-run", 1, "reference run")

#: Maximum number of points of a curve.
MAX_POINTS = 512

#: Number of points on each side over which noise is averaged.
NEIGHBOURS = 8

#: Lower bound of the standard deviations, as a share of the range of the curve.
FLOOR = 0.01

#: Assumed relative standard deviation of the position at which a single good run reaches a value.
PACE = 0.1


class Recorded(Protocol):
    """A recorded run, such as a :class:`traingauge.ModelMonitor`."""

    @property
    def model(self) -> str:
        """Name of the model."""

    @property
    def curves(self) -> LearningCurves:
        """The learning curves of the run."""


class Expectation(NamedTuple):
    """Expected value and standard deviation of a metric at one position; both NaN outside the range of the curve."""

    value: float
    stddev: float


@dataclass(frozen=True, slots=True)
class Curve:
    """Expected curve of one metric.

    Attributes:
        position: Samples or steps of each point, shape (m,), ascending.
        value: Expected values, shape (m,).
        stddev: Standard deviations of a single value of another run, shape (m,); above 0 unless the curve is flat.
    """

    position: Floats
    value: Floats
    stddev: Floats

    def at(self, position: float) -> Expectation:
        """Interpolate linearly between points; NaN before the first and after the last.

        >>> Curve(np.array([0.0, 10.0]), np.array([1.0, 0.0]), np.array([0.25, 0.75])).at(5.0)
        Expectation(value=0.5, stddev=0.5)
        """
        if not self.position[0] <= position <= self.position[-1]:
            return Expectation(float("nan"), float("nan"))
        value, stddev = (float(np.interp(position, self.position, one)) for one in (self.value, self.stddev))
        return Expectation(value, stddev)


@dataclass(frozen=True, slots=True)
class ReferenceRun:
    """Expected learning curves of a model.

    The expected value is the mean of the curves of the recorded runs, each smoothed over three values. With position ``x``,
    values ``y`` and derivative ``'``, the variance is the maximum of

    * the noise of single values: the mean of ``(y_(i+1) - y_i)² / 2`` around the point (Rice 1984), which is robust to
      trends;
    * for R > 1 runs, the variance between them times ``1 + 1/R``, that of predicting another run; for a single run,
      ``(0.1 x y')²``, as another may be a tenth ahead or behind;
    * the square of 1 % of the range of the curve.

    Attributes:
        model: Name of the model.
        unit: Unit of positions: ``samples`` if all runs reported them, else ``steps``.
        runs: Number of recorded runs.
        curves: Expected curves by metric and split.
        created: Unix time of its creation, in seconds.

    >>> from types import SimpleNamespace
    >>> curves = LearningCurves()
    >>> for step in (10, 20, 30):
    ...     curves.add("loss", "train", Position(step, 32 * step), 1 / step)
    >>> good = ReferenceRun.record(SimpleNamespace(model="digits", curves=curves))
    >>> good.unit, round(good.expect("loss", "train", Position(40, 640)).value, 3)
    ('samples', 0.061)
    """

    model: str
    unit: Unit
    runs: int
    curves: Mapping[tuple[str, str], Curve]
    created: float

    @classmethod
    @np.errstate(all="ignore")  # whatever the script set
    def record(cls, *runs: Recorded) -> ReferenceRun:
        """Record good runs; their monitors may be closed or still running.

        Raises:
            InvalidArgumentError: No runs, or no metric with at least two values.
            ReferenceMismatchError: The runs are of different models.
        """
        if not runs:
            raise InvalidArgumentError("no run given: expected at least one ModelMonitor")
        for run in runs:
            if not isinstance(getattr(run, "curves", None), LearningCurves):
                raise InvalidTypeError(f"run is a {type(run).__name__}: expected a ModelMonitor")
        models = sorted({run.model for run in runs})
        if len(models) > 1:
            raise ReferenceMismatchError(
                f"the runs are of different models, {models}: expected runs of one model"
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
                "the runs are too short: a curve needs at least two values of a metric, which are recorded every few "
                "dozen steps and after every evaluation"
            )
        return cls(models[0], unit, len(runs), curves, time.time())

    @property
    def metrics(self) -> frozenset[str]:
        """Names of the metrics that have a curve, in any split."""
        return frozenset(metric for metric, _ in self.curves)

    def expect(self, metric: str, split: str, at: Position) -> Expectation:
        """Expected value of a metric at a position; NaN without a curve, and outside its range."""
        curve = self.curves.get((metric, split))
        position = at.samples if self.unit == "samples" else at.steps
        return (
            Expectation(float("nan"), float("nan")) if curve is None or not position else curve.at(position)
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the reference run to a file, atomically; an existing file is replaced.

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
        _FILE.write(validation.path("path", path), header, arrays)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> ReferenceRun:
        """Read a reference run from a file.

        Raises:
            DamagedFileError: The file is not a reference run, is damaged, or was written by a newer version.
            OSError: The file cannot be read.
        """
        return _FILE.load(validation.path("path", path), cls._restored)

    @classmethod
    def _restored(cls, header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> ReferenceRun:
        curves = {}
        for number, (metric, split) in enumerate(header["curves"]):
            rows = validation.array("curve", arrays[f"{number}"], 3, None)
            if not rows.shape[1]:
                raise ShapeError(f"the curve of {metric!r} has no points")
            curves[validation.name("metric", metric), validation.choice("split", split, SPLITS)] = Curve(
                *rows
            )
        return cls(
            validation.name("model", header["model"]),
            validation.choice("unit", header["unit"], get_args(Unit)),
            validation.count("runs", header["runs"]),
            curves,
            validation.number("created", header["created"]),
        )


def validate_reference_run(reference_run: object, model: str, task: str | None) -> ReferenceRun:
    """Validate that a run can be compared with a reference run, and return it.

    Args:
        reference_run: Value to validate.
        model: Name of the run's model.
        task: Task of the run; ``None`` while unknown.

    Raises:
        InvalidTypeError: ``reference_run`` is not a reference run.
        ReferenceMismatchError: The model differs, or the scores are those of another task.
    """
    if not isinstance(reference_run, ReferenceRun):
        raise InvalidTypeError(
            f"reference_run is a {type(reference_run).__name__}: expected a ReferenceRun, as from ReferenceRun.load(path)"
        )
    if reference_run.model != model:
        raise ReferenceMismatchError(
            f"the reference run is of model {reference_run.model!r}, but this run is of {model!r}: record one of {model!r}"
        )
    metrics = reference_run.metrics
    if task is not None and not metrics.isdisjoint(
        CLASSIFICATION_SCORES if task == "regression" else REGRESSION_SCORES
    ):
        raise ReferenceMismatchError(
            f"the reference run has {', '.join(sorted(metrics))}, but the task of this run is {task!r}: record another"
        )
    return reference_run


def _curve(tables: list[Floats]) -> Curve:
    """Expected curve from those of R runs, each with columns position and value, shape (n, 2)."""
    points = np.unique(np.concatenate([table[:, 0] for table in tables]))
    chosen = np.linspace(0, len(points) - 1, min(MAX_POINTS, len(points))).round().astype(np.intp)
    points = np.unique(points[chosen])
    values = np.stack([_interpolated(points, table[:, 0], _smooth(table[:, 1], 1)) for table in tables])
    known = np.isfinite(values).sum(axis=0)
    value = np.nansum(values, axis=0) / known
    noise = np.nanmax(
        [_interpolated(points, table[:, 0], _noise(table[:, 1]), beyond=0.0) for table in tables], axis=0
    )
    if len(tables) > 1:
        between = np.nansum(np.square(values - value), axis=0) / np.maximum(known - 1, 1)
        other = _smooth(np.where(known > 1, between * (1 + 1 / known), 0.0), NEIGHBOURS)
    else:
        other = np.square(PACE * points * np.gradient(value, points)) if len(points) > 1 else np.zeros(1)
    floor = FLOOR * (value.max() - value.min())
    return Curve(points, value, np.sqrt(np.maximum(np.maximum(noise, other), floor**2)))


def _interpolated(points: Floats, position: Floats, values: Floats, beyond: float = float("nan")) -> Floats:
    return np.asarray(np.interp(points, position, values, left=beyond, right=beyond))


def _smooth(values: Floats, neighbours: int) -> Floats:
    """Mean of each value and its neighbours on each side; fewer at the ends."""
    sums = np.concatenate([[0.0], values.cumsum()])
    at = np.arange(len(values))
    low, high = np.maximum(at - neighbours, 0), np.minimum(at + neighbours + 1, len(values))
    return np.asarray((sums[high] - sums[low]) / (high - low))


def _noise(values: Floats) -> Floats:
    """Local variance of single values, from successive differences."""
    if len(values) < 2:
        return np.zeros(len(values))
    halves = np.square(np.diff(values)) / 2
    return _smooth(np.append(halves, halves[-1]), NEIGHBOURS)
