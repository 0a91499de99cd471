"""Drift thresholds that keep a false-alarm rate, estimated by resampling the rows of the reference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from traingauge import validation
from traingauge.errors import InvalidArgumentError
from traingauge.reference.profile import Profile
from traingauge.stats.arrays import Array
from traingauge.stats.drift.comparison import Comparison
from traingauge.stats.drift.statistics import STATISTICS

#: Minimum expected number of resamples beyond a threshold.
TAIL = 10

#: Most samples in a window.
MOST_SAMPLES = 1_000_000_000

#: Most resamples: their distances are kept in memory.
MOST_RESAMPLES = 1_000_000

#: Maximum share of the reference's rows that a resampled window removes from them.
SPLIT = 0.2

#: Number of resamples, and of columns of bins, processed at a time.
_RESAMPLES, _COLUMNS = 250, 2048


#: The statistics that together decide whether a feature has drifted. Each is sensitive to changes that the others miss: PSI
#: to values that vanish or are new, chi-square to values that become frequent, KS to the largest difference between the
#: distribution functions, and Wasserstein to the distance of a shift.
CALIBRATED = ("psi", "chi2", "ks", "wasserstein")


@dataclass(frozen=True, slots=True)
class Calibration:
    """Thresholds that features of a window without drift rarely exceed.

    Attributes:
        window: Number of samples in the windows that the thresholds apply to.
        false_alarm_rate: Probability that at least one feature of such a window exceeds one of its thresholds by chance.
        thresholds: Thresholds by statistic, one of :data:`CALIBRATED`, shape (F,); NaN where a statistic is undefined for a
            feature.

    >>> calibration = Calibration(100, 0.01, {"psi": np.array([0.1, 0.2]), "ks": np.array([0.2, np.nan])})
    >>> calibration.excess({"psi": np.array([0.05, 0.3]), "ks": np.array([0.3, np.nan])})
    array([1.5, 1.5])
    """

    window: int
    false_alarm_rate: float
    thresholds: Mapping[str, NDArray[np.float64]]

    @classmethod
    def restored(cls, header: Mapping[str, Any], arrays: Mapping[str, Array], features: int) -> Calibration:
        """The calibration that :meth:`header` was called on.

        Args:
            header: That header.
            arrays: The thresholds that were stored with it.
            features: Number of features in the profile.

        Raises:
            TrainGaugeError: Values that do not go together.
        """
        if set(header["statistics"]) != set(CALIBRATED):
            raise InvalidArgumentError(f"statistics are {header['statistics']}: expected {CALIBRATED}")
        thresholds = {
            name: validation.array(name, arrays[f"thresholds.{name}"], features)
            for name in header["statistics"]
        }
        return cls(
            validation.count("window", header["window"]),
            validation.number("false_alarm_rate", header["false_alarm_rate"], above=0, below=1),
            thresholds,
        )

    def header(self) -> dict[str, Any]:
        """Header to store with the thresholds, for JSON."""
        return {
            "window": self.window,
            "false_alarm_rate": self.false_alarm_rate,
            "statistics": list(self.thresholds),
        }

    def excess(self, scores: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
        """Largest ratio of a feature's scores to their thresholds, shape (F,): above 1 the feature has drifted.

        Args:
            scores: Scores by statistic, each of shape (F,).

        Returns:
            NaN where no statistic has a score.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios = [scores[name] / threshold for name, threshold in self.thresholds.items()]
        return np.asarray(np.fmax.reduce(ratios))


