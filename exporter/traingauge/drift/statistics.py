"""Every drift statistic by the name that it is published under."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from traingauge.drift.chi2 import chi2, chi2_pvalue, pool_sparse
from traingauge.drift.comparison import Comparison
from traingauge.drift.js import js
from traingauge.drift.ks import ks, ks_pvalue
from traingauge.drift.linf import linf
from traingauge.drift.psi import chance_psi, psi
from traingauge.drift.tv import tv
from traingauge.drift.wasserstein import wasserstein


class Statistic(NamedTuple):
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
STATISTICS: Mapping[str, Statistic] = MappingProxyType(
    {
        "psi": Statistic(lambda comparison: psi(*comparison.smooth), chance=_chance_psi),
        "js": Statistic(lambda comparison: js(*comparison.plain)),
        "ks": Statistic(lambda comparison: ks(*comparison.present), _ks_pvalue, ordered=True),
        "wasserstein": Statistic(
            lambda comparison: wasserstein(*comparison.present, comparison.positions), ordered=True
        ),
        "chi2": Statistic(
            lambda comparison: chi2(*pool_sparse(comparison.reference, comparison.window)), _chi2_pvalue
        ),
        "tv": Statistic(lambda comparison: tv(*comparison.plain)),
        "linf": Statistic(lambda comparison: linf(*comparison.plain)),
    }
)
