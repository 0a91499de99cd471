"""Conversion of user input to numpy: arrays, lists, pandas columns, tensors of any framework.

No framework is imported: tensors are recognised by their methods. Results may share memory with the input.
"""

from __future__ import annotations

import sys
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from traingauge.errors import InvalidTypeError, ShapeError, shown

#: A numpy array of any dtype.
Array = NDArray[Any]

#: Smaller ones are those of numpy's dtypes of truth values, integers, float32 and float64.
_LONGDOUBLE = np.dtype(np.longdouble).num

#: What values raise that are no numbers, or arrays that were deleted, as those donated to JAX; and numpy's warnings, where
#: a script has Python raise them.
_UNREADABLE = (TypeError, ValueError, OverflowError, RuntimeError, Warning)


def as_array(values: object, what: str) -> Array:
    """Convert values to a numpy array of numbers or strings. Numbers that are masked become NaN.

    Args:
        values: An array, a (nested) sequence, or a tensor with ``detach``/``cpu``/``numpy`` methods.
        what: Name of the argument, for error messages.

    Returns:
        Same shape; boolean, integer, float or ``str_`` dtype. It may share memory with ``values``.

    Raises:
        InvalidTypeError: ``None``, or values that are neither numbers nor strings.

    >>> as_array([1, 0, 1], "y_true")
    array([1, 0, 1])
    """
    if type(values) is np.ndarray and values.dtype.num < _LONGDOUBLE:  # those of most steps
        return values
    if values is None:
        raise InvalidTypeError(f"{what} is None: scores need both y_true and y_pred")
    if is_masked(values):
        data, masked = split_mask(values, what)
        return data if masked is None else _with_gaps(data, masked, what)
    array = standard(values if type(values) is np.ndarray else _converted(values, what))
    if array.dtype.kind not in "biufU":
        if array.dtype.kind == "O" and all(isinstance(item, str) for item in array.flat):
            return array.astype(np.str_)
        raise InvalidTypeError(
            f"{what} has dtype {array.dtype}: expected numbers (labels, probabilities or logits)"
        )
    return array


def split_mask(values: object, what: str) -> tuple[Array, NDArray[np.bool_] | None]:
    """Convert values as :func:`as_array` does, but tell what is masked apart from what is NaN.

    Args:
        values: As in :func:`as_array`.
        what: Name of the argument, for error messages.

    Returns:
        The array, in which masked entries hold anything, and whether each is masked; ``None`` if none is.

    Raises:
        InvalidTypeError: As in :func:`as_array`.

    >>> split_mask(np.ma.array([1, 2], mask=[False, True]), "y_true")[1]
    array([False,  True])
    """
    if type(values) is np.ndarray or not is_masked(values):
        return as_array(values, what), None
    data, masked = np.asarray(values.data), np.ma.getmaskarray(values)
    if data.dtype.kind == "O":
        data = np.where(masked, "", data)
    return as_array(data, what), masked if masked.any() else None


def is_masked(values: object) -> TypeGuard[np.ma.MaskedArray[Any, Any]]:
    """Whether values are a masked array: there is none before ``numpy.ma`` is loaded, and loading it takes a while.

    >>> is_masked(np.ma.array([1, 2])), is_masked(np.array([1, 2]))
    (True, False)
    """
    return "numpy.ma" in sys.modules and isinstance(values, np.ma.MaskedArray)


def _with_gaps(data: Array, masked: NDArray[np.bool_], what: str) -> Array:
    if data.dtype.kind == "U":
        raise InvalidTypeError(f"{what} holds strings, some of them masked: expected none, or numbers")
    return np.where(masked, np.nan, data)


def standard(array: Array) -> Array:
    """The array in one of numpy's dtypes of at most 64 bits: longdouble and the dtypes of ml_dtypes become others.

    JAX and TensorFlow give bfloat16 and float8 as dtypes of ml_dtypes, which numpy's functions do not take.

    >>> standard(np.ones(2, np.longdouble)).dtype
    dtype('float64')
    """
    dtype = array.dtype
    if dtype.num < _LONGDOUBLE:
        return array
    if dtype.num == _LONGDOUBLE:
        return array.astype(np.float64)
    if dtype.isbuiltin == 2 and "complex" not in dtype.name:  # registered with numpy by another package
        return array.astype(np.int8 if "int" in dtype.name else np.float32)
    return array


def _converted(values: Any, what: str) -> Array:
    try:
        if hasattr(values, "detach") and getattr(values, "requires_grad", True):
            values = values.detach()
        if hasattr(values, "cpu") and not getattr(values, "is_cpu", False):
            values = values.cpu()
        if hasattr(values, "toarray") and hasattr(values, "nnz"):  # a sparse matrix of scipy
            return np.asarray(values.toarray())
        if hasattr(values, "numpy"):
            try:
                return np.asarray(values.numpy())
            except TypeError:  # torch's bfloat16 has no counterpart in numpy
                return np.asarray(values.float().numpy())
        return np.asarray(values)
    except (*_UNREADABLE, AttributeError) as error:
        raise InvalidTypeError(
            f"{what} is not an array of numbers: {type(values).__name__} ({error})"
        ) from error


def as_scalar(value: Any, what: str) -> Any:
    """Convert a value to a float.

    A tensor on an accelerator is copied there and returned as a tensor: reading it would wait for the device, which is left
    to the next scrape, and a script may overwrite its own before that.

    Args:
        value: A number, or an array or tensor with one element.
        what: Name of the argument, for error messages.

    Returns:
        The number, or the tensor; ``None`` if the value is masked, which is as if it had not been given.

    Raises:
        ShapeError: The value does not have exactly one element.
        InvalidTypeError: The value is not a number.

    >>> as_scalar(np.float32(0.5), "loss"), as_scalar(np.array([[2]]), "loss")
    (0.5, 2.0)
    """
    if type(value) is float:
        return value
    try:
        if hasattr(value, "detach"):  # a torch tensor
            if value.numel() != 1:
                raise ShapeError(f"{what} has shape {tuple(value.shape)}: expected one number")
            if getattr(value, "is_meta", False):
                raise InvalidTypeError(
                    f"{what} is on the meta device, which keeps no values: expected a number"
                )
            if not value.is_cpu:
                return value.detach().clone()  # without the autograd graph
            number = value.item()
            if isinstance(number, (float, int)):
                return float(number)
        if is_masked(value) and value.size == 1 and np.ma.getmaskarray(value).all():
            return None
        array = standard(np.asarray(value))
        if array.size != 1:
            raise ShapeError(f"{what} has shape {array.shape}: expected one number")
        if array.dtype.kind in "biuf":
            return float(array.item())
    except (ShapeError, InvalidTypeError):
        raise
    except _UNREADABLE as error:
        raise InvalidTypeError(f"{what} is a {type(value).__name__}: expected a number ({error})") from error
    raise InvalidTypeError(f"{what} is {shown(value)}: expected a number")
