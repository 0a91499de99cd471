"""A window of recent data, compared with its profile in the reference."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from traingauge.reference.calibration import Calibration
from traingauge.reference.profile import Profile
from traingauge.stats.arrays import Array
from traingauge.stats.drift.statistics import STATISTICS
from traingauge.stats.drift.window import WINDOWS

#: Default threshold of the PSI above which a feature has drifted.
THRESHOLD = 0.2

#: A score is published once its standard deviation without drift is at most this share of the default threshold.
CERTAINTY = 1 / 6

#: Statistic of a calibrated reference: the largest ratio of a feature's scores to their calibrated thresholds. Above 1 the
#: feature has drifted.
CALIBRATED_STATISTIC = "calibrated"

#: Share of a calibrated window that must be filled; a decaying window only converges to its size.
_FULL = 0.99


class DriftWindow:
    """Counts of recent samples, and their distance from a profile.

    Args:
        profile: Profile in the reference.
        window: Number of samples in the window.
        kind: One of :data:`traingauge.stats.drift.window.WINDOWS`.
        calibration: Thresholds for this window size; ``None`` if the reference is not calibrated.

    Attributes:
        profile: Profile in the reference.
        window: Counts of the recent samples.
        calibration: Calibrated thresholds, or ``None``.
        needed: Number of samples from which a feature is scored, shape (F,), see :func:`samples_needed`. Infinite if the
            reference is too small; with a calibration, the whole window.
    """

    def __init__(
        self, profile: Profile, window: int, kind: str, calibration: Calibration | None = None
    ) -> None:
        self.profile = profile
        self.window = WINDOWS[kind](profile.counts.shape, window)
        full = np.full(len(profile.names), np.ceil(_FULL * window))
        self.needed = samples_needed(profile.counts) if calibration is None else full
        self.calibration = calibration

    def scores(
        self, statistics: Sequence[str]
    ) -> tuple[dict[str, NDArray[np.float64]], dict[str, NDArray[np.float64]]]:
        """Scores and p-values of every feature, by statistic, each of shape (F,); p-values only of statistics that have one.

        NaN while the window has too few samples, and for ordered statistics of categorical features. With a calibration,
        also the scores of its statistics, and :data:`CALIBRATED_STATISTIC`.
        """
        comparison = self.profile.compare(self.window.counts)
        few = self.window.samples < self.needed
        unordered = few | self.profile.summary.schema.categorical
        calibrated = () if self.calibration is None else tuple(self.calibration.thresholds)
        scores, pvalues = {}, {}
        for name in dict.fromkeys((*statistics, *calibrated)):
            statistic = STATISTICS[name]
            undefined = unordered if statistic.ordered else few
            distance = statistic.distance(comparison)
            if statistic.pvalue is not None:
                pvalues[name] = np.where(undefined, math.nan, statistic.pvalue(comparison, distance))
            scores[name] = np.where(undefined, math.nan, statistic.debiased(distance, comparison))
        if self.calibration is not None:
            scores[CALIBRATED_STATISTIC] = self.calibration.excess(scores)
        return scores, pvalues

    def missing(self) -> NDArray[np.float64]:
        """Share of missing values, shape (F,); the window must not be empty."""
        return np.asarray(self.window.counts[:, -1] / self.window.samples)

    def out_of_range(self) -> NDArray[np.float64]:
        """Share of values outside the range of the profile, or in a category that it does not have, shape (F,)."""
        counts, above = self.window.counts, self.profile.above
        beyond = counts[np.arange(len(counts)), above] + np.where(above > 0, counts[:, 0], 0)
        return np.asarray(beyond / self.window.samples)


def samples_needed(counts: Array) -> NDArray[np.float64]:
    """Number of samples n at which the standard deviation of the PSI without drift is a sixth of the default threshold.

    The standard deviation is ``sqrt(2 (B - 1)) (1/n + 1/m)``, where the m rows of the reference fill B bins.

    Args:
        counts: Counts of the reference, shape (F, B).

    Returns:
        Shape (F,); infinite if the reference is too small.

    >>> samples_needed(np.array([[1000] * 10]))
    array([129.])
    """
    freedom = np.maximum(1, np.count_nonzero(counts, axis=1) - 1)
    room = THRESHOLD * CERTAINTY / np.sqrt(2.0 * freedom) - 1 / counts.sum(axis=1)
    return np.asarray(np.ceil(np.divide(1.0, room, out=np.full(len(counts), np.inf), where=room > 0)))
