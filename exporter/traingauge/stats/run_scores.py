"""Scores of a window or a pass: which ones each task has, and how they are computed from its totals."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from traingauge.catalog import better_side
from traingauge.stats import regression
from traingauge.stats.classification import scores
from traingauge.stats.classification.counts import Counts
from traingauge.stats.classification.probabilities import (
    TOP_K,
    ProbabilitySums,
    brier_score,
    calibration_error,
    log_loss,
    top_k_accuracy,
)
from traingauge.stats.classification.ranking import Ranking, rank
from traingauge.stats.classification.scores import Average, averaged
from traingauge.stats.classification.tasks import Task
from traingauge.stats.regression import Residuals

_OF_REGRESSION: dict[str, Callable[[Residuals], float]] = {
    "mean_absolute_error": regression.mean_absolute_error,
    "root_mean_squared_error": regression.root_mean_squared_error,
    "r2_score": regression.r2_score,
    "bias": regression.bias,
    "residual_p5": partial(regression.residual_quantile, share=0.05),
    "residual_p50": partial(regression.residual_quantile, share=0.5),
    "residual_p95": partial(regression.residual_quantile, share=0.95),
}
_AVERAGED: dict[str, Callable[[Counts], NDArray[np.float64]]] = {
    "precision": scores.precision,
    "recall": scores.recall,
    "f1": scores.f1,
    "specificity": scores.specificity,
}
_OF_ONE_LABEL: dict[str, Callable[[Counts], float]] = {
    "balanced_accuracy": scores.balanced_accuracy,
    "matthews_correlation": scores.matthews_correlation,
    "cohen_kappa": scores.cohen_kappa,
}
_OF_PROBABILITIES: dict[str, Callable[[ProbabilitySums], float]] = {
    "log_loss": log_loss,
    "brier_score": brier_score,
    "calibration_error": calibration_error,
}
#: Every score that a task may have.
SCORES = frozenset(
    [
        *_OF_REGRESSION,
        "accuracy",
        *_AVERAGED,
        *_OF_ONE_LABEL,
        "top_k_accuracy",
        *_OF_PROBABILITIES,
        *Ranking._fields[:2],
    ]
)

#: The scores that health, thresholds and the reference run use.
_HEADLINES_OF_REGRESSION = ("mean_absolute_error", "root_mean_squared_error", "r2_score")
_HEADLINES_OF_CLASSES = ("precision", "recall", "f1")
HEADLINES = frozenset(["accuracy", *_HEADLINES_OF_CLASSES, *_HEADLINES_OF_REGRESSION])

#: Metric, and labels in addition to the split, of each score whose metric is not ``model_<score>``.
PUBLISHED_AS = {
    "top_k_accuracy": ("model_top_k_accuracy", (str(TOP_K),)),
    "residual_p5": ("model_residual_percentile", ("5",)),
    "residual_p50": ("model_residual_percentile", ("50",)),
    "residual_p95": ("model_residual_percentile", ("95",)),
}


class Measured(NamedTuple):
    """Totals of a window or a pass, from which its scores are computed.

    Attributes:
        content: Counts of a classifier, or residuals of a regression model.
        probabilities: Sums over the predicted probabilities; ``None`` for hard labels and regression.
        ranking: Areas under the curves, once they were read off the probabilities.
    """

    content: Counts | Residuals
    probabilities: ProbabilitySums | None = None
    ranking: Ranking | None = None


def ranked(content: Counts | Residuals, sums: ProbabilitySums | None, average: Average) -> Measured:
    """Totals whose samples have been ranked: neither their scores nor histograms of them are needed any more.

    Args:
        content: Counts of a classifier, or residuals of a regression model.
        sums: Sums over the predicted probabilities, or ``None``.
        average: How scores of classes are averaged.
    """
    if sums is None:
        return Measured(content)
    return Measured(content, replace(sums, histogram=None, kept=None), rank(sums, average))


def run_scores(measured: Measured, task: Task, average: Average) -> dict[str, float]:
    """Scores by name: NaN where undefined, absent where they do not apply.

    Names are those of the catalogue without ``model_``, or keys of :data:`PUBLISHED_AS`.

    Args:
        measured: Totals of a window or a pass.
        task: The task of the model.
        average: How scores of classes are averaged.
    """
    content, probabilities, ranking = measured
    if isinstance(content, Residuals):
        return {name: score(content) for name, score in _OF_REGRESSION.items()}
    values = {"accuracy": scores.accuracy(content)}
    values |= {name: averaged(score, content, average) for name, score in _AVERAGED.items()}
    if task != "multilabel":
        values |= {name: score(content) for name, score in _OF_ONE_LABEL.items()}
    if probabilities is not None:
        values |= _probability_scores(probabilities, content)
    if ranking is not None:
        values |= ranking.scores
    return values


def headline_scores(content: Counts | Residuals, average: Average) -> dict[str, float]:
    """The main scores by name, a subset of :func:`run_scores`.

    >>> headline_scores(regression.measure([1.0, 2.0], [1.0, 3.0]), "macro")
    {'mean_absolute_error': 0.5, 'root_mean_squared_error': 0.7071067811865476, 'r2_score': -1.0}
    """
    if isinstance(content, Residuals):
        return {name: _OF_REGRESSION[name](content) for name in _HEADLINES_OF_REGRESSION}
    averages = {name: averaged(_AVERAGED[name], content, average) for name in _HEADLINES_OF_CLASSES}
    return {"accuracy": scores.accuracy(content), **averages}


def remember_best(best: MutableMapping[str, float], values: Mapping[str, float]) -> None:
    """Update the best value of each score that has a better side; NaN is ignored.

    >>> best = {"accuracy": 0.9, "log_loss": 0.3}
    >>> remember_best(best, {"accuracy": 0.8, "log_loss": 0.2}); best
    {'accuracy': 0.9, 'log_loss': 0.2}
    """
    for name, value in values.items():
        side = better_side(name)
        if side is not None and not math.isnan(value):
            better = min if side == "lower" else max
            best[name] = better(value, best.get(name, value))


def _probability_scores(probabilities: ProbabilitySums, counts: Counts) -> dict[str, float]:
    values: dict[str, float] = {}
    if counts.classes > TOP_K and not math.isnan(probabilities.top_k):
        values["top_k_accuracy"] = top_k_accuracy(probabilities)
    if probabilities.calibration is not None:
        values |= {name: score(probabilities) for name, score in _OF_PROBABILITIES.items()}
    return values
