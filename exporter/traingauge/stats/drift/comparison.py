"""The counts of a window and a reference, from which every statistic is computed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from traingauge.stats.drift.shares import reference_shares, window_shares


@dataclass(frozen=True)
class Comparison:
    """Counts of F features in a window and a reference, in the same B bins; the last bin holds missing values.

    Attributes:
        reference: Counts, shape (..., F, B).
        window: Counts, shape (..., F, B).
        prior: Pseudo-counts of the reference, shape (F, B); 0 in bins that a feature does not use, where both counts are 0.
        positions: Position of the mass in each bin, shape (F, B - 1), ascending, in standard deviations of the reference.
    """

    reference: NDArray[Any]
    window: NDArray[Any]
    prior: NDArray[np.float64]
    positions: NDArray[np.float64]

    @property
    def samples(self) -> float:
        """Number of samples in the window, n."""
        return float(self.window[..., 0, :].sum(axis=-1).flat[0])

    @property
    def reference_samples(self) -> float:
        """Number of samples in the reference, m."""
        return float(self.reference[..., 0, :].sum(axis=-1).flat[0])

    @property
    def used(self) -> NDArray[np.bool_]:
        """Whether a feature uses a bin, shape (F, B)."""
        return self.prior > 0

    @cached_property
    def smooth(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Smoothed shares of reference and window, shape (..., F, B); above 0 in every bin in use."""
        reference = reference_shares(self.reference, self.prior)
        return reference, window_shares(self.window, reference, self.used)

    @cached_property
    def plain(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Shares of reference and window without smoothing, shape (..., F, B); NaN without samples."""
        return _shares(self.reference), _shares(self.window)

    @cached_property
    def present(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Shares among the values that are not missing, shape (..., F, B - 1); NaN if all are missing."""
        return _shares(self.reference[..., :-1]), _shares(self.window[..., :-1])

    @cached_property
    def present_samples(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Number of values that are not missing, in reference and window, shape (..., F)."""
        return (
            self.reference[..., :-1].sum(axis=-1, dtype=np.float64),
            self.window[..., :-1].sum(axis=-1, dtype=np.float64),
        )


def _shares(counts: NDArray[Any]) -> NDArray[np.float64]:
    with np.errstate(invalid="ignore"):
        return np.asarray(counts / counts.sum(axis=-1, keepdims=True))
