"""The reference as a training script sees it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from traingauge.errors import InvalidArgumentError, ShapeError, UnknownNameError
from traingauge.reference import file
from traingauge.reference.calibration import Calibration, calibrate
from traingauge.reference.joint import Joint, fit
from traingauge.reference.profile import BINS, Profile, profile
from traingauge.reference.schema import learn
from traingauge.reference.summary import Summary, merged, summarise
from traingauge.reference.tables import as_column, batch_parts
from traingauge.stats.arrays import Array, as_array
from traingauge.stats.drift.extractors import EXTRACTORS

#: What is compared: the features, the labels, the predictions, and the distances of rows by ``Joint``.
PARTS = ("features", "labels", "predictions", "joint")

_GIVEN = PARTS[:3]

#: Bins of labels and predictions: more than of features, so that every class has its own.
TARGET_BINS = 100

#: Rows that wait to be merged into those that are kept.
MERGE_ROWS = 8192


@dataclass(frozen=True, slots=True, repr=False)
class Reference:
    """A compact profile of training data, which later data is compared with.

    It keeps the edges of each feature's bins and a uniform sample of the rows, at most 20 000, as they are:
    treat its file like the data. References of parts of the data add up to that of the whole.

    Attributes:
        profiles: By part, of :data:`PARTS`: that of ``features``; of ``labels`` and ``predictions`` (one column each), if
            they were given; of ``joint``, if there are features of numbers to look at together.
        joint: How the features go together, or ``None``.
        created: Unix time in seconds at which it was made.
        of: What the features are made of: ``table``, or one of :data:`traingauge.stats.drift.extractors.EXTRACTORS`.
        calibrations: By part, the thresholds that :meth:`calibrate` found; empty before.

    >>> reference = Reference.from_data([[0, 5], [1, 5], [1, 5]], feature_names=["switch", "constant"])
    >>> reference.names, reference.samples, reference.edges.shape
    (('switch', 'constant'), 3, (2, 3))
    >>> reference + reference
    <Reference of 6 samples, 2 features>
    """

    profiles: Mapping[str, Profile]
    joint: Joint | None
    created: float
    of: str = "table"
    calibrations: Mapping[str, Calibration] = field(default_factory=dict)

    @classmethod
    def from_data(
        cls,
        features: Any,
        *,
        of: str = "table",
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
            of: ``images`` or ``tokens`` to compare a few numbers of each image or sequence of token ids instead of every
                pixel and place: see :func:`traingauge.stats.drift.images.image_features` and
                :func:`traingauge.stats.drift.tokens.token_features`. What is compared with it is reduced alike.
            feature_names: One a feature; by default a DataFrame's columns, those of the numbers of images and tokens, else
                ``f0``, ``f1`` and so on.
            categorical: Names of features whose numbers are categories. Text always is.
            y_true: Labels, shape (n,) or one-hot (n, K), for the drift of the labels.
            y_pred: What the trained model predicts, of the same shapes (labels, probabilities, logits or a
                regression's numbers), for the drift of the predictions.
            first_row: Position of the first row in the whole data, if this is a part of it to be added to
                others. It draws the sample: parts at their true positions add up to exactly the reference of
                the whole.

        Raises:
            InvalidArgumentError: No rows, feature names that do not fit, or too many categories.
            ShapeError: Labels or predictions of another length than the features; no images or tokens.
            InvalidTypeError: Neither numbers nor text.
            UnknownNameError: Made of something unknown.
        """
        batches = [(features, y_true, y_pred)]
        return cls._from_parts(batches, of, feature_names, tuple(categorical), first_row)

    @classmethod
    def from_batches(
        cls,
        batches: Iterable[Any],
        *,
        of: str = "table",
        features: Callable[[Any], Any] | None = None,
        feature_names: Sequence[str] | None = None,
        categorical: Iterable[str] = (),
        first_row: int = 0,
    ) -> Reference:
        """Profile of data that comes in batches, in one pass and in bounded memory.

        Args:
            batches: Any iterable (generator, ``tf.data`` dataset, DataLoader) of features, or of tuples that
                begin with features and labels.
            of: As in :meth:`from_data`.
            features: Makes the features of a batch's, for what is no table: embeddings, or numbers of your own of images
                and sequences. It has to be applied to what is compared as well.
            feature_names: As in :meth:`from_data`.
            categorical: As in :meth:`from_data`.
            first_row: As in :meth:`from_data`.

        Raises:
            InvalidArgumentError: No rows, or what :meth:`from_data` refuses in a batch.
        """
        parts = (
            (first if features is None else features(first), labels, None)
            for first, labels in map(batch_parts, batches)
        )
        return cls._from_parts(parts, of, feature_names, tuple(categorical), first_row)

    @classmethod
    def _from_parts(
        cls,
        parts: Iterable[tuple[Any, Any, Any]],
        of: str,
        names: Sequence[str] | None,
        categorical: tuple[str, ...],
        first_row: int,
    ) -> Reference:
        sums = {part: _Sum() for part in _GIVEN}
        row = first_row
        for given, y_true, y_pred in parts:
            features, named = _reduced(given, of, names)
            schema = learn(features, named, categorical)
            whole = summarise(schema, schema.encode(features), row)
            sums["features"].add(whole)
            sums["labels"].add(_target(y_true, "y_true", row, whole.samples))
            sums["predictions"].add(_target(y_pred, "y_pred", row, whole.samples))
            row += whole.samples
        totals = {part: total for part, one in sums.items() if (total := one.total()) is not None}
        if "features" not in totals or not totals["features"].samples or not totals["features"].schema.names:
            raise InvalidArgumentError("a reference needs at least one row and one feature")
        return cls._of(totals, time.time(), of)

    @classmethod
    def _of(cls, summaries: Mapping[str, Summary], created: float, of: str) -> Reference:
        profiles = {
            part: profile(one, BINS if part == "features" else TARGET_BINS) for part, one in summaries.items()
        }
        together = fit(summaries["features"])
        if together is None:
            return cls(profiles, None, created, of)
        joint, distances = together
        return cls(profiles | {"joint": profile(distances)}, joint, created, of)

    def __add__(self, other: Reference) -> Reference:
        """The reference of both parts of the data; bins are cut anew, and thresholds have to be calibrated anew.

        Raises:
            InvalidArgumentError: Other features.
        """
        if not isinstance(other, Reference):
            return NotImplemented
        if self.of != other.of:
            raise InvalidArgumentError(f"references of {self.of} and of {other.of} do not add up")
        both = (part for part in _GIVEN if part in self.profiles and part in other.profiles)
        summaries = {part: self.profiles[part].summary + other.profiles[part].summary for part in both}
        return self._of(summaries, max(self.created, other.created), self.of)

    def calibrate(
        self, *, window: int = 1000, false_alarm_rate: float = 0.01, resamples: int = 2000, seed: int = 0
    ) -> Reference:
        """The same reference with thresholds that keep a false-alarm rate, found by resampling its rows.

        See :func:`traingauge.reference.calibration.calibrate`. It takes seconds, and more with many rows and features.

        Args:
            window: Samples in the windows that will be compared with it.
            false_alarm_rate: Probability that any feature of a window without drift is found to have drifted; the same
                again for labels, predictions, and the features together.
            resamples: How many to draw, at least 10 / ``false_alarm_rate``.
            seed: Of the random numbers.

        Raises:
            InvalidArgumentError: Arguments that do not fit.
        """
        calibrations = {
            part: calibrate(one, window, false_alarm_rate, resamples, seed)
            for part, one in self.profiles.items()
        }
        return replace(self, calibrations=calibrations)

    def reduce(self, samples: Any) -> Array:
        """The table of images or sequences of tokens, shape (n, F), for a reference that was made of such.

        Raises:
            ShapeError: Samples of another shape.
        """
        return np.asarray(_reduced(samples, self.of, self.names)[0])

    def __repr__(self) -> str:
        return f"<Reference of {self.samples} samples, {len(self.names)} features>"

    @property
    def features(self) -> Profile:
        """The profile of the features."""
        return self.profiles["features"]

    @property
    def calibration(self) -> Calibration | None:
        """The thresholds of the features, ``None`` before :meth:`calibrate`."""
        return self.calibrations.get("features")

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
        header: dict[str, Any] = {"created": self.created, "of": self.of, "profiles": {}, "calibrations": {}}
        arrays: dict[str, Array] = {}
        for part, one in self.profiles.items():
            header["profiles"][part] = one.header()
            arrays |= {f"{part}.{name}": array for name, array in one.arrays().items()}
        for part, found in self.calibrations.items():
            header["calibrations"][part] = found.header()
            arrays |= {f"{part}.thresholds.{name}": array for name, array in found.thresholds.items()}
        if self.joint is not None:
            arrays |= {f"together.{name}": array for name, array in self.joint.arrays().items()}
        file.write(Path(path), header, arrays)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Reference:
        """Read it from a file.

        Raises:
            DamagedFileError: Not a reference, damaged, or written by a newer version.
            OSError: The file cannot be read.
        """
        header, arrays = file.read(Path(path))
        groups: dict[str, dict[str, Array]] = {}
        for name, array in arrays.items():
            group, _, rest = name.partition(".")
            groups.setdefault(group, {})[rest] = array
        profiles = {part: Profile.of(one, groups[part]) for part, one in header["profiles"].items()}
        found = {part: Calibration.of(one, groups[part]) for part, one in header["calibrations"].items()}
        joint = Joint.of(groups["together"]) if "together" in groups else None
        return cls(profiles, joint, header["created"], header["of"], found)


def _reduced(features: Any, of: str, names: Sequence[str] | None) -> tuple[Any, Sequence[str] | None]:
    """Features as a table, and their names."""
    if of == "table":
        return features, names
    if of not in EXTRACTORS:
        raise UnknownNameError("kind of data", of, ("table", *EXTRACTORS))
    samples = as_array(features, "features")
    return EXTRACTORS[of].extract(samples), EXTRACTORS[of].names(samples.shape) if names is None else names


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
