"""Thresholds that keep a false-alarm rate, found by resampling the reference's own rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from traingauge.errors import InvalidArgumentError
from traingauge.reference.profile import Profile
from traingauge.stats.arrays import Array
from traingauge.stats.drift.comparison import Comparison
from traingauge.stats.drift.statistics import STATISTICS

#: Resamples that must lie beyond the threshold for it to mean something.
TAIL = 10

#: Largest part of the reference's rows that a resampled window takes away from them.
SPLIT = 0.2

#: Resamples, and columns of bins, that are worked on at a time.
_RESAMPLES, _COLUMNS = 250, 2048


#: The statistics that look together whether a feature has drifted: bin by bin, with an eye to values that vanish or are new
#: (PSI) and to such as become frequent (chi-square), at the greatest gap, and by distance. Each sees changes that the others
#: are weak on.
CALIBRATED = ("psi", "chi2", "ks", "wasserstein")


@dataclass(frozen=True, slots=True)
class Calibration:
    """Above which distance a feature of a window without drift is hardly ever found.

    Attributes:
        window: Samples in the window that the thresholds are for.
        false_alarm_rate: Probability that any feature of one such window is above any of its thresholds by
            chance.
        thresholds: By statistic, one of :data:`CALIBRATED`, shape (F,); NaN where a feature has no such
            statistic.
    """

    window: int
    false_alarm_rate: float
    thresholds: Mapping[str, NDArray[np.float64]]

    @classmethod
    def of(cls, header: Mapping[str, Any], arrays: Mapping[str, Array]) -> Calibration:
        """The one that :meth:`header` was called on."""
        thresholds = {name: arrays[f"thresholds.{name}"] for name in header["statistics"]}
        return cls(header["window"], header["false_alarm_rate"], thresholds)

    def header(self) -> dict[str, Any]:
        """What it is stored as beside the thresholds, for JSON."""
        return {
            "window": self.window,
            "false_alarm_rate": self.false_alarm_rate,
            "statistics": list(self.thresholds),
        }

    def excess(self, scores: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
        """The greatest score of a feature as a multiple of its threshold, shape (F,): above 1 it has drifted.

        NaN where no statistic has a score.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios = [scores[name] / threshold for name, threshold in self.thresholds.items()]
        return np.asarray(np.fmax.reduce(ratios))


def calibrate(profile: Profile, window: int, rate: float, resamples: int, seed: int) -> Calibration:
    """Thresholds for windows of a size, corrected for the number of features and statistics.

    Each resample divides the reference's rows at random into a window and a reference, which were drawn alike: the null
    hypothesis itself. Where that would leave too little of the reference, both are drawn anew with replacement. Whole rows
    are drawn, so features that go together stay together.

    A feature's distances, brought near to normal by the cube root (Wilson & Hilferty, 1931), are measured in their standard
    deviations, and the greatest of all features is what counts (max-T, Westfall & Young, 1993). The statistics share the
    rate evenly (min-P, ibid.): each may exceed its limit equally often, and together as often as ``rate`` says. So no power
    is lost to features, or statistics, that say the same.

    Rows at hand hold no value that none of them has, yet clean data may. So a threshold is at least what as
    many new values make of it as chance may bring, where they have a probability of one in the reference's
    rows.

    Args:
        profile: The reference's features.
        window: Samples in a window.
        rate: Probability of a false alarm in one window, over all features and statistics, in (0, 1).
        resamples: How many to draw; at least :data:`TAIL` / ``rate``.
        seed: Of the random numbers.

    Raises:
        InvalidArgumentError: Arguments that do not fit.
    """
    if window < 1:
        raise InvalidArgumentError(f"window is {window}: expected at least 1 sample")
    if not 0 < rate < 1:
        raise InvalidArgumentError(f"false_alarm_rate is {rate}: expected a probability between 0 and 1")
    if resamples * rate < TAIL:
        raise InvalidArgumentError(
            f"{resamples} resamples are too few for a false-alarm rate of {rate}: expected at least {TAIL / rate:.0f}"
        )
    statistics = [STATISTICS[name] for name in CALIBRATED]
    roots = np.empty((len(statistics), resamples, len(profile.names)), dtype=np.float32)
    for rows, columns, comparison in _resampled(profile, window, resamples, np.random.default_rng(seed)):
        for at, statistic in enumerate(statistics):
            roots[at, rows, columns] = np.cbrt(statistic.distance(comparison))
    categorical = profile.summary.schema.categorical
    undefined = np.array([categorical & statistic.ordered for statistic in statistics])
    # What is undefined is never the greatest, so it takes nothing from the others.
    bounds = _bounds(np.where(undefined[:, None] | np.isnan(roots), 0.0, roots), rate)
    clean, new = profile.compare(_proportional(profile, window)), _with_new_values(profile, window, rate)
    thresholds = [
        np.where(never, np.nan, np.fmax(statistic.debiased(bound, clean), statistic.score(new)))
        for statistic, bound, never in zip(statistics, bounds, undefined, strict=True)
    ]
    return Calibration(window, rate, dict(zip(CALIBRATED, thresholds, strict=True)))


