"""A window of recent data, and its profile in the reference."""

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

#: PSI above which a feature has drifted, unless a threshold is set.
THRESHOLD = 0.2

#: A score is published once its standard deviation by chance is at most this part of the usual threshold.
CERTAINTY = 1 / 6

#: What is published in addition to the statistics of a calibrated reference: how many times its threshold a feature is
#: at, by whichever of the calibrated statistics finds it furthest off. Above 1 it has drifted.
CALIBRATED_STATISTIC = "calibrated"

#: Part of a calibrated window that has to be full: one that decays only ever comes close to its size.
_WHOLE = 0.99


class DriftWindow:
    """Counts of recent samples, and how far they are from a profile.

    Args:
        profile: What the window is compared with.
        window: Samples in it.
        kind: One of :data:`traingauge.stats.drift.window.WINDOWS`.
        calibration: Thresholds for this size of window.

    Attributes:
        profile: What the window is compared with.
        window: Counts of the recent samples.
        calibration: Thresholds, or ``None``.
        needed: Shape (F,), samples that the window must hold before a feature is scored: from then on, chance alone
            hardly moves its PSI to 0.2. Infinite if the reference itself is too small. All of the window if calibrated.
    """

    def __init__(
        self, profile: Profile, window: int, kind: str, calibration: Calibration | None = None
    ) -> None:
        self.profile = profile
        self.window = WINDOWS[kind](profile.counts.shape, window)
        whole = np.full(len(profile.names), np.ceil(_WHOLE * window))
        self.needed = needed(profile.counts) if calibration is None else whole
        self.calibration = calibration

    def scores(
        self, statistics: Sequence[str]
    ) -> tuple[dict[str, NDArray[np.float64]], dict[str, NDArray[np.float64]]]:
        """Scores, and p-values where they are defined, of every feature by statistic, shape (F,).

        NaN where the window holds too few samples, and where a statistic needs an order that categories do not have. With a
        calibration also the scores of its statistics, and :data:`CALIBRATED_STATISTIC`.
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
        """Share of values that are missing, shape (F,); the window is not empty."""
        return np.asarray(self.window.counts[:, -1] / self.window.samples)

    def out_of_range(self) -> NDArray[np.float64]:
        """Share of values outside of the profile's range, or in a category that it does not have, shape (F,)."""
        counts, above = self.window.counts, self.profile.above
        beyond = counts[np.arange(len(counts)), above] + np.where(above > 0, counts[:, 0], 0)
        return np.asarray(beyond / self.window.samples)


def needed(counts: Array) -> NDArray[np.float64]:
    """Samples from which chance moves the PSI by at most a sixth of the usual threshold, shape (F,).

    Its standard deviation is ``sqrt(2 (B - 1)) (1/n + 1/m)`` with the B bins that the reference's m rows fill, solved
    for n.

    Args:
        counts: Of the reference, shape (F, B).

    >>> needed(np.array([[1000] * 10]))
    array([129.])
    """
    freedom = np.maximum(1, np.count_nonzero(counts, axis=1) - 1)
    room = THRESHOLD * CERTAINTY / np.sqrt(2.0 * freedom) - 1 / counts.sum(axis=1)
    return np.asarray(np.ceil(np.divide(1.0, room, out=np.full(len(counts), np.inf), where=room > 0)))
