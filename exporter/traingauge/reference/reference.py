"""The reference: a profile of the training data."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from traingauge import validation
from traingauge.archive import Archive
from traingauge.errors import InvalidArgumentError, InvalidTypeError, ShapeError, shown
from traingauge.reference.calibration import Calibration, calibrate
from traingauge.reference.joint import JointDistance, fit_joint_distance
from traingauge.reference.profile import BINS, Profile, build_profile
from traingauge.reference.schema import learn_schema
from traingauge.reference.summary import Summary, merge_summaries, summarise
from traingauge.reference.tables import as_target_column, split_batch
from traingauge.stats.arrays import Array, as_array
from traingauge.stats.drift.extractors import EXTRACTORS

FILE = Archive("traingauge-reference", 1, "reference")

#: The parts of a reference, each with a profile: features, labels, predictions, and joint distances of the features.
PARTS = ("features", "labels", "predictions", "joint")

_GIVEN = PARTS[:3]
_KINDS = ("table", *EXTRACTORS)

#: Number of bins of labels and predictions: more than of features, so that every class has its own.
TARGET_BINS = 100

#: Number of pending rows at which they are merged into the kept ones.
MERGE_ROWS = 8192


@dataclass(frozen=True, slots=True, repr=False)
class Reference:
    """A compact profile of training data, with which later data is compared.

    It holds the edges of each feature's bins and a uniform sample of at most 20 000 rows. The rows are stored as they are:
    protect its file like the data itself. The sum of the references of parts of the data is the reference of the whole.

    Attributes:
        profiles: Profiles by part, one of :data:`PARTS`: ``features``; ``labels`` and ``predictions``, one column each, if
            they were given; ``joint``, if there are enough numeric features to compare together.
        joint: Joint distance of the numeric features; ``None`` if there are too few features or rows.
        created: Unix time of its creation, in seconds.
        of: Kind of data: ``table``, or a key of :data:`traingauge.stats.drift.extractors.EXTRACTORS`.
        calibrations: Calibrated thresholds by part; empty before :meth:`calibrate`.

    >>> reference = Reference.from_data([[0, 5], [1, 5], [1, 5]], feature_names=["switch", "constant"])
    >>> reference.names, reference.samples, reference.edges.shape
    (('switch', 'constant'), 3, (2, 3))
    >>> reference + reference
    <Reference of 6 samples, 2 features>
    """

    profiles: Mapping[str, Profile]
    joint: JointDistance | None
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
        """Create a reference from a data set that is in memory.

        Args:
            features: Shape (n, F), or (n, ...), which is flattened; or a DataFrame. NaN and infinite values count as
                missing.
            of: Kind of data. ``images`` and ``tokens`` are reduced to a few features per image or sequence: see
                :func:`traingauge.stats.drift.images.image_features` and
                :func:`traingauge.stats.drift.tokens.token_features`. Data compared with the reference is reduced in the same
                way.
            feature_names: Name of each feature. By default the columns of a DataFrame, the names of the features of images
                and tokens, or ``f0``, ``f1`` and so on.
            categorical: Names of numeric features that are categories. Text always is.
            y_true: Labels, shape (n,) or one-hot (n, K), to measure the drift of labels.
            y_pred: Predictions of the trained model, of the same shapes (labels, probabilities, logits or quantities), to
                measure the drift of predictions.
            first_row: Position of the first row in the whole data set, if this is a part of it. The position decides which
                rows are sampled, so the sum over parts at their true positions is exactly the reference of the whole.

        Raises:
            InvalidArgumentError: No rows, invalid feature names, or too many categories.
            ShapeError: Labels or predictions differ in length from the features, or the shape is not that of images or
                tokens.
            InvalidTypeError: Values are neither numbers nor text.
            UnknownNameError: The kind of data, or a categorical feature, is unknown.
        """
        batches = [(features, y_true, y_pred)]
        return cls._from_parts(batches, of, feature_names, categorical, first_row)

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
        """Create a reference from batches, in one pass and in bounded memory.

        Args:
            batches: Iterable (generator, ``tf.data`` dataset, DataLoader) of features, or of tuples that begin with features
                and labels.
            of: As in :meth:`from_data`.
            features: Function that maps the features of a batch to those that are compared, such as embeddings. Apply it
                also to the data that is compared with the reference.
            feature_names: As in :meth:`from_data`.
            categorical: As in :meth:`from_data`.
            first_row: As in :meth:`from_data`.

        Raises:
            TrainGaugeError: No rows, or a batch for which :meth:`from_data` raises.
        """
        if features is not None:
            validation.function("features", features)
        try:
            source = iter(batches)
        except TypeError:
            raise InvalidTypeError(
                f"batches is a {type(batches).__name__}: expected an iterable, such as a DataLoader"
            ) from None
        parts = (
            (first if features is None else features(first), labels, None)
            for first, labels in map(split_batch, source)
        )
        return cls._from_parts(parts, of, feature_names, categorical, first_row)

    @classmethod
    @np.errstate(all="ignore")  # whatever the script set
    def _from_parts(
        cls,
        parts: Iterable[tuple[Any, Any, Any]],
        of: str,
        names: Sequence[str] | None,
        categorical: Iterable[str],
        first_row: int,
    ) -> Reference:
        validation.choice("kind of data", of, _KINDS)
        names = None if names is None else validation.names("feature_names", names)
        categorical = validation.names("categorical", categorical)
        first_row = validation.count("first_row", first_row, least=0, most=validation.MOST_COUNTED)
        sums = {part: _Sum() for part in _GIVEN}
        row = first_row
        for given, y_true, y_pred in parts:
            features, named = _reduced(given, of, names)
            schema = learn_schema(features, named, categorical)
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
            part: build_profile(one, BINS if part == "features" else TARGET_BINS)
            for part, one in summaries.items()
        }
        together = fit_joint_distance(summaries["features"])
        if together is None:
            return cls(profiles, None, created, of)
        joint, distances = together
        return cls(profiles | {"joint": build_profile(distances)}, joint, created, of)

    @np.errstate(all="ignore")  # whatever the script set
    def __add__(self, other: Reference) -> Reference:
        """The reference of both parts of the data, with new bins and without calibrated thresholds.

        Raises:
            InvalidArgumentError: The features or the kinds of data differ.
        """
        if not isinstance(other, Reference):
            return NotImplemented
        if self.of != other.of:
            raise InvalidArgumentError(f"cannot add references of {self.of} and of {other.of}")
        both = (part for part in _GIVEN if part in self.profiles and part in other.profiles)
        summaries = {part: self.profiles[part].summary + other.profiles[part].summary for part in both}
        return self._of(summaries, max(self.created, other.created), self.of)

    @np.errstate(all="ignore")  # whatever the script set
    def calibrate(
        self, *, window: int = 1000, false_alarm_rate: float = 0.01, resamples: int = 2000, seed: int = 0
    ) -> Reference:
        """A copy with thresholds that keep a false-alarm rate, estimated by resampling the kept rows.

        See :func:`traingauge.reference.calibration.calibrate`. It takes seconds, longer for many rows and features.

        Args:
            window: Number of samples in the windows that will be compared with the reference.
            false_alarm_rate: Probability that at least one feature of a window without drift exceeds a threshold. It applies
                separately to the features, the labels, the predictions and the joint distance.
            resamples: Number of resamples, at least 10 / ``false_alarm_rate``.
            seed: Seed of the random numbers.

        Raises:
            InvalidArgumentError: An argument is out of range.
        """
        calibrations = {
            part: calibrate(one, window, false_alarm_rate, resamples, seed)
            for part, one in self.profiles.items()
        }
        return replace(self, calibrations=calibrations)

    @np.errstate(all="ignore")  # whatever the script set
    def reduce(self, samples: Any) -> Array:
        """Reduce images or token ids to the features of the reference, shape (n, F).

        Raises:
            ShapeError: The shape is not that of images or tokens.
            InvalidTypeError: They hold text.
        """
        return as_array(_reduced(samples, self.of, self.names)[0], "samples")

    def __repr__(self) -> str:
        return f"<Reference of {self.samples} samples, {len(self.names)} features>"

    @property
    def features(self) -> Profile:
        """The profile of the features."""
        return self.profiles["features"]

    @property
    def calibration(self) -> Calibration | None:
        """Calibrated thresholds of the features; ``None`` before :meth:`calibrate`."""
        return self.calibrations.get("features")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the F features."""
        return self.features.names

    @property
    def samples(self) -> int:
        """Number of rows that the reference was created from."""
        return self.features.summary.samples

    @property
    def edges(self) -> NDArray[np.float64]:
        """Edges of the bins, shape (F, E), ascending, padded with +inf.

        ``bin(x) = sum(x > edges[f])`` for finite x, in 0 … E; NaN and infinite values are "missing", E + 1.
        """
        return self.features.edges

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the reference to a file, atomically; an existing file is replaced.

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
        FILE.write(validation.path("path", path), header, arrays)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Reference:
        """Read a reference from a file.

        Raises:
            DamagedFileError: The file is not a reference, is damaged, or was written by a newer version.
            OSError: The file cannot be read.
        """
        return FILE.load(validation.path("path", path), cls._restored)

    @classmethod
    @np.errstate(all="ignore")  # whatever the script set
    def _restored(cls, header: Mapping[str, Any], arrays: Mapping[str, Array]) -> Reference:
        groups: dict[str, dict[str, Array]] = {}
        for name, array in arrays.items():
            group, _, rest = name.partition(".")
            groups.setdefault(group, {})[rest] = array
        profiles = {
            validation.choice("part", part, PARTS): Profile.restored(one, groups[part])
            for part, one in header["profiles"].items()
        }
        found = {
            part: Calibration.restored(one, groups[part], len(profiles[part].names))
            for part, one in header["calibrations"].items()
        }
        features = len(profiles["features"].names)
        joint = JointDistance.restored(groups["together"], features) if "together" in groups else None
        if (joint is None) != ("joint" not in profiles):
            raise InvalidArgumentError("a joint distance needs its profile: expected both or neither")
        created = validation.number("created", header["created"])
        return cls(profiles, joint, created, validation.choice("kind of data", header["of"], _KINDS), found)


