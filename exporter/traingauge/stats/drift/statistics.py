"""Every drift statistic, by the name under which it is published."""

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
from traingauge.stats.drift.psi import psi, psi_bias
from traingauge.stats.drift.tv import tv
from traingauge.stats.drift.wasserstein import wasserstein


class DriftStatistic(NamedTuple):
    """A measure of the distance between a window and a reference.

    Attributes:
        distance: Distance of every feature, shape (..., F); NaN where undefined.
        pvalue: P-value of a distance; ``None`` if the distribution without drift is not known.
        bias: Expected distance without drift, which is subtracted from the score; ``None`` to subtract nothing.
        ordered: Whether it needs ordered bins, and is thus undefined for categorical features.

    >>> counts = np.array([[50, 50, 0]]), np.array([[60, 40, 0]])
    >>> comparison = Comparison(*counts, prior=np.full((1, 3), 0.5), positions=np.array([[0.0, 1.0]]))
    >>> STATISTICS["tv"].score(comparison), STATISTICS["chi2"].pvalue(comparison, np.array([2.0202])).round(4)
    (array([0.1]), array([0.1552]))
    """

    distance: Callable[[Comparison], NDArray[np.float64]]
    pvalue: Callable[[Comparison, NDArray[np.float64]], NDArray[np.float64]] | None = None
    bias: Callable[[Comparison], NDArray[np.float64]] | None = None
    ordered: bool = False

    def score(self, comparison: Comparison) -> NDArray[np.float64]:
        """The published score, shape (..., F): the distance minus its bias."""
        return self.debiased(self.distance(comparison), comparison)

    def debiased(self, distance: NDArray[np.float64], comparison: Comparison) -> NDArray[np.float64]:
        """A distance minus its bias, at least 0, so that windows of different sizes are comparable."""
        return distance if self.bias is None else np.maximum(0.0, distance - self.bias(comparison))


def _psi_bias(comparison: Comparison) -> NDArray[np.float64]:
    reference, _ = comparison.smooth
    return psi_bias(reference, comparison.used, comparison.samples, comparison.reference_samples)


def _chi2_pvalue(comparison: Comparison, distance: NDArray[np.float64]) -> NDArray[np.float64]:
    return chi2_pvalue(distance, *pool_sparse(comparison.reference, comparison.window))


def _ks_pvalue(comparison: Comparison, distance: NDArray[np.float64]) -> NDArray[np.float64]:
    reference_samples, samples = comparison.present_samples
    return ks_pvalue(distance, samples, reference_samples)


#: Every statistic by name. To add one, write a file and its test, and add a line here.
STATISTICS: Mapping[str, DriftStatistic] = MappingProxyType(
    {
        "psi": DriftStatistic(lambda comparison: psi(*comparison.smooth), bias=_psi_bias),
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
