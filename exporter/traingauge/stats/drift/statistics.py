"""Every drift statistic by the name that it is published under."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from traingauge.stats.drift.chi2 import chi2, chi2_pvalue, pool_sparse
from traingauge.stats.drift.comparison import Comparison
from traingauge.stats.drift.js import js
from traingauge.stats.drift.ks import ks, ks_pvalue
from traingauge.stats.drift.linf import linf
from traingauge.stats.drift.psi import chance_psi, psi
from traingauge.stats.drift.tv import tv
from traingauge.stats.drift.wasserstein import wasserstein


class DriftStatistic(NamedTuple):
    """How far a window is from a reference.

    Attributes:
        distance: Of every feature, shape (..., F); NaN where it is undefined.
        pvalue: Probability of at least that distance by chance, from the comparison and the distance; ``None`` if
            no distribution is known.
        chance: What chance is expected to add to the distance, which is taken off its score; ``None`` if it is not.
        ordered: Whether it needs bins in an order: it is undefined for categories.
    """

    distance: Callable[[Comparison], NDArray[np.float64]]
    pvalue: Callable[[Comparison, NDArray[np.float64]], NDArray[np.float64]] | None = None
    chance: Callable[[Comparison], NDArray[np.float64]] | None = None
    ordered: bool = False

    def score(self, comparison: Comparison) -> NDArray[np.float64]:
        """What is published, shape (..., F): the distance, less what chance is expected to add."""
        return self.less_chance(self.distance(comparison), comparison)

    def less_chance(self, distance: NDArray[np.float64], comparison: Comparison) -> NDArray[np.float64]:
        """A distance less what chance is expected to add to it, at least 0: so windows of all sizes can be compared."""
        return distance if self.chance is None else np.maximum(0.0, distance - self.chance(comparison))


def _chance_psi(comparison: Comparison) -> NDArray[np.float64]:
    reference, _ = comparison.smooth
    return chance_psi(reference, comparison.used, comparison.samples, comparison.reference_samples)


def _chi2_pvalue(comparison: Comparison, distance: NDArray[np.float64]) -> NDArray[np.float64]:
    return chi2_pvalue(distance, *pool_sparse(comparison.reference, comparison.window))


def _ks_pvalue(comparison: Comparison, distance: NDArray[np.float64]) -> NDArray[np.float64]:
    reference_samples, samples = comparison.present_samples
    return ks_pvalue(distance, samples, reference_samples)


#: Every statistic; another one is a file of its own, its test, and a line here.
STATISTICS: Mapping[str, DriftStatistic] = MappingProxyType(
    {
        "psi": DriftStatistic(lambda comparison: psi(*comparison.smooth), chance=_chance_psi),
        "js": DriftStatistic(lambda comparison: js(*comparison.plain)),
        "ks": DriftStatistic(lambda comparison: ks(*comparison.present), _ks_pvalue, ordered=True),
        "wasserstein": DriftStatistic(
            lambda comparison: wasserstein(*comparison.present, comparison.positions), ordered=True
        ),
        "chi2": DriftStatistic(
            lambda comparison: chi2(*pool_sparse(comparison.reference, comparison.window)), _chi2_pvalue
        ),
        "tv": DriftStatistic(lambda comparison: tv(*comparison.plain)),
        "linf": DriftStatistic(lambda comparison: linf(*comparison.plain)),
    }
)