def _bounds(roots: NDArray[np.floating[Any]], rate: float) -> NDArray[np.float64]:
    """Distances that the greatest of all exceeds in a share ``rate`` of the resamples, shape (statistics, F)."""
    mean = roots.mean(axis=1, keepdims=True, dtype=np.float64)
    deviation = roots.std(axis=1, keepdims=True, dtype=np.float64)
    scaled = np.divide(roots - mean, deviation, out=np.zeros(roots.shape), where=deviation > 0)
    greatest = scaled.max(axis=2)  # of all features, by statistic and resample
    above = np.array([len(row) - np.searchsorted(np.sort(row), row) for row in greatest]) / greatest.shape[1]
    # The rate of every statistic by itself, for which that of all together is the stated one.
    each = np.quantile(above.min(axis=0), rate, method="lower")
    limits = np.quantile(greatest, 1 - each, axis=1, method="higher")
    return np.asarray(np.maximum(0.0, mean[:, 0] + limits[:, None] * deviation[:, 0]) ** 3)


def _resampled(
    profile: Profile, window: int, resamples: int, rng: np.random.Generator
) -> Iterator[tuple[slice, slice, Comparison]]:
    """Comparisons of resampled windows with resampled references, some resamples and some features at a time."""
    bins = _bins(profile)
    rows, features, width = len(bins), *profile.counts.shape
    block = max(1, _COLUMNS // width)
    for first in range(0, resamples, _RESAMPLES):
        drawn = slice(first, min(resamples, first + _RESAMPLES))
        chosen, others = _draws(rng, drawn.stop - first, window, rows)
        for start in range(0, features, block):
            columns = slice(start, min(features, start + block))
            filled = profile.counts[columns] > 0
            hot = (bins[:, columns, None] == np.arange(width))[:, filled].astype(np.float32)
            counts = np.zeros((2, drawn.stop - first, *filled.shape), dtype=np.float32)
            counts[1][:, filled] = chosen @ hot
            counts[0][:, filled] = hot.sum(axis=0) - counts[1][:, filled] if others is None else others @ hot
            _move_unseen(counts, profile.discrete[columns], profile.above[columns])
            prior, positions = profile.prior[columns], profile.positions[columns]
            yield drawn, columns, Comparison(counts[0], counts[1], prior, positions)


def _draws(
    rng: np.random.Generator, resamples: int, window: int, rows: int
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """How often each row is in the window and in the resampled reference, shape (resamples, rows); ``None``: all others."""
    if window > SPLIT * rows:
        reference, drawn = (_with_replacement(rng, resamples, size, rows) for size in (rows, window))
        return drawn, reference
    inside = np.argpartition(rng.random((resamples, rows), dtype=np.float32), window, axis=1)[:, :window]
    chosen = np.zeros((resamples, rows), dtype=np.float32)
    np.put_along_axis(chosen, inside, 1.0, axis=1)
    return chosen, None


def _with_replacement(rng: np.random.Generator, resamples: int, size: int, rows: int) -> NDArray[np.float32]:
    drawn = rng.integers(0, rows, (resamples, size)) + rows * np.arange(resamples)[:, None]
    counts = np.bincount(drawn.ravel(), minlength=resamples * rows)
    return np.asarray(counts.reshape(resamples, rows), dtype=np.float32)


def _move_unseen(counts: NDArray[np.float32], discrete: NDArray[np.bool_], above: NDArray[np.intp]) -> None:
    """Values of a window that its resampled reference lacks are new to it: they go where new values go."""
    reference, window = counts
    which = np.flatnonzero(discrete)
    unseen = np.where(reference[:, which, :-1] == 0, window[:, which, :-1], 0.0)
    window[:, which, :-1] -= unseen
    window[:, which, above[which]] += unseen.sum(axis=2)


def _bins(profile: Profile) -> NDArray[np.int16]:
    """The bin of every kept row, shape (m, F), as the statistics see them."""
    width = profile.counts.shape[1]
    bins = np.empty(profile.summary.rows.shape, dtype=np.int16)
    for at, (column, edges) in enumerate(zip(profile.summary.rows.T, profile.edges, strict=True)):
        first, last = np.flatnonzero(profile.used[at, :-1])[[0, -1]]
        inside = np.clip(np.searchsorted(edges, column), first, last)
        bins[:, at] = np.where(np.isfinite(column), inside, width - 1)
    return bins


def _proportional(profile: Profile, window: int) -> NDArray[np.float64]:
    """Counts of a window with exactly the reference's shares."""
    return np.asarray(profile.counts * (window / profile.counts.sum(axis=1, keepdims=True)))


def _with_new_values(profile: Profile, window: int, rate: float) -> Comparison:
    """A window in which as many values as chance may bring lie in a bin where the reference has none."""
    features, rows = len(profile.names), int(profile.counts[0].sum())
    new = min(window, _poisson_quantile(window / rows, 1 - rate / features))
    counts = _proportional(profile, window - new)
    empty = profile.used & (profile.counts == 0)
    which = np.flatnonzero(empty.any(axis=1))
    counts[which, empty[which].argmax(axis=1)] += new
    full = np.setdiff1d(np.arange(features), which)
    counts[full] = _proportional(profile, window)[full]
    return Comparison(profile.counts, counts, profile.prior, profile.positions)


def _poisson_quantile(mean: float, probability: float) -> int:
    """Least count that a Poisson variable exceeds with at most ``1 - probability``."""
    count, term = 0, np.exp(-mean)
    total = term
    while total < probability:
        count += 1
        term *= mean / count
        total += term
    return count
