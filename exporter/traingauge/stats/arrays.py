"""Numpy arrays from what training code has at hand: arrays, lists, pandas columns, tensors of any framework.

No framework is imported: a tensor is known by its methods. What comes back may share memory with what was
given.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from traingauge.errors import InvalidTypeError, ShapeError

#: Any numpy array: labels and predictions come in every numeric dtype.
Array = NDArray[Any]


def as_array(values: object, what: str) -> Array:
    """Give values as a numpy array of numbers or strings.

    Args:
        values: An array, a (nested) sequence, or a tensor with ``detach``/``cpu``/``numpy`` methods.
        what: Its name, for the error.

    Raises:
        InvalidTypeError: Not an array of numbers or strings.

    >>> as_array([1, 0, 1], "y_true")
    array([1, 0, 1])
    """
    if values is None:
        raise InvalidTypeError(f"{what} is missing: scores need y_true and y_pred")
    array = values if type(values) is np.ndarray else _converted(values, what)
    if array.dtype.kind not in "biufU":
        if array.dtype.kind == "O" and all(isinstance(item, str) for item in array.flat):
            return array.astype(np.str_)
        raise InvalidTypeError(
            f"{what} has dtype {array.dtype}: expected numbers (labels, probabilities or logits)"
        )
    return array


def _converted(values: Any, what: str) -> Array:
    try:
        if hasattr(values, "detach"):
            values = values.detach()
        if hasattr(values, "cpu"):
            values = values.cpu()
        if hasattr(values, "numpy"):
            try:
                return np.asarray(values.numpy())
            except TypeError:  # torch's bfloat16 has no counterpart in numpy
                return np.asarray(values.float().numpy())
        return np.asarray(values)
    except (TypeError, ValueError, AttributeError, NotImplementedError) as error:
        raise InvalidTypeError(f"{what} is no array of numbers: {type(values).__name__} ({error})") from error


def as_scalar(value: Any, what: str) -> Any:
    """One number from what training code has at hand.

    A tensor on a device is detached and kept as it is: turning it into a number waits for the device, so that is left to
    whoever scrapes. Everything else becomes a float at once.

    Args:
        value: A number, an array or a tensor with one element.
        what: Its name, for the error.

    Raises:
        ShapeError: More or fewer elements than one.
        InvalidTypeError: No number.

    >>> as_scalar(np.float32(0.5), "loss"), as_scalar(np.array([[2]]), "loss")
    (0.5, 2.0)
    """
    if type(value) is float:
        return value
    if hasattr(value, "detach"):  # a torch tensor
        if value.numel() != 1:
            raise ShapeError(f"{what} has shape {tuple(value.shape)}: expected one number")
        if value.device.type != "cpu":
            return value.detach()  # it lets go of the graph that it hangs on
        number = value.item()
        if isinstance(number, (float, int)):
            return float(number)
    try:
        array = np.asarray(value)
        if array.size != 1:
            raise ShapeError(f"{what} has shape {array.shape}: expected one number")
        if array.dtype.kind in "biuf":
            return float(array.item())
    except (TypeError, ValueError, RuntimeError, NotImplementedError) as error:
        if isinstance(error, ShapeError):
            raise
        raise InvalidTypeError(f"{what} is a {type(value).__name__}: expected a number ({error})") from error
    raise InvalidTypeError(f"{what} is {value!r}: expected a number")
