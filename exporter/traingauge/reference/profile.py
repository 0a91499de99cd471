"""A summary cut into bins: what a window is compared with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from traingauge.reference.schema import Schema
from traingauge.reference.summary import Summary
from traingauge.stats.arrays import Array
from traingauge.stats.drift.binning import Binner, column_edges, pad_edges
from traingauge.stats.drift.comparison import Comparison
from traingauge.stats.drift.shares import PRIOR

#: Bins inside of a feature's range: what the usual thresholds of the PSI are meant for.
BINS = 10

_OWN = ("edges", "discrete")
_SUMMARY = ("missing", "infinite", "low", "high", "mean", "squares", "rows", "priorities")


@dataclass(frozen=True, slots=True)
class Profile:
    """Features with their bins.

    Attributes:
        summary: What the bins were cut from.
        edges: Shape (F, E), see :mod:`traingauge.stats.drift.binning` for the convention; of categories, between
            their places in the vocabulary.
        discrete: Shape (F,), whether each value has a bin of its own, so that one outside of the range is a
            new value.
        binner: Counts into them.
        counts: Shape (F, E + 2), the kept rows in the bins as the statistics see them (after :meth:`fold`).
        prior: Shape (F, E + 2), samples that each bin that the statistics look at is given beforehand: half a one, and the
            bin of new values as many as there are values that occurred once, which is what may be expected of it (Good
            & Turing, 1953). 0 in the others.
        positions: Shape (F, E + 1), means of the kept rows in the bins, in standard deviations.
    """

    #: The arrays that it is stored as; of them the rest is made.
    ARRAYS: ClassVar[tuple[str, ...]] = (*_OWN, *_SUMMARY)

    summary: Summary
    edges: NDArray[np.float64]
    discrete: NDArray[np.bool_]
    binner: Binner = field(init=False, compare=False)
    counts: NDArray[np.int64] = field(init=False, compare=False)
    prior: NDArray[np.float64] = field(init=False, compare=False)
    positions: NDArray[np.float64] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        binner = Binner(self.edges)
        counts = self.fold(binner.count(self.summary.rows))
        bins = np.arange(counts.shape[1])
        first = np.where(self.discrete, 0, 1)[:, None]
        last = np.where(self.discrete, self.above, self.above - 1)[:, None]
        used = ((bins >= first) & (bins <= last)) | (bins == counts.shape[1] - 1)
        prior = np.where(used, PRIOR, 0.0)
        once = np.count_nonzero(counts[:, :-1] == 1, axis=1)
        prior[np.arange(len(prior)), self.above] += np.where(self.discrete, once, 0)
        made = {"binner": binner, "counts": counts, "prior": prior, "positions": self._positions()}
        for name, value in made.items():
            object.__setattr__(self, name, value)

    @classmethod
    def of(cls, header: Mapping[str, Any], arrays: Mapping[str, Array]) -> Profile:
        """The profile that :meth:`header` and :meth:`arrays` were called on."""
        categories = tuple(None if one is None else tuple(one) for one in header["categories"])
        schema = Schema(tuple(header["names"]), categories)
        summary = Summary(schema, header["samples"], *(arrays[name] for name in _SUMMARY))
        return cls(summary, *(arrays[name] for name in _OWN))

    def header(self) -> dict[str, Any]:
        """What it is stored as beside the arrays, for JSON."""
        schema = self.summary.schema
        return {"names": schema.names, "categories": schema.categories, "samples": self.summary.samples}

    def arrays(self) -> dict[str, Array]:
        """What it is stored as, by the names of :attr:`ARRAYS`."""
        return {name: getattr(self if name in _OWN else self.summary, name) for name in self.ARRAYS}

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the features."""
        return self.summary.schema.names

    @property
    def used(self) -> NDArray[np.bool_]:
        """Shape (F, E + 2), the bins that the statistics look at."""
        return self.prior > 0

    @property
    def above(self) -> NDArray[np.intp]:
        """Shape (F,), the bin of values above the range; that of values below it is 0."""
        return np.asarray((self.edges < np.inf).sum(axis=1))

    def count(self, table: Array) -> Array:
        """Counts of an encoded table, shape (n, F), in the smallest unsigned dtype that holds them, shape (F, E + 2)."""
        return self.binner.count(table).astype(np.min_scalar_type(len(table)))

    def compare(self, counts: Array) -> Comparison:
        """A window's counts, shape (F, E + 2), beside those of the reference."""
        return Comparison(self.counts, self.fold(counts), self.prior, self.positions)

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

    def _positions(self) -> NDArray[np.float64]:
        positions = np.zeros((len(self.edges), self.edges.shape[1] + 1))
        deviations = self.summary.deviation
        for at, (column, edges) in enumerate(zip(self.summary.rows.T, self.edges, strict=True)):
            values = np.sort(column[np.isfinite(column)])
            where = np.searchsorted(edges, values)  # edges strictly below each value
            sums = np.bincount(where, values, len(edges) + 1)
            counts = np.bincount(where, minlength=len(edges) + 1)
            means = np.divide(sums, counts, out=np.full(len(sums), np.nan), where=counts > 0)
            scale = deviations[at] if deviations[at] > 0 else 1.0
            positions[at] = _ascending(means, edges) / scale
        return positions


def profile(summary: Summary, bins: int = BINS) -> Profile:
    """Cut bins of about equal share, or one a value, for every feature of a summary."""
    edges, discrete = [], []
    for column, low, high, categories in zip(
        summary.rows.T, summary.low, summary.high, summary.schema.categories, strict=True
    ):
        if categories is not None:
            edges.append(
                column_edges(
                    np.arange(len(categories), dtype=np.float64), 0.0, len(categories) - 1.0, len(categories)
                )
            )
            discrete.append(True)
            continue
        values = column[np.isfinite(column)]
        edges.append(column_edges(values, low, high, bins))
        discrete.append(len(np.unique(values)) <= bins)
    return Profile(summary, pad_edges(edges), np.array(discrete, dtype=np.bool_))


def _ascending(means: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where the mass of each bin lies: its mean; of an empty bin the nearest edge, and nowhere behind the last one."""
    edges = edges[edges < np.inf]
    known = np.full(len(means), np.nan)
    if not len(edges):
        return np.zeros(len(means))
    known[: len(edges) + 1] = np.concatenate([edges, edges[-1:]])
    positions = np.where(np.isnan(means), known, means)
    last = len(edges)
    positions[last + 1 :] = positions[last]
    return np.maximum.accumulate(positions)
