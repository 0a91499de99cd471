"""A summary cut into bins: what a window is compared with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from traingauge.classification.arrays import Array
from traingauge.drift.binning import column_edges, count_bins, pad_edges
from traingauge.reference.summary import Summary

#: Bins inside of a feature's range: what the usual thresholds of the PSI are meant for.
BINS = 10


@dataclass(frozen=True, slots=True)
class Profile:
    """Features with their bins.

    Attributes:
        names: One a feature, F in all.
        summary: What the bins were cut from.
        edges: Shape (F, E), see :mod:`traingauge.drift.binning` for the convention.
        discrete: Shape (F,), whether each value has a bin of its own, so that one outside of the range is a
            new value.
        counts: Shape (F, E + 2), the kept rows in the bins as the statistics see them (after :meth:`fold`).
        used: Shape (F, E + 2), the bins that the statistics look at.
    """

    #: The arrays that it is stored as; of them the rest is made.
    ARRAYS: ClassVar[tuple[str, ...]] = ("edges", "discrete", "missing", "low", "high", "rows", "priorities")

    names: tuple[str, ...]
    summary: Summary
    edges: NDArray[np.float64]
    discrete: NDArray[np.bool_]
    counts: NDArray[np.int64] = field(init=False)
    used: NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        counts = self.fold(count_bins(self.summary.rows, self.edges))
        bins = np.arange(counts.shape[1])
        first = np.where(self.discrete, 0, 1)[:, None]
        last = np.where(self.discrete, self.above, self.above - 1)[:, None]
        object.__setattr__(self, "counts", counts)
        object.__setattr__(self, "used", ((bins >= first) & (bins <= last)) | (bins == counts.shape[1] - 1))

    @classmethod
    def of(cls, names: tuple[str, ...], samples: int, arrays: Mapping[str, Array]) -> Profile:
        """The profile that :meth:`arrays` was called on."""
        edges, discrete, *summary = (arrays[name] for name in cls.ARRAYS)
        return cls(names, Summary(samples, *summary), edges, discrete)

    def arrays(self) -> dict[str, Array]:
        """What it is stored as, by the names of :attr:`ARRAYS`."""
        return {
            name: getattr(self if name in ("edges", "discrete") else self.summary, name)
            for name in self.ARRAYS
        }

    @property
    def above(self) -> NDArray[np.intp]:
        """Shape (F,), the bin of values above the range; that of values below it is 0."""
        return np.asarray((self.edges < np.inf).sum(axis=1))

    def fold(self, counts: Array) -> Array:
        """Counts of raw bins as the statistics see them: the outermost quantile bins reach beyond the range.

        A quantile bin is an interval of a continuous feature, which ends nowhere in particular; of a discrete
        feature the bins outside stay apart, for they hold values that never occurred.

        Args:
            counts: Shape (F, E + 2), not changed.
        """
        folded = counts.copy()
        which = np.flatnonzero(~self.discrete)
        above = self.above[which]
        folded[which, 1] += folded[which, 0]
        folded[which, above - 1] += folded[which, above]
        folded[which, 0] = folded[which, above] = 0
        return np.asarray(folded)


def profile(names: tuple[str, ...], summary: Summary, bins: int = BINS) -> Profile:
    """Cut bins of about equal share, or one a value, for every feature of a summary."""
    edges, discrete = [], []
    for column, low, high in zip(summary.rows.T, summary.low, summary.high, strict=True):
        values = column[np.isfinite(column)]
        edges.append(column_edges(values, low, high, bins))
        discrete.append(len(np.unique(values)) <= bins)
    return Profile(names, summary, pad_edges(edges), np.array(discrete, dtype=np.bool_))
