"""Predicted probabilities, reduced to sums from which log loss, Brier score, calibration and ranking scores follow.

The scores of a step are copied when it is recorded, which is cheap, and reduced for many steps at once when scores are read.
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

#: Maximum number of classes for which each has a histogram of its scores.
HISTOGRAM_CLASSES = 20

#: Maximum number of classes for which probabilities are evaluated; with more, only the rank of the true class is.
PROBABILITY_CLASSES = 100

#: Maximum number of scores, rows times columns, of a window or a pass that are sorted for exact ranking. A larger step is
#: reduced immediately.
SCORES_KEPT = 1 << 17

#: k of the top-k accuracy.
TOP_K = 5

#: Number of bins of equal width over [0, 1] for the calibration error.
CALIBRATION_BINS = 15

_CHUNK = 8192  # scores reduced at a time, so that temporary arrays stay in the processor's cache


class Probabilities(NamedTuple):
    """Predicted probabilities or logits of one step.

    Attributes:
        true: Multi-class: class codes, shape (n,). Binary and multi-label: whether each label applies, shape (n, C).
        scores: Probabilities or logits, floats of shape (n, C).
        weight: Shape (n,), or (n, C) with 0 for labels that are not known; ``None`` weights every sample 1.
    """

    true: Array
    scores: Array
    weight: NDArray[np.float64] | None


@dataclass(frozen=True, slots=True)
class ProbabilitySums:
    """Weighted sums over samples.

    Attributes:
        weight: Σ w.
        log_loss: Σ w times the negative log of the probability of the true outcome.
        brier: Σ w times the squared difference between probabilities and outcomes.
        top_k: Σ w of samples whose class is among the :data:`TOP_K` with the highest scores; NaN with at most that many
            classes.
        calibration: Σ w, Σ w confidence and Σ w outcome by bin of confidence, shape (3, CALIBRATION_BINS). ``None`` for more
            than :data:`PROBABILITY_CLASSES` classes; then only ``weight`` and ``top_k`` are known, and the rest is NaN.
        histogram: Histograms of scores, shape (C, 2, BINS); ``None`` for more than :data:`HISTOGRAM_CLASSES` classes, or
            where the scores are kept instead.
        kept: The scores themselves, by which each column is ranked: at most :data:`SCORES_KEPT`, or ``None``.
    """

    weight: float
    log_loss: float
    brier: float
    top_k: float
    calibration: NDArray[np.float64] | None
    histogram: NDArray[np.float64] | None
    kept: Probabilities | None = None


def reduce_probabilities(
    steps: Sequence[Probabilities | ProbabilitySums], *, logits: bool, keep: bool = False
) -> ProbabilitySums | None:
    """Sums over all steps; ``None`` if there are none.

    Args:
        steps: Steps as scores or as sums, all of the same task and number of classes.
        logits: Whether the scores are logits.
        keep: Whether to keep the scores instead of counting them in histograms, where there are few enough.

    >>> step = Probabilities(np.array([[True], [False]]), np.array([[0.9], [0.2]]), None)
    >>> sums = reduce_probabilities([step, step], logits=False)
    >>> round(log_loss(sums), 4), round(brier_score(sums), 4)
    (0.1643, 0.025)
    """
    raw = [step for step in steps if isinstance(step, Probabilities)]
    parts = [step for step in steps if isinstance(step, ProbabilitySums)]
    if raw:
        classes = raw[0].scores.shape[1]
        few = classes <= HISTOGRAM_CLASSES
        keep = keep and few and not parts and sum(step.scores.size for step in raw) <= SCORES_KEPT
        table = np.zeros((classes, 2, BINS)) if few and not keep else None
        sums = [_reduce(chunk, table, logits=logits) for chunk in _chunks(raw)]
        kept = rankable(_joined(raw), logits=logits) if keep else None
        parts.append(replace(_added(sums), histogram=table, kept=kept))
    return _added(parts) if parts else None


def rankable(step: Probabilities, *, logits: bool) -> Probabilities:
    """The step with scores in whose order each column ranks its samples.

    Of binary and multi-label logits that is their own; a class of several is ranked by its probability.
    """
    if step.true.ndim == 2 or not logits:
        return step
    scores = step.scores.astype(np.float64)
    scores = np.exp(scores - scores.max(axis=1, keepdims=True))
    return step._replace(scores=scores / scores.sum(axis=1, keepdims=True))


def log_loss(sums: ProbabilitySums) -> float:
    """Mean negative log of the probability of the true outcome, in nats; NaN without samples.

    Probabilities are clipped to the epsilon of their dtype, as in scikit-learn. Multi-label: the mean over labels.
    """
    return sums.log_loss / sums.weight if sums.weight else math.nan


def brier_score(sums: ProbabilitySums) -> float:
    """Mean squared difference between probabilities and outcomes (Brier, 1950); NaN without samples.

    Binary: of the positive class, in [0, 1]. Multi-class: summed over classes, in [0, 2]. Multi-label: the mean over labels.
    """
    return sums.brier / sums.weight if sums.weight else math.nan


def top_k_accuracy(sums: ProbabilitySums) -> float:
    """Share of samples whose class is among the :data:`TOP_K` with the highest scores.

    NaN without samples, or with at most :data:`TOP_K` classes. Ties rank the later class higher, as in scikit-learn.

    >>> scores = np.linspace(0.3, 0.0, 8)[np.newaxis]
    >>> top_k_accuracy(reduce_probabilities([Probabilities(np.array([4]), scores, None)], logits=False))
    1.0
    """
    return sums.top_k / sums.weight if sums.weight else math.nan


def calibration_error(sums: ProbabilitySums) -> float:
    """Expected calibration error: mean absolute difference between confidence and accuracy; NaN without samples.

    ``Σ |Σ w (confidence - outcome)| / Σ w`` over :data:`CALIBRATION_BINS` bins of equal width (Naeini, Cooper & Hauskrecht,
    2015). The confidence is the probability of the positive class (binary, multi-label) or of the predicted class
    (multi-class; Guo et al., 2017).

    >>> step = Probabilities(np.array([[True], [False]]), np.array([[0.75], [0.75]]), None)
    >>> calibration_error(reduce_probabilities([step], logits=False))
    0.25
    """
    if sums.calibration is None:
        return math.nan
    weight, confidence, outcome = sums.calibration
    total = weight.sum()
    return float(np.abs(confidence - outcome).sum() / total) if total else math.nan


def _chunks(steps: Sequence[Probabilities]) -> Iterator[Probabilities]:
    """Steps joined into chunks that are large enough for numpy's overhead and small enough for the cache."""
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
        weights = [np.ones(len(step.true)) if step.weight is None else step.weight for step in steps]
        if any(each.ndim == 2 for each in weights):
            weights = [
                np.broadcast_to(each.reshape(len(each), -1), step.scores.shape)
                for each, step in zip(weights, steps, strict=True)
            ]
        weight = np.concatenate(weights)
    return Probabilities(
        np.concatenate([step.true for step in steps]), np.concatenate([step.scores for step in steps]), weight
    )


