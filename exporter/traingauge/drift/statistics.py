"""Every drift statistic by the name that it is published under."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from traingauge.drift.chi2 import chi2, chi2_pvalue
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
        pvalue: Probability of at least that distance by chance, from the comparison and the distance;
            ``None`` if no distribution is known.
        ordered: Whether it needs bins in an order: it is undefined for categories.
    """

    distance: Callable[[Comparison], NDArray[np.float64]]
    pvalue: Callable[[Comparison, NDArray[np.float64]], NDArray[np.float64]] | None = None
    ordered: bool = False


def _psi(comparison: Comparison) -> NDArray[np.float64]:
    """The PSI less what chance is expected to add, at least 0: so that windows of all sizes can be compared."""
    reference, window = comparison.smooth
    chance = chance_psi(reference, comparison.used, comparison.samples, comparison.reference_samples)
    return np.maximum(0.0, psi(reference, window) - chance)


def _ks_pvalue(comparison: Comparison, distance: NDArray[np.float64]) -> NDArray[np.float64]:
    reference_samples, samples = comparison.present_samples
    return ks_pvalue(distance, samples, reference_samples)


#: Every statistic; another one is a file of its own, its test, and a line here.
STATISTICS: Mapping[str, Statistic] = MappingProxyType(
    {
        "psi": Statistic(_psi),
        "js": Statistic(lambda comparison: js(*comparison.plain)),
        "ks": Statistic(lambda comparison: ks(*comparison.present), _ks_pvalue, ordered=True),
        "wasserstein": Statistic(
            lambda comparison: wasserstein(*comparison.present, comparison.positions), ordered=True
        ),
        "chi2": Statistic(
            lambda comparison: chi2(comparison.reference, comparison.window),
            lambda comparison, distance: chi2_pvalue(distance, comparison.reference, comparison.window),
        ),
        "tv": Statistic(lambda comparison: tv(*comparison.plain)),
        "linf": Statistic(lambda comparison: linf(*comparison.plain)),
    }
)
