"""Probabilistic predictions: kept as they are for a while, then reduced to sums that add up.

While :mod:`~traingauge.classification.counts` looks at decisions, this looks at the probabilities behind them. A step's
scores are copied when it is recorded, which is cheap, and reduced for many steps at once when somebody looks.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from traingauge.classification.arrays import Array
from traingauge.classification.histograms import bins_of, histogram

#: Up to this many classes the scores of each are put into a histogram of its own.
HISTOGRAM_CLASSES = 20

#: Beyond so many classes only the rank of the true class is looked at.
FORECAST_CLASSES = 100

#: Scores of a step that are kept as they are; more of them, or those of more than :data:`HISTOGRAM_CLASSES` classes,
#: are reduced at once.
SCORES_KEPT = 32_768

#: k of the top-k accuracy.
TOP_K = 5

#: Bins of equal width over [0, 1] in which confidence is compared with how often it is right.
CALIBRATION_BINS = 15

_CHUNK = 65_536  # scores reduced at once: temporary arrays stay in the processor's cache


class Forecast(NamedTuple):
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
class ForecastSums:
    """Sums over samples; all weighted.

    Attributes:
        weight: Σ w.
        log_loss: Σ w times the negative log of the probability of what came true.
        brier: Σ w times the squared difference of probabilities and outcomes.
        top_k: Σ w of samples whose class is among the :data:`TOP_K` with the highest scores; NaN if there are not more.
        calibration: Shape (3, CALIBRATION_BINS): weight, Σ w confidence, Σ w outcome. ``None`` for more than
            :data:`FORECAST_CLASSES`: then only ``weight`` and ``top_k`` are known, the rest is NaN.
        histogram: Shape (C, 2, BINS), ``None`` for more than :data:`HISTOGRAM_CLASSES`.
    """

    weight: float
    log_loss: float
    brier: float
    top_k: float
    calibration: NDArray[np.float64] | None
    histogram: NDArray[np.float64] | None

    def __add__(self, other: ForecastSums) -> ForecastSums:
        """Sum of both."""
        return ForecastSums(
            self.weight + other.weight,
            self.log_loss + other.log_loss,
            self.brier + other.brier,
            self.top_k + other.top_k,
            _sum(self.calibration, other.calibration),
            _sum(self.histogram, other.histogram),
        )


def reduce_forecasts(steps: Sequence[Forecast | ForecastSums], *, logits: bool) -> ForecastSums | None:
    """Sums of all steps together; ``None`` if there is no step.

    Args:
        steps: Steps as scores or as sums of them, all of the same form.
        logits: Whether the scores are logits.

    >>> step = Forecast(np.array([[True], [False]]), np.array([[0.9], [0.2]]), None)
    >>> sums = reduce_forecasts([step, step], logits=False)
    >>> round(log_loss(sums), 4), round(brier_score(sums), 4)
    (0.1643, 0.025)
    """
    total: ForecastSums | None = None
    for chunk in _chunks([step for step in steps if isinstance(step, Forecast)]):
        sums = _reduce(chunk, logits=logits)
        total = sums if total is None else total + sums
    for step in steps:
        if isinstance(step, ForecastSums):
            total = step if total is None else total + step
    return total


def log_loss(sums: ForecastSums) -> float:
    """Mean negative log of the probability given to what came true, in nats; NaN without samples.

    A probability is taken to be at least the epsilon of its type, as scikit-learn does. Multi-label: the mean over labels.
    """
    return sums.log_loss / sums.weight if sums.weight else math.nan


def brier_score(sums: ForecastSums) -> float:
    """Mean squared difference of probabilities and outcomes (Brier, 1950); NaN without samples.

    Binary: of the positive class, 0 to 1. Multi-class: summed over classes, 0 to 2. Multi-label: the mean over labels.
    """
    return sums.brier / sums.weight if sums.weight else math.nan


def top_k_accuracy(sums: ForecastSums) -> float:
    """Share of samples whose class is among the :data:`TOP_K` with the highest scores.

    NaN without samples or with no more classes than that. Of equal scores that of the later class is the higher, as in
    scikit-learn.
    """
    return sums.top_k / sums.weight if sums.weight else math.nan


def calibration_error(sums: ForecastSums) -> float:
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


def _chunks(steps: Sequence[Forecast]) -> Iterator[Forecast]:
    """Steps joined to pieces that are worth numpy's overhead and fit the cache."""
    pending: list[Forecast] = []
    size = 0
    for step in steps:
        pending.append(step)
        size += step.scores.size
        if size >= _CHUNK:
            yield _joined(pending)
            pending, size = [], 0
    if pending:
        yield _joined(pending)