def _reduce(step: Probabilities, table: NDArray[np.float64] | None, *, logits: bool) -> ProbabilitySums:
    """Sums over one chunk; its histogram is added to ``table`` instead."""
    weight = np.ones(len(step.true)) if step.weight is None else step.weight
    if step.scores.shape[1] > PROBABILITY_CLASSES and step.true.ndim == 1:
        return _of_many_classes(step, weight)
    if step.true.ndim == 1:
        return _of_classes(step, weight, table, logits=logits)
    return _of_events(step, weight, table, logits=logits)


def _of_events(
    step: Probabilities, weight: NDArray[np.float64], table: NDArray[np.float64] | None, *, logits: bool
) -> ProbabilitySums:
    """Binary and multi-label: each column is an event of its own."""
    scores, happened = _by_column(step.scores), _by_column(step.true)
    if logits:
        losses = np.logaddexp(0, np.where(happened, -scores, scores))
        odds = np.exp(-np.abs(scores))
        smaller = odds / (1 + odds)
        upper = scores > 0
        probability = np.where(upper, 1 - smaller, smaller)
    else:
        probability = np.clip(scores, 0, 1)
        upper, smaller = _folded(probability)
        losses = _negative_log(np.where(happened, probability, 1 - probability))
    if weight.ndim == 2:
        by_cell = _by_column(weight)
        if table is not None:
            _tabulate(table, upper, smaller, happened, by_cell)
        return _summed_events(losses, probability, happened, by_cell)
    if table is not None:
        _tabulate(table, upper, smaller, happened, step.weight)
    return ProbabilitySums(
        float(weight.sum()),
        float(losses.mean(axis=0, dtype=np.float64) @ weight),
        float(np.square(probability - happened).mean(axis=0, dtype=np.float64) @ weight),
        math.nan,
        _calibration(probability.ravel(), happened.ravel(), np.tile(weight, len(scores))),
        None,
    )