def calibrate(profile: Profile, window: int, rate: float, resamples: int, seed: int) -> Calibration:
    """Thresholds for windows of a given size, corrected for the number of features and statistics.

    Each resample divides the rows of the reference at random into a window and a reference, so that the null hypothesis
    holds exactly. If too little of the reference would be left, both are drawn with replacement instead. Whole rows are
    drawn, which preserves the dependence between features.

    The cube root makes the distances of a feature approximately normal (Wilson & Hilferty, 1931). They are standardised, and
    their maximum over the features is compared with one limit (max-T, Westfall & Young, 1993). The statistics share the rate
    evenly (min-P, ibid.): each exceeds its limit equally often, and together they do so at ``rate``. Redundant features or
    statistics thus cost no power.

    The kept rows cannot contain values that occur in none of them, but clean data can. Therefore a threshold is at least the
    score of a window with as many new values as chance may bring if their probability is one in the number of rows.

    Args:
        profile: Profile of the reference.
        window: Number of samples in a window.
        rate: Probability of a false alarm in one window, over all features and statistics, in (0, 1).
        resamples: Number of resamples, at least :data:`TAIL` / ``rate``.
        seed: Seed of the random numbers.

    Raises:
        InvalidArgumentError: An argument is out of range.
    """
    window = validation.count("window", window, most=MOST_SAMPLES)
    rate = validation.number("false_alarm_rate", rate, above=0, below=1)
    resamples = validation.count("resamples", resamples, most=MOST_RESAMPLES)
    seed = validation.count("seed", seed, least=0)
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
    # Undefined distances are set to 0, so that they are never the maximum.
    bounds = _bounds(np.where(undefined[:, None] | np.isnan(roots), 0.0, roots), rate)
    clean, new = profile.compare(_proportional(profile, window)), _with_new_values(profile, window, rate)
    thresholds = [
        np.where(never, np.nan, np.fmax(statistic.debiased(bound, clean), statistic.score(new)))
        for statistic, bound, never in zip(statistics, bounds, undefined, strict=True)
    ]
    return Calibration(window, rate, dict(zip(CALIBRATED, thresholds, strict=True)))


def _bounds(roots: NDArray[np.floating[Any]], rate: float) -> NDArray[np.float64]:
    """Distances that are exceeded by any feature in a share ``rate`` of the resamples, shape (statistics, F)."""
    mean = roots.mean(axis=1, keepdims=True, dtype=np.float64)
    deviation = roots.std(axis=1, keepdims=True, dtype=np.float64)
    scaled = np.divide(roots - mean, deviation, out=np.zeros(roots.shape), where=deviation > 0)
    maxima = scaled.max(axis=2)  # over features, by statistic and resample
    pvalues = np.array([len(row) - np.searchsorted(np.sort(row), row) for row in maxima]) / maxima.shape[1]
    # The rate of each statistic at which the rate of all together is the requested one.
    each = np.quantile(pvalues.min(axis=0), rate, method="lower")
    limits = np.quantile(maxima, 1 - each, axis=1, method="higher")
    return np.asarray(np.maximum(0.0, mean[:, 0] + limits[:, None] * deviation[:, 0]) ** 3)


def _resampled(
    profile: Profile, window: int, resamples: int, rng: np.random.Generator
) -> Iterator[tuple[slice, slice, Comparison]]:
    """Comparisons of resampled windows and references, in blocks of resamples and features."""
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
    """Multiplicity of each row in the window and in the reference, shape (resamples, rows); ``None``: all other rows."""
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
    """Move values of the window that do not occur in the resampled reference to the bin of new values, in place."""
    reference, window = counts
    which = np.flatnonzero(discrete)
    unseen = np.where(reference[:, which, :-1] == 0, window[:, which, :-1], 0.0)
    window[:, which, :-1] -= unseen
    window[:, which, above[which]] += unseen.sum(axis=2)


def _bins(profile: Profile) -> NDArray[np.int16]:
    """Bins of the kept rows for the statistics (see :meth:`Profile.fold`), shape (m, F)."""
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
    """A window with as many values as chance may bring in a bin that is empty in the reference."""
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
    """Smallest count that a Poisson variable exceeds with a probability of at most ``1 - probability``."""
    count, term = 0, np.exp(-mean)
    total = term
    while total < probability:
        count += 1
        term *= mean / count
        total += term
    return count
