"""Drift: how far the features of the last samples are from the reference, and how sound they are."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from traingauge.catalog import CATALOG
from traingauge.drift.binning import Binned, count_bins
from traingauge.drift.psi import chance_psi, psi
from traingauge.drift.shares import reference_shares, window_shares
from traingauge.drift.window import SlidingWindow
from traingauge.errors import InvalidArgumentError, ShapeError, UnknownNameError
from traingauge.families import Family, Key, keys, single
from traingauge.reference import Reference
from traingauge.reference.tables import as_table

#: Features with series of their own at most; those that drifted most are shown.
FEATURE_CAP = 200

#: How much more than a shown feature one must have drifted to take its place.
HYSTERESIS = 1.25

#: PSI above which a feature has drifted, unless a threshold is set.
THRESHOLD = 0.2

#: A score is published once its standard deviation by chance is at most this part of the usual threshold.
CERTAINTY = 1 / 6

_log = logging.getLogger("traingauge")


class Drift:
    """Drift of every feature over a window of the last samples.

    Args:
        reference: What the window is compared with.
        window: Samples in the window, at least 1.
        thresholds: PSI above which a feature counts as drifted: for all, or by feature (the others keep 0.2).

    Attributes:
        needed: Shape (F,), samples that the window must hold before the score of a feature is published: from
            so many on, chance alone hardly reaches 0.2. Infinite if the reference itself is too small.

    >>> drift = Drift(Reference.from_data(np.arange(4000.0).reshape(-1, 1)), window=500)
    >>> drift.add([drift.encode(np.arange(2000.0, 2500.0).reshape(-1, 1))])
    >>> {family.metric.name: family.values for family in drift.families()}["model_features_drifted"]
    (1.0,)
    """

    def __init__(
        self,
        reference: Reference,
        *,
        window: int = 1000,
        thresholds: float | Mapping[str, float] | None = None,
    ) -> None:
        if window < 1:
            raise InvalidArgumentError(f"drift window is {window}: expected at least 1 sample")
        self._reference = reference
        self._profile = reference.features
        self._shares = reference_shares(self._profile.counts, self._profile.used)
        self._window = SlidingWindow(self._profile.counts.shape, window)
        self._thresholds = _by_feature(thresholds, reference.names)
        self._constants = (float(len(reference.names)), float(reference.samples), reference.created)
        self.needed = _needed(self._profile.counts, len(self._profile.summary.rows))
        self._warn_if_too_small(window)
        self._shown = np.arange(min(FEATURE_CAP, len(reference.names)))
        self._name_keys()

    @property
    def dropped(self) -> int:
        """Features without series of their own, because there are more than :data:`FEATURE_CAP`."""
        return len(self._reference.names) - len(self._shown)

    def encode(self, features: Any) -> Binned:
        """Reduce a batch to bin counts of its own; pure, for any thread.

        Args:
            features: Shape (n, F) or (n, ...), which is flattened; a DataFrame, list or tensor. n may be 0.

        Raises:
            ReferenceMismatchError: Not the reference's features.
            ShapeError: A single number.
            InvalidTypeError: Not numbers.
        """
        table = as_table(features, self._reference.names)
        counts = count_bins(table, self._profile.edges)
        return Binned(counts.astype(np.min_scalar_type(len(table))), len(table))

    def from_counts(self, counts: Any, samples: int, missing: Any) -> Binned:
        """A batch whose bins were counted elsewhere.

        Args:
            counts: Shape (F, E + 1), finite values in the bins of ``reference.edges``.
            samples: Rows of the batch.
            missing: Shape (F,), values that were NaN or infinite.

        Raises:
            ShapeError: Other shapes, or counts that do not add up to ``samples`` for every feature.
        """
        counts, missing = np.asarray(counts), np.asarray(missing)
        features, width = self._profile.edges.shape
        if counts.shape != (features, width + 1) or missing.shape != (features,):
            raise ShapeError(
                f"bin counts have shapes {counts.shape} and {missing.shape}: "
                f"expected {(features, width + 1)} and {(features,)}"
            )
        whole = np.column_stack([counts, missing]).astype(np.int64)
        if (whole.sum(axis=1) != samples).any() or (whole < 0).any():
            raise ShapeError(f"bin counts do not add up to {samples} samples for every feature")
        return Binned(whole.astype(np.min_scalar_type(samples)), samples)

    def add(self, binned: Sequence[Binned]) -> None:
        """Add batches in their order; by one thread at a time."""
        for one in binned:
            self._window.add(one)

    def families(self) -> Iterator[Family]:
        """What the window reads; scores only of features for which it holds enough samples."""
        monitored, reference_samples, created = self._constants
        yield single("model_features_monitored", monitored)
        yield single("model_drift_window_samples", float(self._window.samples))
        yield single("model_drift_samples_needed", float(self.needed.max()))
        yield single("model_drift_reference_samples", reference_samples)
        yield single("model_drift_reference_timestamp_seconds", created)
        if not self._window.samples:
            return
        scores = self._scores()
        if np.isfinite(scores).any():
            yield single("model_features_drifted", float(np.count_nonzero(scores > self._thresholds)))
        self._choose(scores)
        yield Family(CATALOG["model_feature_drift"], self._drift_keys, scores[self._shown].tolist())
        for name, ratios in (
            ("model_feature_missing_ratio", self._missing()),
            ("model_feature_out_of_range_ratio", self._out_of_range()),
        ):
            yield Family(CATALOG[name], self._feature_keys, ratios[self._shown].tolist())

    def _scores(self) -> NDArray[np.float64]:
        """PSI of every feature less what chance is expected to add, at least 0; NaN with too few samples."""
        samples, rows = self._window.samples, len(self._profile.summary.rows)
        shares = window_shares(self._profile.fold(self._window.counts), self._shares, self._profile.used)
        scores = np.maximum(0.0, psi(self._shares, shares) - chance_psi(self._shares, samples, rows))
        return np.where(samples >= self.needed, scores, math.nan)

    def _missing(self) -> NDArray[np.float64]:
        return self._window.counts[:, -1] / self._window.samples

    def _out_of_range(self) -> NDArray[np.float64]:
        counts, above = self._window.counts, self._profile.above
        beyond = counts[np.arange(len(counts)), above] + np.where(above > 0, counts[:, 0], 0)
        return np.asarray(beyond / self._window.samples)

    def _choose(self, scores: NDArray[np.float64]) -> None:
        """Show the features that drifted most; a shown one makes way only for one clearly further off."""
        if not self.dropped:
            return
        scores = np.nan_to_num(scores, nan=0.0)
        favoured = scores.copy()
        favoured[self._shown] = favoured[self._shown] * HYSTERESIS + 1e-9
        chosen = np.sort(np.argsort(-favoured, kind="stable")[: len(self._shown)])
        if not np.array_equal(chosen, self._shown):
            self._shown = chosen
            self._name_keys()

    def _name_keys(self) -> None:
        names = [self._reference.names[index] for index in self._shown]
        self._feature_keys: tuple[Key, ...] = keys(*((name,) for name in names))
        self._drift_keys: tuple[Key, ...] = keys(*((name, "psi") for name in names))

    def _warn_if_too_small(self, window: int) -> None:
        short = np.flatnonzero(self.needed > window)
        if len(short):
            _log.warning(
                "drift of %d of %d features (%r first) will never be scored: telling it from chance needs %g "
                "samples in the window, which holds %d, against a reference of %d",
                len(short),
                len(self.needed),
                self._reference.names[short[0]],
                self.needed.max(),
                window,
                self._reference.samples,
            )


def _needed(counts: NDArray[np.int64], rows: int) -> NDArray[np.float64]:
    """Samples from which chance moves the PSI by at most a sixth of the usual threshold, shape (F,).

    Its standard deviation is ``sqrt(2 (B - 1)) (1/n + 1/m)`` with the B bins that the reference's m rows
    fill, solved for n.
    """
    freedom = np.maximum(1, np.count_nonzero(counts, axis=1) - 1)
    room = THRESHOLD * CERTAINTY / np.sqrt(2.0 * freedom) - 1 / rows
    return np.asarray(np.ceil(np.divide(1.0, room, out=np.full(len(counts), np.inf), where=room > 0)))


def _by_feature(thresholds: float | Mapping[str, float] | None, names: Sequence[str]) -> NDArray[np.float64]:
    """Threshold of every feature, shape (F,).

    Raises:
        UnknownNameError: A threshold for a feature that the reference does not have.
    """
    if not isinstance(thresholds, Mapping):
        return np.full(len(names), THRESHOLD if thresholds is None else float(thresholds))
    for name in thresholds:
        if name not in names:
            raise UnknownNameError("feature of a drift threshold", name, names)
    return np.array([thresholds.get(name, THRESHOLD) for name in names], dtype=np.float64)
