"""Distributions: where the values of the features that drifted most lie, in the window and in the reference."""

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

#: Longest name of a category that a label carries.
NAME_LENGTH = 40


class Cut(NamedTuple):
    """How the bins of one feature are named.

    Attributes:
        names: What the label ``bin`` says, in the order of the values.
        group: Shape (B,), for each of the profile's bins the place of its name.
    """

    names: tuple[str, ...]
    group: NDArray[np.intp]


class Distributions:
    """Shares of the values in each bin, of a bounded number of features.

    A feature has at most :data:`traingauge.reference.profile.BINS` bins of its own: of numbers those that the statistics
    look at, of categories the most common ones. With ``missing`` and ``other``, of two sources, that makes 24 series.

    Args:
        profile: The reference.
        features: How many to publish: those that drifted most; 0 for none.

    >>> from traingauge import Reference
    >>> profile = Reference.from_data([["a"], ["b"], ["b"], ["b"]], feature_names=["letter"]).features
    >>> (shares,) = Distributions(profile, 1).families(np.array([[0, 3, 1, 0, 0]]), np.array([0.5]))
    >>> [(key.labels[1:], value) for key, value in zip(shares.keys, shares.values)][:3]
    [(('01 a', 'reference'), 0.25), (('02 b', 'reference'), 0.75), (('missing', 'reference'), 0.0)]
    """

    def __init__(self, profile: Profile, features: int) -> None:
        self._profile = profile
        self._shown = np.arange(min(features, len(profile.names)))
        self._cuts: list[Cut] = []
        self._keys: tuple[Key, ...] = ()
        self._reference: list[float] = []

    def families(self, counts: NDArray[Any], drift: NDArray[np.float64]) -> Iterator[Family]:
        """``model_feature_distribution_ratio``; nothing if no feature is to be published.

        Args:
            counts: Of the window, shape (F, B) in the profile's bins; not empty.
            drift: Shape (F,), how far each feature is off; NaN if unknown.
        """
        if not len(self._shown):
            return
        shown = top_k(drift, self._shown)
        if not self._cuts or not np.array_equal(shown, self._shown):
            self._show(shown)
        window = self._shares(self._profile.fold(counts))
        yield Family(CATALOG["model_feature_distribution_ratio"], self._keys, [*self._reference, *window])

    def _show(self, shown: NDArray[np.intp]) -> None:
        self._shown = shown
        self._cuts = [_cut(self._profile, at) for at in shown.tolist()]
        names = self._profile.names
        self._keys = keys(
            *(
                (names[at], name, source)
                for source in SOURCES
                for at, cut in zip(shown.tolist(), self._cuts, strict=True)
                for name in cut.names
            )
        )
        self._reference = self._shares(self._profile.counts)

    def _shares(self, counts: NDArray[Any]) -> list[float]:
        shares = []
        for at, cut in zip(self._shown.tolist(), self._cuts, strict=True):
            row = counts[at]
            shares += (np.bincount(cut.group, row, len(cut.names)) / row.sum()).tolist()
        return shares


def _cut(profile: Profile, at: int) -> Cut:
    counts, above = profile.counts[at], int(profile.above[at])
    own = np.arange(1, above)
    if len(own) > BINS:  # only categories have more
        own = np.sort(own[np.argsort(-counts[own], kind="stable")[:BINS]])
    named = [f"{place:02} {name}" for place, name in enumerate(_names(profile, at, own), start=1)]
    named.append("missing")
    if profile.discrete[at]:  # else the intervals at the ends of the range reach beyond it
        named.append("other")
    group = np.full(len(counts), len(named) - 1)
    group[own] = np.arange(len(own))
    group[-1] = len(own)
    return Cut(tuple(named), group)


def _names(profile: Profile, at: int, bins: NDArray[np.intp]) -> list[str]:
    categories = profile.summary.schema.categories[at]
    if categories is not None:
        return [categories[place - 1][:NAME_LENGTH] for place in bins.tolist()]
    if profile.discrete[at]:
        column = profile.summary.rows[:, at]
        return [f"{value:.6g}" for value in np.unique(column[np.isfinite(column)]).tolist()]
    if len(bins) == 1:  # nearly all values are one and the same
        return ["any number"]
    ends = [f"{edge:.4g}" for edge in profile.edges[at, 1 : len(bins)].tolist()]
    between = [f"{low} to {high}" for low, high in pairwise(ends)]
    return [f"up to {ends[0]}", *between, f"above {ends[-1]}"]
