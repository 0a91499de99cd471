"""Drift of recent features, labels and predictions from the reference, and the data quality of the features."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from traingauge.catalog import CATALOG
from traingauge.core.collectors.base import Collector
from traingauge.core.collectors.data_quality import DataQuality
from traingauge.core.collectors.distributions import Distributions
from traingauge.core.collectors.drift_window import CALIBRATED_STATISTIC, THRESHOLD, DriftWindow
from traingauge.core.collectors.top_k import top_k
from traingauge.core.events import FeaturesSeen
from traingauge.core.families import Family, Key, keys, single
from traingauge.core.step_batch import StepBatch
from traingauge.core.thresholds import Threshold
from traingauge.errors import ShapeError, UnknownNameError
from traingauge.logs import logger
from traingauge.options import Drift
from traingauge.reference.reference import Reference
from traingauge.reference.tables import as_target_column, column_differences
from traingauge.stats.arrays import Array, as_array
from traingauge.stats.drift.binning import Binned
from traingauge.stats.drift.statistics import STATISTICS

#: Maximum number of features with series of their own; those that drifted most are shown.
FEATURE_CAP = 200

_OTHERS = {
    "labels": "model_label_drift",
    "predictions": "model_prediction_drift",
    "joint": "model_multivariate_drift",
}


class FeatureDrift(Collector):
    """Drift of every feature, of all features together, of labels and of predictions, over a window of recent samples.

    Args:
        settings: The reference, and settings of the window.
        thresholds: PSI above which a feature has drifted, for all features or by feature. By default the calibrated
            thresholds of the reference, or 0.2 if it is not calibrated.

    Raises:
        UnknownNameError: A threshold is for a feature that the reference does not have.

    >>> from traingauge import Reference
    >>> drift = FeatureDrift(Drift(Reference.from_data(np.arange(4000.0).reshape(-1, 1)), window=500))
    >>> drift.add([drift.encode(np.arange(2000.0, 2500.0).reshape(-1, 1))])
    >>> {family.metric.name: family.values for family in drift.families()}["model_features_drifted"]
    (1.0,)
    """

    def __init__(self, settings: Drift, *, thresholds: float | Mapping[str, float] | None = None) -> None:
        reference, window, kind = settings.reference, settings.window_size, settings.kind
        self._statistics = settings.published
        self._reference, self._kind = reference, kind
        found = reference.calibrations if thresholds is None else {}
        self._features = DriftWindow(reference.features, window, kind, found.get("features"))
        self._distributions = Distributions(reference.features, settings.distributions)
        self._others = {
            part: DriftWindow(profile, window, kind, found.get(part))
            for part, profile in reference.profiles.items()
            if part in _OTHERS and (settings.multivariate or part != "joint")
        }
        self._data_quality = DataQuality(self._features, window, kind)
        self._nothing = np.zeros(reference.features.counts.shape, dtype=np.uint8)
        self._every = round(1 / settings.sampling)
        self._thresholds = _by_feature(thresholds, reference.names)
        self._published = (*self._statistics, *((CALIBRATED_STATISTIC,) if found else ()))
        self._tested = tuple(name for name in self._statistics if STATISTICS[name].pvalue is not None)
        self._statistic_keys = keys(*((name,) for name in self._published))
        self._categorical = reference.features.summary.schema.categorical
        self._shown = np.arange(min(FEATURE_CAP, len(reference.names)))
        self._name_keys()
        self._warn_if_too_small(window)
        self.handlers = {FeaturesSeen: self.on_features}

    @property
    def reference(self) -> Reference:
        """What is compared with."""
        return self._reference

    @property
    def every(self) -> int:
        """The rows of a batch are compared in steps of this many."""
        return self._every

    @property
    def target_edges(self) -> dict[str, NDArray[np.float64]]:
        """Edges of labels and predictions, shape (1, E), by part; without categorical ones."""
        return {
            part: other.profile.edges
            for part, other in self._others.items()
            if part != "joint" and not other.profile.summary.schema.categorical.any()
        }

    @property
    def targets(self) -> bool:
        """Whether labels or predictions are compared, which may come without features."""
        return not self._others.keys().isdisjoint(("labels", "predictions"))

    @property
    def dropped(self) -> dict[str, int]:
        """Number of features left out because of :data:`FEATURE_CAP`."""
        return {"feature": len(self._reference.names) - len(self._shown)}

    def on_batch(self, batch: StepBatch) -> None:
        """Add the features of training steps."""
        self.add(batch.binned)

    def on_features(self, event: FeaturesSeen, unix: float) -> None:
        """Add the features of a watched batch."""
        self.add([event.binned])

    @property
    def needed(self) -> NDArray[np.float64]:
        """Number of samples from which a feature is scored, shape (F,); see :attr:`DriftWindow.needed`."""
        return self._features.needed

    def encode(self, features: Any = None, y_true: Any = None, y_pred: Any = None) -> Binned:
        """Reduce a batch to counts; thread-safe, as it changes no state.

        Args:
            features: Shape (n, F), or (n, ...), which is flattened; a DataFrame, list or tensor; images or tokens for a
                reference of these; ``None`` for labels and predictions alone. n may be 0. Absent columns of a DataFrame
                count as missing, and extra ones are ignored.
            y_true: Labels, as in :meth:`Reference.from_data`; ignored if the reference has none.
            y_pred: Predictions, likewise.

        Raises:
            ReferenceMismatchError: The features differ from those of the reference.
            ShapeError: ``features`` is a single number.
            InvalidTypeError: Values are neither numbers nor text.
        """
        columns = self._target_columns(y_true, y_pred)
        if features is None:
            return Binned(self._nothing, 0, self._counted(columns))
        table, absent, extra = self._table(features)
        if self._reference.joint is not None and "joint" in self._others:
            columns["joint"] = self._reference.joint.distances(table)
        counts = self._reference.features.count(table)
        return Binned(counts, len(table), self._counted(columns), _infinite(table, counts), absent, extra)

    def _target_columns(self, y_true: Any, y_pred: Any) -> dict[str, Array]:
        columns = {}
        for part, values in (("labels", y_true), ("predictions", y_pred)):
            if values is not None and part in self._others:
                target = self._others[part].profile
                encoded = target.summary.schema.encode(as_target_column(values, target.names[0]))
                columns[part] = encoded[:: self._every]
        return columns

    def _counted(self, columns: Mapping[str, Array]) -> dict[str, Array]:
        return {part: self._others[part].profile.count(column) for part, column in columns.items()}

    def _table(self, features: Any) -> tuple[Array, tuple[str, ...], tuple[str, ...]]:
        """Encoded rows of the sample, names of absent columns, and names of extra columns."""
        reference = self._reference
        if reference.of != "table":
            features = reference.reduce(as_array(features, "features")[:: self._every])
            return reference.features.summary.schema.encode(features), (), ()
        table = reference.features.summary.schema.encode(features)[:: self._every]
        return table, *column_differences(features, reference.names)

    def thresholds(self) -> dict[str, float]:
        """Calibrated thresholds of the PSI, for the shown features; empty if the reference is not calibrated."""
        calibration = self._features.calibration
        if calibration is None:
            return {}
        values = calibration.thresholds["psi"]
        return {self._reference.names[index]: float(values[index]) for index in self._shown}

    def from_counts(self, counts: Any, samples: int, missing: Any) -> Binned:
        """A batch that was counted elsewhere.

        Args:
            counts: Counts of the finite values in the bins of :attr:`edges`, shape (F, E + 1).
            samples: Number of rows in the batch.
            missing: Number of NaN and infinite values, shape (F,).

        Raises:
            ShapeError: The shapes are wrong, or the counts of a feature do not sum to ``samples``.
        """
        counts, missing = np.asarray(counts), np.asarray(missing)
        features, width = self._reference.edges.shape
        if counts.shape != (features, width + 1) or missing.shape != (features,):
            raise ShapeError(
                f"bin counts have shapes {counts.shape} and {missing.shape}: "
                f"expected {(features, width + 1)} and {(features,)}"
            )
        whole = np.column_stack([counts, missing]).astype(np.int64)
        if (whole.sum(axis=1) != samples).any() or (whole < 0).any():
            raise ShapeError(f"bin counts do not sum to {samples} samples for every feature")
        return Binned(whole.astype(np.min_scalar_type(samples)), samples)

    def add(self, binned: Sequence[Binned]) -> None:
        """Add batches, in order; by one thread at a time."""
        for one in binned:
            self._features.window.add(one.counts, one.samples)
            self._data_quality.add(one)
            for part, counts in one.others.items():
                self._others[part].window.add(counts, int(counts.sum(dtype=np.int64)))

    def save(self) -> dict[str, Any]:
        """The windows and the edges of their bins, as a tree of plain values and arrays."""
        windows = {
            part: [drift_window.profile.edges, drift_window.window.save()]
            for part, drift_window in self._windows().items()
        }
        return {"kind": self._kind, "windows": windows, "infinite": self._data_quality.save()}

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Restore a state from :meth:`save`; windows of another kind, or with other bins, are dropped."""
        if saved["kind"] != self._kind:
            return
        for part, drift_window in self._windows().items():
            edges, window = saved["windows"].get(part, (None, None))
            if np.array_equal(edges, drift_window.profile.edges):
                drift_window.window.restore(window)
                if part == "features":
                    self._data_quality.restore(saved["infinite"])

    def _windows(self) -> dict[str, DriftWindow]:
        return {"features": self._features, **self._others}

    def families(self) -> Iterator[Family]:
        """Metrics of drift and data quality; scores only of features for which the window has enough samples."""
        yield single("model_features_monitored", float(len(self._reference.names)))
        yield single("model_drift_window_samples", float(self._features.window.samples))
        yield single("model_drift_sampling_ratio", 1 / self._every)
        yield single("model_drift_samples_needed", float(self.needed.max()))
        undecided = np.count_nonzero(self.needed > self._features.window.samples)
        yield single("model_features_undecided", float(undecided))
        yield single("model_drift_reference_samples", float(self._reference.samples))
        yield single("model_drift_reference_timestamp_seconds", self._reference.created)
        if self._features.window.samples:
            yield from self._feature_families()
        for part, other in self._others.items():
            if other.window.samples:
                scores, _ = other.scores(self._statistics)
                values = [float(scores[name][0]) for name in self._published]
                yield Family(CATALOG[_OTHERS[part]], self._statistic_keys, values)

    def _feature_families(self) -> Iterator[Family]:
        scores, pvalues = self._features.scores(self._statistics)
        excess = scores.get(CALIBRATED_STATISTIC, scores["psi"] / self._thresholds)
        if np.isfinite(excess).any():
            yield single("model_features_drifted", float(np.count_nonzero(excess > 1)))
        self._choose(excess)
        yield Family(
            CATALOG["model_feature_drift"], self._drift_keys, self._shown_of(self._published, scores)
        )
        yield Family(
            CATALOG["model_feature_drift_pvalue"], self._pvalue_keys, self._shown_of(self._tested, pvalues)
        )
        yield from self._data_quality.families(self._shown, self._feature_keys)
        yield from self._distributions.families(self._features.window.counts, excess)

    def _shown_of(self, statistics: Sequence[str], values: Mapping[str, NDArray[np.float64]]) -> list[float]:
        """Values of the shown features, ordered as in :meth:`_keys_of`."""
        return [value for name in statistics for value in values[name][self._shown_for(name)].tolist()]

    def _shown_for(self, statistic: str) -> NDArray[np.intp]:
        ordered = statistic in STATISTICS and STATISTICS[statistic].ordered
        return self._shown[~self._categorical[self._shown]] if ordered else self._shown

    def _keys_of(self, statistics: Sequence[str]) -> tuple[Key, ...]:
        names = self._reference.names
        return keys(*((names[index], name) for name in statistics for index in self._shown_for(name)))

    def _name_keys(self) -> None:
        self._feature_keys = keys(*((self._reference.names[index],) for index in self._shown))
        self._drift_keys, self._pvalue_keys = self._keys_of(self._published), self._keys_of(self._tested)

    def _choose(self, scores: NDArray[np.float64]) -> None:
        """Select the features that drifted most, with hysteresis."""
        if not self.dropped["feature"]:
            return
        chosen = top_k(scores, self._shown)
        if not np.array_equal(chosen, self._shown):
            self._shown = chosen
            self._name_keys()

    def _warn_if_too_small(self, window: int) -> None:
        short = np.flatnonzero(self.needed > window)
        if not len(short):
            return
        samples, needed = self._reference.samples, self.needed[short].max()
        lacks = f"a reference of more than {samples} samples"
        if np.isfinite(needed):
            lacks = f"{needed:g} samples in the window, but its size is {window}, with a reference of {samples} samples"
        logger.warning(
            "drift of %d of %d features (%r first) will never be scored: distinguishing it from chance needs %s",
            len(short),
            len(self.needed),
            self._reference.names[short[0]],
            lacks,
        )