def _joined(steps: Sequence[Forecast]) -> Forecast:
    if len(steps) == 1:
        return steps[0]
    weight = None
    if any(step.weight is not None for step in steps):
        weight = np.concatenate(
            [np.ones(len(step.true)) if step.weight is None else step.weight for step in steps]
        )
    return Forecast(
        np.concatenate([step.true for step in steps]), np.concatenate([step.scores for step in steps]), weight
    )


def _reduce(step: Forecast, *, logits: bool) -> ForecastSums:
    weight = np.ones(len(step.true)) if step.weight is None else step.weight
    if step.true.ndim == 1:
        return _of_classes(step, weight, logits=logits)
    return _of_events(step, weight, logits=logits)


def _of_events(step: Forecast, weight: NDArray[np.float64], *, logits: bool) -> ForecastSums:
    """Each column an event of its own that happens or does not."""
    scores, happened = step.scores, step.true
    if logits:
        surprise = np.logaddexp(0, np.where(happened, -scores, scores))
        odds = np.exp(-np.abs(scores))
        smaller = odds / (1 + odds)
        upper = scores > 0
        probability = np.where(upper, 1 - smaller, smaller)
    else:
        probability = np.clip(scores, 0, 1)
        upper = probability > 0.5
        smaller = np.where(upper, 1 - probability, probability)
        surprise = _surprise(np.where(happened, probability, 1 - probability))
    labels = scores.shape[1]
    each = np.repeat(weight, labels)
    bins = bins_of(smaller.astype(np.float32), upper) if labels <= HISTOGRAM_CLASSES else None
    return ForecastSums(
        float(weight.sum()),
        float(weight @ surprise.mean(axis=1, dtype=np.float64)),
        float(weight @ np.square(probability - happened).mean(axis=1, dtype=np.float64)),
        math.nan,
        _calibration(probability.ravel(), happened.ravel(), each),
        None if bins is None else histogram(bins, happened, step.weight),
    )


def _of_classes(step: Forecast, weight: NDArray[np.float64], *, logits: bool) -> ForecastSums:
    """Each row one label among several classes."""
    rows, classes = np.arange(len(step.true)), step.scores.shape[1]
    true = step.true.astype(np.intp)
    in_top = float(weight @ _in_top(step.scores, true)) if classes > TOP_K else math.nan
    if classes > FORECAST_CLASSES:
        return ForecastSums(float(weight.sum()), math.nan, math.nan, in_top, None, None)
    if logits:
        highest = step.scores.max(axis=1, keepdims=True)
        exponentials = np.exp(step.scores - highest)
        sums = exponentials.sum(axis=1, keepdims=True)
        probability = exponentials / sums
        surprise = (np.log(sums) + highest - step.scores[rows, true][:, np.newaxis])[:, 0]
    else:
        probability = np.clip(step.scores, 0, 1)
        surprise = _surprise(probability[rows, true])
    of_true = probability[rows, true].astype(np.float64)
    squares = np.einsum("nk,nk->n", probability, probability, dtype=np.float64)
    predicted = step.scores.argmax(axis=1)
    return ForecastSums(
        float(weight.sum()),
        float(weight @ surprise.astype(np.float64)),
        float(weight @ (squares - 2 * of_true + 1)),
        in_top,
        _calibration(probability[rows, predicted], predicted == true, weight),
        _one_against_rest(probability, true, step.weight) if classes <= HISTOGRAM_CLASSES else None,
    )


def _one_against_rest(
    probability: Array, true: NDArray[np.intp], weight: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    upper = probability > 0.5
    smaller = np.where(upper, 1 - probability, probability).astype(np.float32)
    return histogram(bins_of(smaller, upper), true[:, np.newaxis] == np.arange(probability.shape[1]), weight)


def _sum(one: NDArray[np.float64] | None, two: NDArray[np.float64] | None) -> NDArray[np.float64] | None:
    return None if one is None or two is None else one + two


def _surprise(probability: Array) -> Array:
    epsilon = np.finfo(probability.dtype).eps
    surprise: Array = -np.log(np.clip(probability, epsilon, 1 - epsilon))
    return surprise


def _in_top(scores: Array, true: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Whether fewer than k classes rank above the true one."""
    of_true = scores[np.arange(len(true)), true][:, np.newaxis]
    inside = np.count_nonzero(scores >= of_true, axis=1) <= TOP_K
    (unsure,) = np.nonzero(~inside)
    some, own = scores[unsure], of_true[unsure]
    later = (some == own) & (np.arange(scores.shape[1]) > true[unsure, np.newaxis])
    inside[unsure] = np.count_nonzero((some > own) | later, axis=1) < TOP_K
    return np.asarray(inside)


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
