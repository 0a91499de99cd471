"""A window beside a reference: what every statistic is computed from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from traingauge.stats.drift.shares import reference_shares, window_shares


@dataclass(frozen=True)
class Comparison:
    """Counts of F features in the same B bins, the last of which holds what is missing.

    Attributes:
        reference: Counts, shape (..., F, B).
        window: Counts, shape (..., F, B).
        prior: Samples that each bin of the reference is given beforehand, shape (F, B); 0 in bins that a feature does
            not use, where both counts are 0.
        positions: Shape (F, B - 1), where the mass of each bin lies, ascending: in standard deviations of the
            reference.
    """

    reference: NDArray[Any]
    window: NDArray[Any]
    prior: NDArray[np.float64]
    positions: NDArray[np.float64]

    @property
    def samples(self) -> float:
        """Samples of the window, n."""
        return float(self.window[..., 0, :].sum(axis=-1).flat[0])

    @property
    def reference_samples(self) -> float:
        """Samples of the reference, m."""
        return float(self.reference[..., 0, :].sum(axis=-1).flat[0])

    @property
    def used(self) -> NDArray[np.bool_]:
        """The bins that a feature uses, shape (F, B)."""
        return self.prior > 0

    @cached_property
    def smooth(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Shares of reference and window, none of which is 0 in a bin that is used."""
        reference = reference_shares(self.reference, self.prior)
        return reference, window_shares(self.window, reference, self.used)

    @cached_property
    def plain(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Shares of reference and window as they are; NaN without samples."""
        return _shares(self.reference), _shares(self.window)

    @cached_property
    def present(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Shares among the values that are not missing, shape (..., F, B - 1); NaN if all are."""
        return _shares(self.reference[..., :-1]), _shares(self.window[..., :-1])

    @cached_property
    def present_samples(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """How many values are not missing, in reference and window, shape (..., F)."""
        return (
            self.reference[..., :-1].sum(axis=-1, dtype=np.float64),
            self.window[..., :-1].sum(axis=-1, dtype=np.float64),
        )


def _shares(counts: NDArray[Any]) -> NDArray[np.float64]:
    with np.errstate(invalid="ignore"):
        return np.asarray(counts / counts.sum(axis=-1, keepdims=True))
