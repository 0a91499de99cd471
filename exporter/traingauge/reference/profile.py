"""A summary divided into bins, with which windows are compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from traingauge import validation
from traingauge.reference.schema import Schema
from traingauge.reference.summary import Summary
from traingauge.stats.arrays import Array
from traingauge.stats.drift.binning import Binner, column_edges, pad_edges
from traingauge.stats.drift.comparison import Comparison
from traingauge.stats.drift.shares import PRIOR

#: Maximum number of bins within a feature's range; the conventional thresholds of the PSI assume 10.
BINS = 10

_OWN = ("edges", "discrete")
_SUMMARY = ("missing", "infinite", "low", "high", "mean", "squares", "rows", "priorities")


@dataclass(frozen=True, slots=True)
class Profile:
    """Features and their bins.

    Attributes:
        summary: Summary that was divided into bins.
        edges: Edges of the bins, shape (F, E), by the convention of :mod:`traingauge.stats.drift.binning`; those of
            categories lie between their codes.
        discrete: Whether each value of a feature has its own bin, so that values outside the range are new; shape (F,).
        binner: Counts batches into the bins.
        counts: Kept rows by bin, after :meth:`fold`, shape (F, E + 2).
        prior: Pseudo-counts, shape (F, E + 2): ½ in every bin in use, plus, in the bin of new values, the number of values
            that occurred once, which estimates how many are yet unseen (Good & Turing, 1953). 0 in unused bins.
        positions: Means of the kept rows in the bins, in standard deviations, shape (F, E + 1).
    """

    #: Names of the arrays that it is stored as; the others are derived from them.
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
    def restored(cls, header: Mapping[str, Any], arrays: Mapping[str, Array]) -> Profile:
        """The profile that :meth:`header` and :meth:`arrays` were called on.

        Raises:
            TrainGaugeError: Values that do not go together.
        """
        schema = Schema.restored(header["names"], header["categories"])
        count = len(schema.names)
        rows = validation.array("rows", arrays["rows"], None, count)
        shapes = {"rows": rows.shape, "priorities": (len(rows),), "edges": (count, None)}
        checked = {
            name: validation.array(name, arrays[name], *shapes.get(name, (count,))) for name in cls.ARRAYS
        }
        samples = validation.count("samples", header["samples"], least=0)
        summary = Summary(schema, samples, *(checked[name] for name in _SUMMARY))
        return cls(summary, *(checked[name] for name in _OWN))

    def header(self) -> dict[str, Any]:
        """Header to store with the arrays, for JSON."""
        schema = self.summary.schema
        return {"names": schema.names, "categories": schema.categories, "samples": self.summary.samples}

    def arrays(self) -> dict[str, Array]:
        """Arrays to store, by the names in :attr:`ARRAYS`."""
        return {name: getattr(self if name in _OWN else self.summary, name) for name in self.ARRAYS}

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the features."""
        return self.summary.schema.names

    @property
    def used(self) -> NDArray[np.bool_]:
        """Whether the statistics use a bin, shape (F, E + 2)."""
        return self.prior > 0

    @property
    def above(self) -> NDArray[np.intp]:
        """Index of the bin of values above the range, shape (F,); that of values below it is 0."""
        return np.asarray((self.edges < np.inf).sum(axis=1))

    def count(self, table: Array) -> Array:
        """Counts of an encoded table of shape (n, F); shape (F, E + 2), in the smallest unsigned dtype that holds them."""
        return self.binner.count(table).astype(np.min_scalar_type(len(table)))

    def compare(self, counts: Array) -> Comparison:
        """Compare the counts of a window, shape (F, E + 2), with those of the reference."""
        return Comparison(self.counts, self.fold(counts), self.prior, self.positions)

    def fold(self, counts: Array) -> Array:
        """Counts for the statistics, in which the outer bins of continuous features include values beyond the range.

        The range of a continuous feature in the reference is incidental. For discrete features the bins outside the range
        stay separate, as they hold values that never occurred.

        Args:
            counts: Shape (F, E + 2); not modified.
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


def build_profile(summary: Summary, bins: int = BINS) -> Profile:
    """Divide every feature of a summary into bins of about equal share, or one per value if there are few."""
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
    """Position of the mass in each bin: its mean, or for an empty bin the nearest edge; ascending."""
    edges = edges[edges < np.inf]
    known = np.full(len(means), np.nan)
    if not len(edges):
        return np.zeros(len(means))
    known[: len(edges) + 1] = np.concatenate([edges, edges[-1:]])
    positions = np.where(np.isnan(means), known, means)
    last = len(edges)
    positions[last + 1 :] = positions[last]
    return np.maximum.accumulate(positions)
