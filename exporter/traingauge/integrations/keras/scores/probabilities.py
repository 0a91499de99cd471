"""Probabilities in a TensorFlow graph, reduced as :mod:`traingauge.stats.classification.probabilities` reduces them outside.

A vector of float64 holds, of a batch, Σ w and what log loss, Brier score, top-k accuracy and calibration error are made of.
The histograms that ranking is read off are too large for every step: 64 KiB a class. They are filled for a pass alone, which
also keeps the scores themselves while there are few enough.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from traingauge.integrations.keras.scores.labels import Classified, margin
from traingauge.integrations.keras.scores.plan import ScoringPlan
from traingauge.stats.classification.decisions import OUTSIDE
from traingauge.stats.classification.histograms import BINS, LOWEST, SHIFT
from traingauge.stats.classification.probabilities import (
    CALIBRATION_BINS,
    HISTOGRAM_CLASSES,
    PROBABILITY_CLASSES,
    SCORES_KEPT,
    TOP_K,
    Probabilities,
    ProbabilitySums,
    rankable,
)


class GradedBatch(NamedTuple):
    """Probabilities of a batch and what came true; n rows, C columns.

    Attributes:
        weight: Shape (n,), float64; NaN in rows that hold no probabilities.
        log_loss: Shape (n,), float64: negative log of the probability of what came true.
        squares: Shape (n,), float64: squared difference of probabilities and outcomes.
        confidence: Shape (n,) or (n, C): the probabilities whose calibration is looked at.
        right: Whether these came true.
        smaller: Shape (n, C): the smaller of p and 1 - p.
        upper: Shape (n, C): whether that is 1 - p.
        happened: Shape (n, C): what came true.
        scores: Shape (n, C): what was predicted, as probabilities or logits.
        true: Shape (n, 1) or (n, C): codes of the true classes, or what came true.
    """

    weight: Any
    log_loss: Any
    squares: Any
    confidence: Any
    right: Any
    smaller: Any
    upper: Any
    happened: Any
    scores: Any
    true: Any


class GraphProbabilities:
    """Reduces what a classifier's labels are predicted by.

    Args:
        plan: How outputs become classes; of a single label a row only the rank is looked at beyond
            :data:`PROBABILITY_CLASSES` of them.

    Attributes:
        width: Length of the vector.
        bins: Length of the histograms; 0 beyond :data:`HISTOGRAM_CLASSES`.
        kept: Length of what is kept of a row: its weight, its scores and what came true.
        most_kept: Number of rows that are kept at most.
    """

    def __init__(self, plan: ScoringPlan) -> None:
        self._plan = plan
        self._columns = 1 if plan.task == "binary" else plan.classes
        self._graded = plan.task == "multilabel" or plan.classes <= PROBABILITY_CLASSES
        self._ranked = plan.task == "multiclass" and plan.classes > TOP_K
        self.width = 1 + self._ranked + self._graded * (2 + 3 * CALIBRATION_BINS)
        self.bins = self._columns * 2 * BINS if self._columns <= HISTOGRAM_CLASSES else 0
        self.kept = 1 + self._columns + (1 if plan.task == "multiclass" else self._columns)
        self.most_kept = SCORES_KEPT // self._columns

    def grade(self, batch: Classified) -> GradedBatch | None:
        """Inside the graph: probabilities of a batch; ``None`` if there are too many classes."""
        if not self._graded:
            return None
        scores = _wide(batch.scores)
        weight = batch.weight
        if not self._plan.logits:
            odd = tf.reduce_any((scores < -OUTSIDE) | (scores > 1 + OUTSIDE), axis=1)
            weight = tf.where(odd & (weight > 0), np.float64(np.nan), weight)
        if self._plan.task == "multiclass":
            return self._of_classes(batch, scores, weight)
        if self._plan.task == "multilabel":
            return self._of_events(batch.true, scores, weight)
        if self._plan.columns == 2:
            scores = margin(scores)[:, None] if self._plan.logits else scores[:, 1:]
        return self._of_events(batch.true[:, None] == 1, scores, weight)

    def measure(self, batch: Classified, graded: GradedBatch | None) -> Any:
        """Inside the graph: the vector of a batch, shape (width,)."""
        sums = [tf.reduce_sum(batch.weight)]
        if self._ranked:
            sums.append(_weighed(batch.weight, _in_top(batch)))
        if graded is None:
            return tf.stack(sums)
        sums += [_weighed(graded.weight, each) for each in (graded.log_loss, graded.squares)]
        return tf.concat([tf.stack(sums), _calibration(graded)], axis=0)

    def place(self, graded: GradedBatch) -> tuple[Any, Any]:
        """Inside the graph: the cells of the histograms that probabilities fall into, and their weights, shape (n C,)."""
        cells = _bins(graded.smaller, graded.upper) + tf.where(graded.happened, BINS, 0)
        cells += np.arange(self._columns, dtype=np.int32) * 2 * BINS
        return tf.reshape(cells, [-1]), tf.repeat(graded.weight, self._columns)

    def rows(self, graded: GradedBatch) -> Any:
        """Inside the graph: what is kept of each row, shape (n, kept)."""
        return tf.concat(
            [_double(each) for each in (graded.weight[:, None], graded.scores, graded.true)], axis=1
        )

    def decode(
        self,
        rows: NDArray[np.float64],
        histogram: NDArray[np.float64] | None = None,
        kept: NDArray[np.float64] | None = None,
    ) -> list[ProbabilitySums]:
        """Outside of the graph: the sums that vectors hold, shape (n, width); of one of them the histograms and rows."""
        loss = squares = top_k = np.full(len(rows), np.nan)
        calibration: Iterable[NDArray[np.float64] | None] = repeat(None, len(rows))
        if self._ranked:
            top_k = rows[:, 1]
        if self._graded:
            loss, squares = rows[:, 1 + self._ranked : 3 + self._ranked].T
            calibration = rows[:, 3 + self._ranked :].reshape(-1, 3, CALIBRATION_BINS)
        if histogram is not None:
            histogram = histogram.reshape(self._columns, 2, BINS)
        sums = (column.tolist() for column in (rows[:, 0], loss, squares, top_k))
        scores = None if kept is None else self._scores(kept)
        return list(map(ProbabilitySums, *sums, calibration, repeat(histogram), repeat(scores)))

    def _scores(self, kept: NDArray[np.float64]) -> Probabilities:
        """Outside of the graph: the scores that rows hold."""
        weight, scores, true = np.split(kept[kept[:, 0] != 0], [1, 1 + self._columns], axis=1)
        happened = true[:, 0].astype(np.intp) if self._plan.task == "multiclass" else true != 0
        return rankable(Probabilities(happened, scores, weight[:, 0]), logits=self._plan.logits)

    def _of_classes(self, batch: Classified, scores: Any, weight: Any) -> GradedBatch:
        if self._plan.logits:
            highest = tf.reduce_max(scores, axis=1)
            shares = tf.exp(scores - highest[:, None])
            total = tf.reduce_sum(shares, axis=1)
            probability = shares / total[:, None]
            log_loss = tf.math.log(total) + highest - _taken(scores, batch.true)
        else:
            probability = tf.clip_by_value(scores, 0, 1)
            log_loss = _negative_log(_taken(probability, batch.true))
        squares = tf.reduce_sum(_double(tf.square(probability)), axis=1)
        return GradedBatch(
            weight,
            _double(log_loss),
            squares - 2 * _double(_taken(probability, batch.true)) + 1,
            tf.reduce_max(probability, axis=1),
            batch.predicted == batch.true,
            tf.minimum(probability, 1 - probability),
            probability > 0.5,
            batch.true[:, None] == np.arange(self._plan.classes),
            scores,
            batch.true[:, None],
        )

    def _of_events(self, happened: Any, scores: Any, weight: Any) -> GradedBatch:
        """Each column an event of its own that happens or does not."""
        if self._plan.logits:
            log_loss = tf.math.softplus(tf.where(happened, -scores, scores))
            odds = tf.exp(-tf.abs(scores))
            smaller, upper = odds / (1 + odds), scores > 0
            probability = tf.where(upper, 1 - smaller, smaller)
        else:
            probability = tf.clip_by_value(scores, 0, 1)
            smaller, upper = tf.minimum(probability, 1 - probability), probability > 0.5
            log_loss = _negative_log(tf.where(happened, probability, 1 - probability))
        squares = tf.square(probability - tf.cast(happened, probability.dtype))
        return GradedBatch(
            weight,
            tf.reduce_mean(_double(log_loss), axis=1),
            tf.reduce_mean(_double(squares), axis=1),
            probability,
            happened,
            smaller,
            upper,
            happened,
            scores,
            happened,
        )


def _wide(scores: Any) -> Any:
    """As float32, or float64 if that is what they are."""
    return scores if scores.dtype == tf.float64 else tf.cast(scores, tf.float32)


def _double(values: Any) -> Any:
    return tf.cast(values, tf.float64)


def _taken(values: Any, codes: Any) -> Any:
    """Of each row the value of one column."""
    return tf.gather(values, codes, axis=1, batch_dims=1)


def _weighed(weight: Any, values: Any) -> Any:
    """Σ w v; a row without weight counts nothing, even where its value is infinite."""
    return tf.reduce_sum(tf.math.multiply_no_nan(_double(values), weight))


def _negative_log(probability: Any) -> Any:
    epsilon = np.finfo(probability.dtype.as_numpy_dtype).eps
    return -tf.math.log(tf.clip_by_value(probability, epsilon, 1 - epsilon))


def _in_top(batch: Classified) -> Any:
    """Whether the true class is among the top k, of equal scores the last one first."""
    of_true = _taken(batch.scores, batch.true)[:, None]
    later = np.arange(batch.scores.shape[1]) > batch.true[:, None]
    above = (batch.scores > of_true) | ((batch.scores == of_true) & later)
    return tf.reduce_sum(tf.cast(above, tf.int32), axis=1) < TOP_K


def _calibration(graded: GradedBatch) -> Any:
    """Weight, Σ w confidence and Σ w outcome of each bin, one after the other."""
    confidence, right = tf.reshape(graded.confidence, [-1]), tf.reshape(graded.right, [-1])
    weight = graded.weight
    if graded.confidence.shape.rank > 1:
        weight = tf.repeat(weight, graded.confidence.shape[1])
    where = tf.minimum(tf.cast(confidence * CALIBRATION_BINS, tf.int32), CALIBRATION_BINS - 1)
    values = tf.stack([weight, weight * _double(confidence), weight * _double(right)], axis=1)
    return tf.reshape(tf.transpose(tf.math.unsorted_segment_sum(values, where, CALIBRATION_BINS)), [-1])


def _bins(smaller: Any, upper: Any) -> Any:
    """See :func:`traingauge.stats.classification.histograms.bins_of`."""
    bits = tf.bitcast(tf.cast(smaller, tf.float32), tf.int32)
    within = tf.clip_by_value(tf.bitwise.right_shift(bits, SHIFT) - LOWEST, 0, BINS // 2 - 1)
    return tf.where(upper, BINS - 1 - within, within)
