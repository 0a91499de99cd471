"""Distributions of the features that drifted most, in the window and in the reference."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from traingauge.catalog import CATALOG
from traingauge.core.collectors.top_k import top_k
from traingauge.core.families import Family, Key, keys
from traingauge.reference.profile import BINS, Profile

#: The values of the label ``source``.
SOURCES = ("reference", "window")

#: Maximum length of a category's name in a label.
NAME_LENGTH = 40


class BinLabels(NamedTuple):
    """Labels of the bins of one feature.

    Attributes:
        names: Values of the label ``bin``, in the order of the feature's values.
        group: For each bin of the profile, the index of its name, shape (B,).
    """

    names: tuple[str, ...]
    group: NDArray[np.intp]


class Distributions:
    """Shares of the values in each bin, of a bounded number of features.

    A feature has at most :data:`traingauge.reference.profile.BINS` named bins: for a numeric feature the bins of the
    statistics, for a categorical one the most frequent categories. With ``missing`` and ``other``, from two sources, these
    are at most 24 series.

    Args:
        profile: Profile of the features in the reference.
        features: Number of features to publish, those that drifted most; 0 for none.

    >>> from traingauge import Reference
    >>> profile = Reference.from_data([["a"], ["b"], ["b"], ["b"]], feature_names=["letter"]).features
    >>> (shares,) = Distributions(profile, 1).families(np.array([[0, 3, 1, 0, 0]]), np.array([0.5]))
    >>> [(key.labels[1:], value) for key, value in zip(shares.keys, shares.values)][:3]
    [(('01 a', 'reference'), 0.25), (('02 b', 'reference'), 0.75), (('missing', 'reference'), 0.0)]
    """

    def __init__(self, profile: Profile, features: int) -> None:
        self._profile = profile
        self._shown = np.arange(min(features, len(profile.names)))
        self._bin_labels: list[BinLabels] = []
        self._keys: tuple[Key, ...] = ()
        self._reference: list[float] = []

    def families(self, counts: NDArray[Any], drift: NDArray[np.float64]) -> Iterator[Family]:
        """``model_feature_distribution_ratio``; nothing if no features are published.

        Args:
            counts: Counts of the window in the bins of the profile, shape (F, B); not all 0.
            drift: Drift score of each feature, shape (F,); NaN if unknown.
        """
        if not len(self._shown):
            return
        shown = top_k(drift, self._shown)
        if not self._bin_labels or not np.array_equal(shown, self._shown):
            self._show(shown)
        window = self._shares(self._profile.fold(counts))
        yield Family(CATALOG["model_feature_distribution_ratio"], self._keys, [*self._reference, *window])

    def _show(self, shown: NDArray[np.intp]) -> None:
        self._shown = shown
        self._bin_labels = [_bin_labels(self._profile, at) for at in shown.tolist()]
        names = self._profile.names
        self._keys = keys(
            *(
                (names[at], name, source)
                for source in SOURCES
                for at, bins in zip(shown.tolist(), self._bin_labels, strict=True)
                for name in bins.names
            )
        )
        self._reference = self._shares(self._profile.counts)

    def _shares(self, counts: NDArray[Any]) -> list[float]:
        shares = []
        for at, bins in zip(self._shown.tolist(), self._bin_labels, strict=True):
            row = counts[at]
            shares += (np.bincount(bins.group, row, len(bins.names)) / row.sum()).tolist()
        return shares


def _bin_labels(profile: Profile, at: int) -> BinLabels:
    counts, above = profile.counts[at], int(profile.above[at])
    own = np.arange(1, above)
    if len(own) > BINS:  # only categorical features can
        own = np.sort(own[np.argsort(-counts[own], kind="stable")[:BINS]])
    names = [f"{place:02} {name}" for place, name in enumerate(_names(profile, at, own), start=1)]
    names.append("missing")
    if profile.discrete[at]:  # otherwise the outer bins include values beyond the range
        names.append("other")
    group = np.full(len(counts), len(names) - 1)
    group[own] = np.arange(len(own))
    group[-1] = len(own)
    return BinLabels(tuple(names), group)


def _names(profile: Profile, at: int, bins: NDArray[np.intp]) -> list[str]:
    categories = profile.summary.schema.categories[at]
    if categories is not None:
        return [categories[place - 1][:NAME_LENGTH] for place in bins.tolist()]
    if profile.discrete[at]:
        column = profile.summary.rows[:, at]
        return [f"{value:.6g}" for value in np.unique(column[np.isfinite(column)]).tolist()]
    if len(bins) == 1:  # nearly all values are equal
        return ["any number"]
    ends = [f"{edge:.4g}" for edge in profile.edges[at, 1 : len(bins)].tolist()]
    between = [f"{low} to {high}" for low, high in pairwise(ends)]
    return [f"up to {ends[0]}", *between, f"above {ends[-1]}"]