def _reduced(features: Any, of: str, names: Sequence[str] | None) -> tuple[Any, Sequence[str] | None]:
    """Features as a table, and their names; ``None`` for the default names."""
    if of == "table":
        return features, names
    samples = as_array(features, "features")
    if samples.dtype.kind == "U":
        raise InvalidTypeError(f"{of} hold text such as {shown(samples.flat[:1].tolist())}: expected numbers")
    if not samples.ndim:
        raise ShapeError(f"{of} are a single number: expected shape (n, …)")
    return EXTRACTORS[of].extract(samples), EXTRACTORS[of].names(samples.shape) if names is None else names


def _target(values: Any, what: str, row: int, rows: int) -> Summary | None:
    if values is None:
        return None
    column = as_target_column(values, what)
    if len(column) != rows:
        raise ShapeError(f"{what} has {len(column)} rows and features have {rows}: expected equal numbers")
    schema = learn_schema(column, (what,), ())
    return summarise(schema, schema.encode(column), row)


class _Sum:
    """Sum of summaries. They are merged many at a time, as each merge costs a pass over all kept rows."""

    def __init__(self) -> None:
        self._parts: list[Summary] = []
        self._rows = 0

    def add(self, part: Summary | None) -> None:
        if part is None:
            return
        self._parts.append(part)
        self._rows += len(part.rows)
        if self._rows >= MERGE_ROWS:
            self._parts, self._rows = [merge_summaries(self._parts)], 0

    def total(self) -> Summary | None:
        return merge_summaries(self._parts) if self._parts else None
