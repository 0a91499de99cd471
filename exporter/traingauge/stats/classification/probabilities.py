"""Probabilistic predictions: kept as they are for a while, then reduced to sums that add up.

While :mod:`~traingauge.stats.classification.counts` looks at decisions, this looks at the probabilities behind them. A
step's scores are copied when it is recorded, which is cheap, and reduced for many steps at once when somebody looks.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from traingauge.stats.arrays import Array
from traingauge.stats.classification.histograms import BINS, add_to_histogram, bins_of

#: Up to this many classes the scores of each are put into a histogram of its own.
HISTOGRAM_CLASSES = 20

#: Beyond so many classes only the rank of the true class is looked at.
PROBABILITY_CLASSES = 100

#: Scores of a step that are kept as they are until somebody looks; a step with more of them is reduced at once.
SCORES_KEPT = 65_536

#: k of the top-k accuracy.
TOP_K = 5

#: Bins of equal width over [0, 1] in which confidence is compared with how often it is right.
CALIBRATION_BINS = 15

_CHUNK = 8192  # scores reduced at once: temporary arrays stay in the processor's cache


class Probabilities(NamedTuple):
    """Scores of one step.

    Attributes:
        true: Class codes, shape (n,), of one label among several classes; else shape (n, C), whether each is so.
        scores: Shape (n, C), floats: probabilities or logits.
        weight: Shape (n,), ``None`` for 1 each.
    """

    true: Array
    scores: Array
    weight: NDArray[np.float64] | None


@dataclass(frozen=True, slots=True)
class ProbabilitySums:
    """Sums over samples; all weighted.

    Attributes:
        weight: Σ w.
        log_loss: Σ w times the negative log of the probability of what came true.
        brier: Σ w times the squared difference of probabilities and outcomes.
        top_k: Σ w of samples whose class is among the :data:`TOP_K` with the highest scores; NaN if there are not more.
        calibration: Shape (3, CALIBRATION_BINS): weight, Σ w confidence, Σ w outcome. ``None`` for more than
            :data:`PROBABILITY_CLASSES`: then only ``weight`` and ``top_k`` are known, the rest is NaN.
        histogram: Shape (C, 2, BINS), ``None`` for more than :data:`HISTOGRAM_CLASSES`.
    """

    weight: float
    log_loss: float
    brier: float
    top_k: float
    calibration: NDArray[np.float64] | None
    histogram: NDArray[np.float64] | None


def reduce_probabilities(
    steps: Sequence[Probabilities | ProbabilitySums], *, logits: bool
) -> ProbabilitySums | None:
    """Sums of all steps together; ``None`` if there is no step.

    Args:
        steps: Steps as scores or as sums of them, all of the same form.
        logits: Whether the scores are logits.

    >>> step = Probabilities(np.array([[True], [False]]), np.array([[0.9], [0.2]]), None)
    >>> sums = reduce_probabilities([step, step], logits=False)
    >>> round(log_loss(sums), 4), round(brier_score(sums), 4)
    (0.1643, 0.025)
    """
    chunks = list(_chunks([step for step in steps if isinstance(step, Probabilities)]))
    classes = chunks[0].scores.shape[1] if chunks else 0
    table = np.zeros((classes, 2, BINS)) if 0 < classes <= HISTOGRAM_CLASSES else None
    parts = [step for step in steps if isinstance(step, ProbabilitySums)]
    if chunks:
        sums = [_reduce(chunk, table, logits=logits) for chunk in chunks]
        parts.append(replace(_added(sums), histogram=table))
    return _added(parts) if parts else None


def log_loss(sums: ProbabilitySums) -> float:
    """Mean negative log of the probability given to what came true, in nats; NaN without samples.

    A probability is taken to be at least the epsilon of its type, as scikit-learn does. Multi-label: the mean over labels.
    """
    return sums.log_loss / sums.weight if sums.weight else math.nan


def brier_score(sums: ProbabilitySums) -> float:
    """Mean squared difference of probabilities and outcomes (Brier, 1950); NaN without samples.

    Binary: of the positive class, 0 to 1. Multi-class: summed over classes, 0 to 2. Multi-label: the mean over labels.
    """
    return sums.brier / sums.weight if sums.weight else math.nan


def top_k_accuracy(sums: ProbabilitySums) -> float:
    """Share of samples whose class is among the :data:`TOP_K` with the highest scores.

    NaN without samples or with no more classes than that. Of equal scores that of the later class is the higher, as in
    scikit-learn.
    """
    return sums.top_k / sums.weight if sums.weight else math.nan


def calibration_error(sums: ProbabilitySums) -> float:
    """Expected calibration error: the mean distance between confidence and how often it is right; NaN without samples.

    Over :data:`CALIBRATION_BINS` bins of equal width: Σ |Σ w (confidence - outcome)| / Σ w (Naeini, Cooper and
    Hauskrecht, 2015). Binary and multi-label: the probability of the positive class; multi-class: the probability of the
    predicted class (Guo et al., 2017).
    """
    if sums.calibration is None:
        return math.nan
    weight, confidence, outcome = sums.calibration
    total = weight.sum()
    return float(np.abs(confidence - outcome).sum() / total) if total else math.nan


def _chunks(steps: Sequence[Probabilities]) -> Iterator[Probabilities]:
    """Steps joined to pieces that are worth numpy's overhead and fit the cache."""
    pending: list[Probabilities] = []
    size = 0
    for step in steps:
        pending.append(step)
        size += step.scores.size
        if size >= _CHUNK:
            yield _joined(pending)
            pending, size = [], 0
    if pending:
        yield _joined(pending)


