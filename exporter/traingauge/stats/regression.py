"""Regression scores: the sums that a step is reduced to, and every score as a formula over them.

Each step keeps its own sums, which are merged when scores are read. Nothing is ever subtracted, so rounding errors do not
accumulate.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from traingauge.errors import ShapeError

#: Residuals of one step kept for quantiles; a larger step keeps every k-th.
STEP_SAMPLE = 1024

#: Residuals of a window or a pass kept for quantiles; a larger one keeps every k-th.
SAMPLE = 65_536


class Residuals(NamedTuple):
    """Sums over samples of the residual e = predicted - true, for each of D outputs.

    Attributes:
        weight: Σ w.
        absolute: Σ w |e|, shape (D,).
        squared: Σ w e², shape (D,).
        signed: Σ w e, shape (D,).
        mean: Weighted mean of the true values, shape (D,); 0 without samples.
        spread: Σ w (true - mean)², shape (D,).
        sample: A sample of the residuals of all outputs, and their weights, shape (2, m); ``None`` if only the sums are
            known.
    """

    weight: float
    absolute: NDArray[np.float64]
    squared: NDArray[np.float64]
    signed: NDArray[np.float64]
    mean: NDArray[np.float64]
    spread: NDArray[np.float64]
    sample: NDArray[np.float64] | None = None


def measure(true: ArrayLike, predicted: ArrayLike, weight: NDArray[np.float64] | None = None) -> Residuals:
    """Residuals of one step, as float64.

    Args:
        true: Shape (n,) or (n, D), finite.
        predicted: Same shape, finite.
        weight: Shape (n,); ``None`` weights every sample 1.

    Raises:
        ShapeError: ``true`` and ``predicted`` differ in shape.

    >>> residuals = measure([1.0, 2.0, 3.0], [1.5, 2.0, 2.0])
    >>> mean_absolute_error(residuals), bias(residuals)
    (0.5, -0.16666666666666666)
    """
    true, predicted = np.asarray(true, np.float64), np.asarray(predicted, np.float64)
    if true.shape != predicted.shape:
        raise ShapeError(
            f"y_true has shape {true.shape} and y_pred {predicted.shape}: regression needs equal shapes"
        )
    if true.ndim == 1:
        true, predicted = true[:, np.newaxis], predicted[:, np.newaxis]
    with np.errstate(over="ignore", invalid="ignore"):
        return _summed(true, predicted, weight)


def _summed(
    true: NDArray[np.float64], predicted: NDArray[np.float64], weight: NDArray[np.float64] | None
) -> Residuals:
    """Residuals of arrays of shape (n, D); sums that overflow are infinite."""
    error = predicted - true
    w = np.ones(len(true)) if weight is None else weight
    total = float(w.sum())
    if not total:
        nothing = np.zeros(true.shape[1])
        return Residuals(0.0, nothing, nothing, nothing, nothing, nothing)
    shifted = true - true[0]  # so that the spread of a constant column is exactly 0
    mean = w @ shifted / total
    sample = np.empty((2, *error.shape))
    sample[0], sample[1] = error, w[:, np.newaxis]
    return Residuals(
        total,
        w @ np.abs(error),
        w @ error**2,
        w @ error,
        true[0] + mean,
        w @ (shifted - mean) ** 2,
        _thinned(sample.reshape(2, -1), STEP_SAMPLE),
    )


def merge(parts: Sequence[Residuals]) -> Residuals:
    """Residuals of one or more steps together.

    Spreads are merged as in Chan, Golub & LeVeque, "Algorithms for computing the sample variance" (1983).

    >>> whole = measure([1.0, 2.0, 3.0], [1.5, 2.0, 2.0])
    >>> parts = merge([measure([1.0], [1.5]), measure([2.0, 3.0], [2.0, 2.0])])
    >>> r2_score(parts) == r2_score(whole)
    True
    """
    parts = [part for part in parts if part.weight] or list(parts[:1])
    weight = np.array([part.weight for part in parts])
    total = float(weight.sum())
    if len(parts) == 1 or not total:
        return parts[0]
    with np.errstate(over="ignore", invalid="ignore"):
        return _merged(parts, weight, total)


def _merged(parts: Sequence[Residuals], weight: NDArray[np.float64], total: float) -> Residuals:
    means = np.array([part.mean for part in parts])
    shifted = means - means[0]
    mean = weight @ shifted / total
    samples = [part.sample for part in parts if part.sample is not None]
    return Residuals(
        total,
        np.sum([part.absolute for part in parts], axis=0),
        np.sum([part.squared for part in parts], axis=0),
        np.sum([part.signed for part in parts], axis=0),
        means[0] + mean,
        np.sum([part.spread for part in parts], axis=0) + weight @ (shifted - mean) ** 2,
        _thinned(np.concatenate(samples, axis=1), SAMPLE) if len(samples) == len(parts) else None,
    )


def mean_absolute_error(residuals: Residuals) -> float:
    """Mean absolute error, Σ w |e| / Σ w, averaged over the outputs; NaN without samples.

    >>> mean_absolute_error(measure([[1.0, 0.0], [2.0, 0.0]], [[2.0, 0.0], [2.0, 4.0]]))
    1.25
    """
    return float((residuals.absolute / residuals.weight).mean()) if residuals.weight else np.nan


def root_mean_squared_error(residuals: Residuals) -> float:
    """Root mean squared error, √(Σ w e² / Σ w), averaged over the outputs; NaN without samples.

    >>> root_mean_squared_error(measure([1.0, 2.0], [1.0, 4.0]))
    1.4142135623730951
    """
    with np.errstate(invalid="ignore"):  # weights may be negative
        return float(np.sqrt(residuals.squared / residuals.weight).mean()) if residuals.weight else np.nan


def bias(residuals: Residuals) -> float:
    """Mean residual, Σ w e / Σ w, averaged over the outputs; above 0 if predictions are too high; NaN without samples.

    >>> bias(measure([1.0, 2.0], [0.5, 2.0]))
    -0.25
    """
    return float((residuals.signed / residuals.weight).mean()) if residuals.weight else np.nan


def r2_score(residuals: Residuals) -> float:
    """Coefficient of determination, 1 - Σ w e² / Σ w (true - mean)², averaged over the outputs.

    Outputs whose true values are constant are left out; NaN if all are.

    >>> r2_score(measure([1.0, 2.0, 3.0], [1.5, 2.0, 2.5])), r2_score(measure([1.0, 1.0], [1.0, 2.0]))
    (0.75, nan)
    """
    varied = residuals.spread != 0
    if not varied.any():
        return np.nan
    with np.errstate(invalid="ignore"):  # both sums may have overflowed
        return float((1 - residuals.squared[varied] / residuals.spread[varied]).mean())


def residual_quantile(residuals: Residuals, share: float) -> float:
    """Weighted quantile of the residuals of all outputs: the smallest that at least ``share`` of the weight do not exceed.

    Exact for steps of at most :data:`STEP_SAMPLE` values and windows of at most :data:`SAMPLE`; otherwise an estimate from
    every k-th value. NaN without samples, or if only the sums are known.

    Args:
        residuals: From :func:`measure` or :func:`merge`.
        share: In (0, 1].

    >>> residual_quantile(measure([1.0, 2.0, 3.0], [1.5, 2.0, 2.0]), 0.5)
    0.0
    """
    if residuals.sample is None or not residuals.weight:
        return np.nan
    values, weight = residuals.sample
    order = np.argsort(values)
    cumulative = np.cumsum(weight[order])
    total = cumulative[-1]
    if (weight < 0).any():
        cumulative = np.maximum.accumulate(cumulative)  # the search needs an order
    # Slightly less than the share, so that rounding in the cumulative weights cannot move the result to the next value.
    at = np.searchsorted(cumulative, share * total * (1 - 1e-12))
    return float(values[order[min(at, len(order) - 1)]])


def _thinned(sample: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    return sample[:, :: -(-sample.shape[1] // size)].copy() if sample.shape[1] > size else sample