def _summed_events(
    losses: Array, probability: Array, happened: NDArray[np.bool_], weight: NDArray[np.float64]
) -> ProbabilitySums:
    """Sums over events each with a weight of its own, all of shape (C, n)."""
    labels = len(weight)
    return ProbabilitySums(
        float(weight.sum()) / labels,
        float((np.where(weight == 0, 0, losses) * weight).sum())
        / labels,  # infinite where a label is not known
        float((np.square(probability - happened) * weight).sum()) / labels,
        math.nan,
        _calibration(probability.ravel(), happened.ravel(), weight.ravel()),
        None,
    )


def _of_many_classes(step: Probabilities, weight: NDArray[np.float64]) -> ProbabilitySums:
    """Multi-class with too many classes for anything but the rank of the true one."""
    top_k = float(_in_top(step.scores, step.true.astype(np.intp)) @ weight)
    return ProbabilitySums(float(weight.sum()), math.nan, math.nan, top_k, None, None)


def _of_classes(
    step: Probabilities, weight: NDArray[np.float64], table: NDArray[np.float64] | None, *, logits: bool
) -> ProbabilitySums:
    """Multi-class: each row has one label."""
    scores, true, rows = _by_column(step.scores), step.true.astype(np.intp), np.arange(len(step.true))
    classes = len(scores)
    in_top, right = _ranks(scores, true)
    if logits:
        highest = scores.max(axis=0)
        probability = np.exp(scores - highest)
        sums = probability.sum(axis=0)
        probability /= sums
        losses = np.log(sums) + highest - scores[true, rows]
    else:
        probability = np.clip(scores, 0, 1)
        losses = _negative_log(probability[true, rows])
    if table is not None:
        is_class = true == np.arange(classes)[:, np.newaxis]
        _tabulate(table, *_folded(probability), is_class, step.weight)
    of_true = probability[true, rows].astype(np.float64)
    squares = np.square(probability).sum(axis=0, dtype=np.float64)
    return ProbabilitySums(
        float(weight.sum()),
        float(losses.astype(np.float64) @ weight),
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
    """Transposed to shape (C, n): numpy reduces the first axis many times faster than a short last one."""
    return np.ascontiguousarray(array.T)


def _folded(probability: Array) -> tuple[NDArray[np.bool_], Array]:
    """Whether p is above 0.5, and the smaller of p and 1 - p."""
    upper = np.asarray(probability > 0.5)
    return upper, np.minimum(probability, 1 - probability)


def _ranks(scores: Array, true: NDArray[np.intp]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Whether the true class is among the top k, where ties rank the later class higher, and whether it is predicted.

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
    """Whether the true class is among the top k, where ties rank the later class higher.

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
    """Same as ``np.count_nonzero(where, axis=1)``, but several times as fast."""
    counted: NDArray[np.uint32] = np.add.reduce(where.view(np.uint8), axis=1, dtype=np.uint32)
    return counted


def _added(parts: Sequence[ProbabilitySums]) -> ProbabilitySums:
    if len(parts) == 1:
        return parts[0]
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


def _negative_log(probability: Array) -> Array:
    epsilon = np.finfo(probability.dtype).eps
    return np.asarray(-np.log(np.clip(probability, epsilon, 1 - epsilon)))


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
