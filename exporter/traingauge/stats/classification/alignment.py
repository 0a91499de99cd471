"""Alignment of labels and predictions: one row for each scored sample or position."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from traingauge.errors import InvalidArgumentError, InvalidTypeError, ShapeError, shown
from traingauge.stats.arrays import Array

_SUM_TOLERANCE = 1e-2

Shape = tuple[int, ...]


class Alignment(NamedTuple):
    """How the arrays of a step become rows.

    Attributes:
        true: Shape of the rows of labels, (n,) or (n, K).
        predicted: Shape of the rows of predictions, (n,) or (n, K).
        move_true: Whether the classes of the labels are on the second axis.
        move_predicted: Whether the classes of the predictions are on the second axis.
    """

    true: Shape
    predicted: Shape
    move_true: bool = False
    move_predicted: bool = False

    def of_true(self, array: Array) -> Array:
        """Rows of an array that has the shape of the labels."""
        return _rows(array, self.true, self.move_true)

    def of_predicted(self, array: Array) -> Array:
        """Rows of an array that has the shape of the predictions."""
        return _rows(array, self.predicted, self.move_predicted)


def align(true: Array, predicted: Array, task: str | None, class_axis: int | None = None) -> Alignment:
    """How labels and predictions become rows of shape (n,) or (n, K), with the same n.

    Trailing axes of length 1 are dropped. If predictions have one more axis than labels, it is the last or, as in PyTorch,
    the second, and holds the scores of the classes; every other position (pixel, token) is a sample. Images of one channel
    in front, (n, 1, H, W), hold one score for each pixel. If shapes are equal, with at least two axes, the last one holds
    the classes, unless the task is ``binary`` or the values are integers other than 0 and 1: then each position is a sample.
    One-hot labels show by themselves where their classes are.

    Args:
        true: Labels.
        predicted: Predictions.
        task: The task; ``None`` while unknown.
        class_axis: Axis of the classes in earlier steps, 1 or -1, for shapes that fit both.

    Raises:
        ShapeError: The shapes are incompatible.
        InvalidArgumentError: The classes may be on either of two axes.

    >>> [align(np.zeros((8, 4)), np.zeros(shape), None).predicted for shape in [(8, 4, 3), (8, 3, 4)]]
    [(32, 3), (32, 3)]
    """
    if (
        true.ndim == 1
        and 1 <= predicted.ndim <= 2
        and len(true) == len(predicted)
        and predicted.shape[-1] > 1
    ):
        return Alignment(true.shape, predicted.shape)  # most steps
    _check_samples(true, predicted)
    of_true, of_predicted = true.shape, predicted.shape
    if len(of_predicted) < 3 or of_predicted[:-1] != of_true:
        of_true, of_predicted = _without_unit_axes(of_true), _without_unit_axes(of_predicted)
    images = [_without_channel(shape) for shape in (of_true, of_predicted)]
    if images != [of_true, of_predicted] and task != "multilabel":
        of_true, of_predicted = images
        if of_true == of_predicted:
            return Alignment((true.size,), (true.size,))
    if len(of_predicted) == len(of_true) + 1:
        return _with_classes(true, predicted, of_true, of_predicted, class_axis)
    if of_predicted == of_true:
        return _alike(true, predicted, of_true, task, class_axis)
    if len(of_true) == 2 and len(of_predicted) == 1:
        return Alignment(of_true, of_predicted)
    raise ShapeError(_misfit(of_true, of_predicted))


def are_masks(true: Array, predicted: Array, known: Array) -> bool:
    """Whether labels and predictions look like binary masks: of the same shape, with a 0 or a 1 at each position.

    One-hot labels, along the last axis or the second, are none.

    Args:
        true: Labels.
        predicted: Predictions.
        known: Which labels are known, same shape as ``true``.

    >>> masks = np.array([[[0, 1, 1], [0, 0, 0]]])
    >>> are_masks(masks, masks * 0.9, masks >= 0), are_masks(masks * 2, masks * 0.9, masks >= 0)
    (True, False)
    """
    shape = _without_unit_axes(true.shape)
    if len(shape) < 3 or shape != _without_unit_axes(predicted.shape) or true.dtype.kind == "U":
        return False
    true, known = true.reshape(shape), known.reshape(shape)
    if not ((true == 0) | (true == 1))[known].all():
        return False
    ones = np.where(known, true, 0)
    return not any((ones.sum(axis=axis) == 1).all() for axis in (1, -1))


def spread(weight: Array, samples: int, rows: int, shape: tuple[int, ...]) -> Array:
    """Weights as float64, shape (rows,): the weight of a sample applies to each of its positions.

    Args:
        weight: One weight per sample or per position. It may be negative, as in Monte Carlo samples.
        samples: Number of samples.
        rows: Number of rows after alignment.
        shape: Shape of the labels, for error messages.

    Raises:
        ShapeError: The weights match neither samples nor positions.
        InvalidTypeError: The weights are text.
        InvalidArgumentError: A weight is not finite.
    """
    if weight.dtype.kind == "U":
        raise InvalidTypeError(
            f"sample_weight holds text such as {shown(weight.flat[:1].tolist())}: expected numbers"
        )
    if weight.size == rows and weight.ndim and len(weight) in (samples, rows):
        flat = weight.reshape(-1).astype(np.float64)
    elif weight.size == samples and samples and rows % samples == 0:
        flat = np.repeat(weight.reshape(-1).astype(np.float64), rows // samples)
    else:
        raise ShapeError(f"sample_weight has shape {weight.shape}, but y_true has shape {shape}")
    finite = np.isfinite(flat)
    if not finite.all():
        raise InvalidArgumentError(
            f"sample_weight holds {flat[~finite][0].item()!r}: expected finite weights"
        )
    return flat


def _rows(array: Array, shape: Shape, move: bool) -> Array:
    if array.shape == shape and not move:
        return array
    return (np.moveaxis(array, 1, -1) if move else array).reshape(shape)


def _check_samples(true: Array, predicted: Array) -> None:
    if not true.ndim or not predicted.ndim:
        raise ShapeError(f"{_shapes(true, predicted)}: expected an axis of samples in both")
    if len(true) != len(predicted):
        raise ShapeError(
            f"y_true has {len(true)} samples and y_pred {len(predicted)}: "
            f"their shapes are {true.shape} and {predicted.shape}"
        )
    if 0 in true.shape[1:] or 0 in predicted.shape[1:]:
        raise ShapeError(f"{_shapes(true, predicted)}: an axis is empty")


def _shapes(true: Array, predicted: Array) -> str:
    return f"y_true and y_pred have shapes {true.shape} and {predicted.shape}"


def _without_unit_axes(shape: Shape) -> Shape:
    while len(shape) > 1 and shape[-1] == 1:
        shape = shape[:-1]
    return shape


def _without_channel(shape: Shape) -> Shape:
    """The shape of images without their only channel."""
    return (shape[0], *shape[2:]) if len(shape) > 3 and shape[1] == 1 else shape


def _with_classes(
    true: Array, predicted: Array, of_true: Shape, of_predicted: Shape, class_axis: int | None
) -> Alignment:
    """Predictions have one more axis than labels, that of the classes."""
    last = of_predicted[:-1] == of_true
    second = len(of_predicted) > 2 and (of_predicted[0], *of_predicted[2:]) == of_true
    if not last and not second:
        raise ShapeError(_misfit(of_true, of_predicted))
    if last and second:
        second = (class_axis or _axis_of_distributions(predicted.reshape(of_predicted))) == 1
    classes = of_predicted[1] if second else of_predicted[-1]
    rows = (true.size,) if classes == 1 else (true.size, classes)
    return Alignment((true.size,), rows, move_predicted=second)


def _alike(
    true: Array, predicted: Array, shape: Shape, task: str | None, class_axis: int | None
) -> Alignment:
    """Labels and predictions have the same shape."""
    if len(shape) == 1 or _positions(true, predicted, shape, task, class_axis):
        return Alignment((true.size,), (true.size,))
    if len(shape) > 2 and class_axis != -1 and (class_axis == 1 or _one_hot_in_front(true.reshape(shape))):
        rows = (true.size // shape[1], shape[1])
        return Alignment(rows, rows, move_true=True, move_predicted=True)
    rows = (true.size // shape[-1], shape[-1])
    return Alignment(rows, rows)


def _positions(true: Array, predicted: Array, shape: Shape, task: str | None, class_axis: int | None) -> bool:
    if task == "binary" and class_axis is None and (len(shape) > 2 or shape[-1] != 2):
        return True
    hard = true.dtype.kind in "iuU" and predicted.dtype.kind in "iuU"
    return hard and task != "multilabel" and (true.dtype.kind == "U" or not ((true == 0) | (true == 1)).all())


def _one_hot_in_front(true: Array) -> bool:
    """Whether labels are one-hot along their second axis, and not along the last."""
    if true.dtype.kind == "U" or true.shape[1] < 2:
        return False
    with np.errstate(invalid="ignore"):
        return bool((true.sum(axis=1) == 1).all()) and not (true.sum(axis=-1) == 1).all()


def _axis_of_distributions(predicted: Array) -> int:
    """The axis along which predictions are probabilities: 1 or -1."""
    found = [axis for axis in (1, -1) if predicted.dtype.kind == "f" and _sums_to_one(predicted, axis)]
    if len(found) != 1:
        classes = predicted.shape[-1]
        raise InvalidArgumentError(
            f"y_pred has shape {predicted.shape}, and both its second and its last axis may hold the classes: "
            f"pass y_true.reshape(-1), with y_pred.reshape(-1, {classes}) if the last one does, "
            f"or with y_pred.swapaxes(1, -1).reshape(-1, {classes}) if the second one does"
        )
    return found[0]


def _sums_to_one(predicted: Array, axis: int) -> bool:
    with np.errstate(invalid="ignore"):
        sums = predicted.sum(axis=axis, dtype=np.float64)
        return bool((np.abs(sums - 1) < _SUM_TOLERANCE).all())


def _misfit(true: Shape, predicted: Shape) -> str:
    return (
        f"y_true has shape {true} and y_pred {predicted}: "
        "expected the same shape, or one more axis of classes, the last or the second"
    )