def _joined(steps: Sequence[Probabilities]) -> Probabilities:
    if len(steps) == 1:
        return steps[0]
    weight = None
    if any(step.weight is not None for step in steps):
        weight = np.concatenate(
            [np.ones(len(step.true)) if step.weight is None else step.weight for step in steps]
        )
    return Probabilities(
        np.concatenate([step.true for step in steps]), np.concatenate([step.scores for step in steps]), weight
    )


def _reduce(step: Probabilities, table: NDArray[np.float64] | None, *, logits: bool) -> ProbabilitySums:
    """Sums of one chunk without their histogram, which is added to ``table`` instead."""
    weight = np.ones(len(step.true)) if step.weight is None else step.weight
    if step.scores.shape[1] > PROBABILITY_CLASSES and step.true.ndim == 1:
        return _of_many_classes(step, weight)
    if step.true.ndim == 1:
        return _of_classes(step, weight, table, logits=logits)
    return _of_events(step, weight, table, logits=logits)


def _of_events(
    step: Probabilities, weight: NDArray[np.float64], table: NDArray[np.float64] | None, *, logits: bool
) -> ProbabilitySums:
    """Each column an event of its own that happens or does not."""
    scores, happened = _by_column(step.scores), _by_column(step.true)
    if logits:
        surprise = np.logaddexp(0, np.where(happened, -scores, scores))
        odds = np.exp(-np.abs(scores))
        smaller = odds / (1 + odds)
        upper = scores > 0
        probability = np.where(upper, 1 - smaller, smaller)
    else:
        probability = np.clip(scores, 0, 1)
        upper, smaller = _folded(probability)
        surprise = _surprise(np.where(happened, probability, 1 - probability))
    if table is not None:
        _tabulate(table, upper, smaller, happened, step.weight)
    return ProbabilitySums(
        float(weight.sum()),
        float(surprise.mean(axis=0, dtype=np.float64) @ weight),
        float(np.square(probability - happened).mean(axis=0, dtype=np.float64) @ weight),
        math.nan,
        _calibration(probability.ravel(), happened.ravel(), np.tile(weight, len(scores))),
        None,
    )


def _of_many_classes(step: Probabilities, weight: NDArray[np.float64]) -> ProbabilitySums:
    """Each row one label among so many classes that only the rank of the true one is looked at."""
    top_k = float(_in_top(step.scores, step.true.astype(np.intp)) @ weight)
    return ProbabilitySums(float(weight.sum()), math.nan, math.nan, top_k, None, None)


def _of_classes(
    step: Probabilities, weight: NDArray[np.float64], table: NDArray[np.float64] | None, *, logits: bool
) -> ProbabilitySums:
    """Each row one label among several classes."""
    scores, true, rows = _by_column(step.scores), step.true.astype(np.intp), np.arange(len(step.true))
    classes = len(scores)
    in_top, right = _ranks(scores, true)
    if logits:
        highest = scores.max(axis=0)
        probability = np.exp(scores - highest)
        sums = probability.sum(axis=0)
        probability /= sums
        surprise = np.log(sums) + highest - scores[true, rows]
    else:
        probability = np.clip(scores, 0, 1)
        surprise = _surprise(probability[true, rows])
    if table is not None:
        is_class = true == np.arange(classes)[:, np.newaxis]
        _tabulate(table, *_folded(probability), is_class, step.weight)
    of_true = probability[true, rows].astype(np.float64)
    squares = np.square(probability).sum(axis=0, dtype=np.float64)
    return ProbabilitySums(
        float(weight.sum()),
        float(surprise.astype(np.float64) @ weight),
        float((squares - 2 * of_true + 1) @ weight),
        float(in_top @ weight) if classes > TOP_K else math.nan,
        _calibration(probability.max(axis=0), right, weight),
        None,
    )


