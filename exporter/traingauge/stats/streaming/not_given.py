"""A marker for values that were not given, distinct from NaN values that were.

A column of steps may hold both: a loss that was NaN, and a step that reported no loss. Like R's ``NA``, the marker is a
NaN with a payload of its own: copying, concatenating and saving floats keep the payload, and ``isnan`` is true for it.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: A column, shape (n,), with the values that were not given masked.
Column: TypeAlias = "np.ma.MaskedArray[tuple[int, ...], np.dtype[np.float64]]"

_BITS = np.uint64(0x7FF8_0000_0000_07A2)  # a quiet NaN with the payload 1954, as in R

#: Stands for a value that was not given.
NOT_GIVEN = float(_BITS.view(np.float64))


def not_given(count: int) -> Floats:
    """A column, shape (count,), in which no value is given.

    >>> is_given(np.append(not_given(2), [float("nan"), 0.5]))
    array([False, False,  True,  True])
    """
    return np.full(count, NOT_GIVEN)


def is_given(values: Floats) -> NDArray[np.bool_]:
    """Whether each value was given, same shape as ``values``; true for NaN and infinite values too.

    >>> is_given(np.array([0.5, float("nan"), float("inf"), NOT_GIVEN]))
    array([ True,  True,  True, False])
    """
    found: NDArray[np.bool_] = np.ascontiguousarray(values, dtype=np.float64).view(np.uint64) != _BITS
    return found


def masked(values: Floats) -> Column:
    """The values as a masked array: values that were not given are masked, NaN that was given stays NaN.

    >>> masked(np.array([0.5, float("nan"), NOT_GIVEN]))
    masked_array(data=[0.5, nan, --],
                 mask=[False, False,  True],
           fill_value=nan)
    """
    there = is_given(values)
    return np.ma.MaskedArray(np.where(there, values, np.nan), ~there, fill_value=np.nan)