def feature_drift(settings: Drift, limits: Iterable[Threshold]) -> FeatureDrift:
    """Drift by the settings, with the threshold that was set in code, if there is one."""
    warnings = [one.value for one in limits if (one.metric, one.severity) == ("feature_drift", "warning")]
    return FeatureDrift(settings, thresholds=warnings[0] if warnings else None)


def _infinite(table: Array, counts: Array) -> NDArray[np.int64]:
    """Number of infinite values of every feature, shape (F,); computed only if any value is missing."""
    if table.dtype.kind != "f" or not counts[:, -1].any():
        return np.zeros(len(counts), dtype=np.int64)
    return np.asarray(np.isinf(table).sum(axis=0))


def _by_feature(thresholds: float | Mapping[str, float] | None, names: Sequence[str]) -> NDArray[np.float64]:
    """Threshold of every feature, shape (F,).

    Raises:
        UnknownNameError: A threshold is for a feature that the reference does not have.
    """
    if not isinstance(thresholds, Mapping):
        return np.full(len(names), THRESHOLD if thresholds is None else float(thresholds))
    for name in thresholds:
        if name not in names:
            raise UnknownNameError("feature of a drift threshold", name, names)
    return np.array([thresholds.get(name, THRESHOLD) for name in names], dtype=np.float64)