def _tabulate(
    table: NDArray[np.float64],
    upper: NDArray[np.bool_],
    smaller: Array,
    positive: NDArray[np.bool_],
    weight: NDArray[np.float64] | None,
) -> None:
    """Add scores, shape (C, n), to the histograms of their classes."""
    add_to_histogram(table, bins_of(smaller.astype(np.float32), upper), positive, weight)


def _by_column(array: Array) -> Array:
    """Turned to shape (C, n): numpy reduces the first of two axes many times faster than a short last one."""
    return np.ascontiguousarray(array.T)


def _folded(probability: Array) -> tuple[NDArray[np.bool_], Array]:
    """Whether p is above 0.5, and the smaller of p and 1 - p."""
    upper = np.asarray(probability > 0.5)
    return upper, np.minimum(probability, 1 - probability)


def _ranks(scores: Array, true: NDArray[np.intp]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Whether the true class is among the top k, of equal scores the last one first; and whether it is predicted.

    Args:
        scores: Shape (C, n).
        true: Shape (n,).
    """
    of_true = scores[true, np.arange(len(true))]
    above = (scores > of_true).sum(axis=0, dtype=np.int32)
    equal = (scores == of_true).sum(axis=0, dtype=np.int32) - 1
    in_top, right = above < TOP_K, above == 0
    (tied,) = np.nonzero(equal)
    same = scores[:, tied] == of_true[tied]
    codes = np.arange(len(scores))[:, np.newaxis]
    in_top[tied] &= above[tied] + (same & (codes > true[tied])).sum(axis=0) < TOP_K
    right[tied] &= ~(same & (codes < true[tied])).any(axis=0)
    return in_top, right


def _in_top(scores: Array, true: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Whether the true class is among the top k, of equal scores the last one first.

    Args:
        scores: Shape (n, C), with a large C.
        true: Shape (n,).
    """
    of_true = scores[np.arange(len(true)), true][:, np.newaxis]
    in_top = _count_in_rows(scores >= of_true) <= TOP_K
    (unsure,) = np.nonzero(~in_top)
    above = _count_in_rows(scores[unsure] > of_true[unsure])
    (tied,) = np.nonzero(above < TOP_K)
    rows = unsure[tied]
    later = (scores[rows] == of_true[rows]) & (np.arange(scores.shape[1]) > true[rows, np.newaxis])
    in_top[rows] = above[tied] + _count_in_rows(later) < TOP_K
    return in_top


def _count_in_rows(where: NDArray[np.bool_]) -> NDArray[np.uint32]:
    """Like ``np.count_nonzero(where, axis=1)``, several times as fast."""
    counted: NDArray[np.uint32] = np.add.reduce(where.view(np.uint8), axis=1, dtype=np.uint32)
    return counted


def _added(parts: Sequence[ProbabilitySums]) -> ProbabilitySums:
    first = parts[0]
    if len(parts) == 1:
        return first
    calibrations = [part.calibration for part in parts if part.calibration is not None]
    histograms = [part.histogram for part in parts if part.histogram is not None]
    return ProbabilitySums(
        sum(part.weight for part in parts),
        sum(part.log_loss for part in parts),
        sum(part.brier for part in parts),
        sum(part.top_k for part in parts),
        np.sum(calibrations, axis=0) if len(calibrations) == len(parts) else None,
        np.sum(histograms, axis=0) if len(histograms) == len(parts) else None,
    )


def _surprise(probability: Array) -> Array:
    epsilon = np.finfo(probability.dtype).eps
    surprise: Array = -np.log(np.clip(probability, epsilon, 1 - epsilon))
    return surprise


def _calibration(
    confidence: Array, outcome: NDArray[np.bool_], weight: NDArray[np.float64]
) -> NDArray[np.float64]:
    where = np.minimum((confidence * CALIBRATION_BINS).astype(np.intp), CALIBRATION_BINS - 1)
    return np.array(
        [
            np.bincount(where, values, CALIBRATION_BINS)
            for values in (weight, weight * confidence, weight * outcome)
        ]
    )
