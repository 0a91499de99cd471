"""Alignment of labels and predictions: one row for each scored sample or position."""

from __future__ import annotations

import numpy as np

from traingauge.errors import InvalidArgumentError, ShapeError
from traingauge.stats.arrays import Array


def align(true: Array, predicted: Array, task: str | None) -> tuple[Array, Array]:
    """Reshape labels and predictions to (n,) or (n, K), with the same n.

    Trailing axes of length 1 are dropped. If predictions have one more axis than labels, it is the last and holds the scores
    of the classes; every other position (pixel, token) is a sample. If shapes are equal, with at least two axes, the last
    axis holds the classes, unless the task is ``binary`` or the values are integers other than 0 and 1: then every position
    is a sample.

    Args:
        true: Labels.
        predicted: Predictions.
        task: The task; ``None`` while unknown.

    Raises:
        ShapeError: The shapes are incompatible.

    >>> [array.shape for array in align(np.zeros((8, 4)), np.zeros((8, 4, 3)), None)]
    [(32,), (32, 3)]
    """
    if not true.ndim or not predicted.ndim:
        raise ShapeError(
            f"y_true and y_pred need an axis of samples, got shapes {true.shape} and {predicted.shape}"
        )
    if len(true) != len(predicted):
        raise ShapeError(
            f"y_true has {len(true)} samples and y_pred {len(predicted)}: "
            f"their shapes are {true.shape} and {predicted.shape}"
        )
    if 0 in true.shape[1:] or 0 in predicted.shape[1:]:
        raise ShapeError(
            f"y_true and y_pred have shapes {true.shape} and {predicted.shape}: an axis is empty"
        )
    if true.ndim == 1 and predicted.ndim <= 2 and predicted.shape[-1] != 1:
        return true, predicted
    if predicted.ndim < 3 or predicted.shape[:-1] != true.shape:
        true, predicted = _without_unit_axis(true), _without_unit_axis(predicted)
    if predicted.ndim > 1 and predicted.shape[:-1] == true.shape:
        return true.reshape(-1), predicted.reshape(-1, predicted.shape[-1])
    if predicted.shape == true.shape:
        if true.ndim == 1 or _positions(true, predicted, task):
            return true.reshape(-1), predicted.reshape(-1)
        return true.reshape(-1, true.shape[-1]), predicted.reshape(-1, true.shape[-1])
    if true.ndim == 2 and predicted.ndim == 1:
        return true, predicted
    raise ShapeError(_misfit(true, predicted))


def spread(weight: Array, samples: int, rows: int, shape: tuple[int, ...]) -> Array:
    """Weights as float64, shape (rows,): the weight of a sample applies to each of its positions.

    Args:
        weight: One weight per sample or per position.
        samples: Number of samples.
        rows: Number of rows after alignment.
        shape: Shape of the labels, for error messages.

    Raises:
        ShapeError: The weights match neither samples nor positions.
        InvalidArgumentError: A weight is negative or not finite.
    """
    if weight.size == rows and len(weight) in (samples, rows):
        flat = weight.reshape(-1).astype(np.float64)
    elif weight.size == samples and samples and rows % samples == 0:
        flat = np.repeat(weight.reshape(-1).astype(np.float64), rows // samples)
    else:
        raise ShapeError(f"sample_weight has shape {weight.shape}, but y_true has shape {shape}")
    if not (np.isfinite(flat) & (flat >= 0)).all():
        wrong = flat[~(np.isfinite(flat) & (flat >= 0))][0].item()
        raise InvalidArgumentError(f"sample_weight holds {wrong!r}: expected finite weights of at least 0")
    return flat


def _without_unit_axis(array: Array) -> Array:
    while array.ndim > 1 and array.shape[-1] == 1:
        array = array[..., 0]
    return array


def _positions(true: Array, predicted: Array, task: str | None) -> bool:
    if task == "binary" and (true.ndim > 2 or true.shape[-1] != 2):
        return True
    hard = true.dtype.kind in "iuU" and predicted.dtype.kind in "iuU"
    return hard and task != "multilabel" and (true.dtype.kind == "U" or not ((true == 0) | (true == 1)).all())


def _misfit(true: Array, predicted: Array) -> str:
    message = (
        f"y_true has shape {true.shape} and y_pred {predicted.shape}: "
        "expected the same shape, or one more axis of classes"
    )
    if predicted.ndim == true.ndim + 1 and (predicted.shape[0], *predicted.shape[2:]) == true.shape:
        message += "; the class axis comes last: pass y_pred.movedim(1, -1), or np.moveaxis(y_pred, 1, -1)"
    return message
