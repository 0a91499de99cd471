"""The reference as a training script sees it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from traingauge.errors import InvalidArgumentError, ShapeError
from traingauge.reference import file
from traingauge.reference.calibration import Calibration, calibrate
from traingauge.reference.profile import Profile, profile
from traingauge.reference.schema import learn
from traingauge.reference.summary import Summary, merged, summarise
from traingauge.reference.tables import as_column

_PARTS = ("features", "labels", "predictions")

#: Bins of labels and predictions: more than of features, so that every class has its own.
TARGET_BINS = 100

#: Rows that wait to be merged into those that are kept.
MERGE_ROWS = 8192


@dataclass(frozen=True, slots=True)
class Reference:
    """A compact profile of training data, which later data is compared with.

    It keeps the edges of each feature's bins and a uniform sample of the rows, at most 20 000, as they are:
    treat its file like the data. References of parts of the data add up to that of the whole.

    Attributes:
        features: The profile of the features.
        labels: That of ``y_true``, one column; ``None`` if it was not given.
        predictions: That of ``y_pred``, one column; ``None`` if it was not given.
        created: Unix time in seconds at which it was made.
        calibration: Thresholds that :meth:`calibrate` found, ``None`` before.

    >>> reference = Reference.from_data([[0, 5], [1, 5], [1, 5]], feature_names=["switch", "constant"])
    >>> reference.names, reference.samples, reference.edges.shape
    (('switch', 'constant'), 3, (2, 3))
    >>> (reference + reference).samples
    6
    """

    features: Profile
    labels: Profile | None
    predictions: Profile | None
    created: float
    calibration: Calibration | None = None

    @classmethod
    def from_data(
        cls,
        features: Any,
        *,
        feature_names: Sequence[str] | None = None,
        categorical: Iterable[str] = (),
        y_true: Any = None,
        y_pred: Any = None,
        first_row: int = 0,
    ) -> Reference:
        """Profile of data that is at hand as a whole.

        Args:
            features: Shape (n, F) or (n, ...), which is flattened; or a DataFrame. NaN and infinite values
                count as missing.
            feature_names: One a feature; by default a DataFrame's columns, else ``f0``, ``f1`` and so on.
            categorical: Names of features whose numbers are categories. Text always is.
            y_true: Labels, shape (n,) or one-hot (n, K), for the drift of the labels.
            y_pred: What the trained model predicts, of the same shapes (labels, probabilities, logits or a
                regression's numbers), for the drift of the predictions.
            first_row: Position of the first row in the whole data, if this is a part of it to be added to
                others. It draws the sample: parts at their true positions add up to exactly the reference of
                the whole.

        Raises:
            InvalidArgumentError: No rows, feature names that do not fit, or too many categories.
            ShapeError: Labels or predictions of another length than the features.
            InvalidTypeError: Neither numbers nor text.
        """
        batches = [(features, y_true, y_pred)]
        return cls._from_parts(batches, feature_names, tuple(categorical), first_row)

    @classmethod
    def from_batches(
        cls,
        batches: Iterable[Any],
        *,
        features: Callable[[Any], Any] | None = None,
        feature_names: Sequence[str] | None = None,
        categorical: Iterable[str] = (),
        first_row: int = 0,
    ) -> Reference:
        """Profile of data that comes in batches, in one pass and in bounded memory.

        Args:
            batches: Any iterable (generator, ``tf.data`` dataset, DataLoader) of features, or of tuples that
                begin with features and labels.
            features: Makes the features of a batch's, for what is no table: images, sequences, embeddings.
            feature_names: As in :meth:`from_data`.
            categorical: As in :meth:`from_data`.
            first_row: As in :meth:`from_data`.

        Raises:
            InvalidArgumentError: No rows, or what :meth:`from_data` refuses in a batch.
        """
        parts = (_split(batch, features) for batch in batches)
        return cls._from_parts(parts, feature_names, tuple(categorical), first_row)

    @classmethod
    def _from_parts(
        cls,
        parts: Iterable[tuple[Any, Any, Any]],
        names: Sequence[str] | None,
        categorical: tuple[str, ...],
        first_row: int,
    ) -> Reference:
        sums = _Sum(), _Sum(), _Sum()
        row = first_row
        for features, y_true, y_pred in parts:
            schema = learn(features, names, categorical)
            whole = summarise(schema, schema.encode(features), row)
            sums[0].add(whole)
            sums[1].add(_target(y_true, "y_true", row, whole.samples))
            sums[2].add(_target(y_pred, "y_pred", row, whole.samples))
            row += whole.samples
        features, labels, predictions = (one.total() for one in sums)
        if features is None or not features.samples or not features.schema.names:
            raise InvalidArgumentError("a reference needs at least one row and one feature")
        return cls._of(features, labels, predictions, time.time())

    @classmethod
    def _of(
        cls, features: Summary, labels: Summary | None, predictions: Summary | None, created: float
    ) -> Reference:
        targets = [None if one is None else profile(one, TARGET_BINS) for one in (labels, predictions)]
        return cls(profile(features), targets[0], targets[1], created)

    def __add__(self, other: Reference) -> Reference:
        """The reference of both parts of the data; bins are cut anew.

        Raises:
            InvalidArgumentError: Other features.
        """
        if not isinstance(other, Reference):
            return NotImplemented
        targets = [
            None if one is None or two is None else one.summary + two.summary
            for one, two in ((self.labels, other.labels), (self.predictions, other.predictions))
        ]
        created = max(self.created, other.created)
        return self._of(self.features.summary + other.features.summary, targets[0], targets[1], created)

    def calibrate(
        self, *, window: int = 1000, false_alarm_rate: float = 0.01, resamples: int = 2000, seed: int = 0
    ) -> Reference:
        """The same reference with thresholds that keep a false-alarm rate, found by resampling its rows.

        See :func:`traingauge.reference.calibration.calibrate`. It takes seconds, and more with many rows and features.

        Args:
            window: Samples in the windows that will be compared with it.
            false_alarm_rate: Probability that any feature of a window without drift is found to have drifted.
            resamples: How many to draw, at least 10 / ``false_alarm_rate``.
            seed: Of the random numbers.

        Raises:
            InvalidArgumentError: Arguments that do not fit.
        """
        return replace(self, calibration=calibrate(self.features, window, false_alarm_rate, resamples, seed))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the features, F in all."""
        return self.features.names

    @property
    def samples(self) -> int:
        """Rows it was made from."""
        return self.features.summary.samples

    @property
    def edges(self) -> NDArray[np.float64]:
        """Edges of the bins, shape (F, E), ascending, padded with +inf.

        ``bin(x) = sum(x > edges[f])`` for finite x, in 0 … E; NaN and infinite values are "missing", E + 1.
        """
        return self.features.edges

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it to a file, whole or not at all; a file that is there is replaced.

        Raises:
            OSError: The file cannot be written.
        """
        profiles = {part: one for part in _PARTS if (one := getattr(self, part)) is not None}
        header: dict[str, Any] = {
            "created": self.created,
            "profiles": {part: one.header() for part, one in profiles.items()},
        }
        arrays = {
            f"{part}.{name}": array for part, one in profiles.items() for name, array in one.arrays().items()
        }
        if self.calibration is not None:
            thresholds = self.calibration.thresholds
            header["calibration"] = {
                "window": self.calibration.window,
                "false_alarm_rate": self.calibration.false_alarm_rate,
                "statistics": list(thresholds),
            }
            arrays |= {f"calibration.{name}": threshold for name, threshold in thresholds.items()}
        file.write(Path(path), header, arrays)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Reference:
        """Read it from a file.

        Raises:
            DamagedFileError: Not a reference, damaged, or written by a newer version.
            OSError: The file cannot be read.
        """
        header, arrays = file.read(Path(path))
        profiles = {
            part: Profile.of(one, {name: arrays[f"{part}.{name}"] for name in Profile.ARRAYS})
            for part, one in header["profiles"].items()
        }
        calibration = header.get("calibration")
        if calibration is not None:
            thresholds = {name: arrays[f"calibration.{name}"] for name in calibration["statistics"]}
            calibration = Calibration(calibration["window"], calibration["false_alarm_rate"], thresholds)
        labels, predictions = profiles.get("labels"), profiles.get("predictions")
        return cls(profiles["features"], labels, predictions, header["created"], calibration)


def _split(batch: Any, features: Callable[[Any], Any] | None) -> tuple[Any, Any, Any]:
    """Features and labels of a batch as data sets give them: bare, or in a tuple with the labels second."""
    whole = batch if isinstance(batch, tuple) else (batch,)
    labels = whole[1] if len(whole) > 1 else None
    return whole[0] if features is None else features(whole[0]), labels, None


def _target(values: Any, what: str, row: int, rows: int) -> Summary | None:
    if values is None:
        return None
    column = as_column(values, what)
    if len(column) != rows:
        raise ShapeError(f"{what} has {len(column)} rows and features {rows}: expected one for each")
    schema = learn(column, (what,), ())
    return summarise(schema, schema.encode(column), row)


class _Sum:
    """Summaries that are added up as they come, many at a time: merging costs a pass over all kept rows."""

    def __init__(self) -> None:
        self._parts: list[Summary] = []
        self._rows = 0

    def add(self, part: Summary | None) -> None:
        if part is None:
            return
        self._parts.append(part)
        self._rows += len(part.rows)
        if self._rows >= MERGE_ROWS:
            self._parts, self._rows = [merged(self._parts)], 0

    def total(self) -> Summary | None:
        return merged(self._parts) if self._parts else None
