"""Numbers that nobody gave, told from NaN that somebody did.

A column of steps has both: a loss that was NaN, and a loss that a step did not give. R keeps them apart by a NaN with bits
of its own, and so do we: whatever copies, joins or saves floats keeps the bits, and whatever asks ``isnan`` sees a NaN.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Values of which those that were not given are masked, shape (n,).
Column = np.ma.MaskedArray[tuple[int, ...], np.dtype[np.float64]]

_BITS = np.uint64(0x7FF8_0000_0000_07A2)  # a quiet NaN that carries 1954, as R's

#: Stands for what was not given.
NOT_GIVEN = float(_BITS.view(np.float64))


def absent(count: int) -> Floats:
    """A column of so many values of which none was given.

    >>> given(np.append(absent(2), [float("nan"), 0.5]))
    array([False, False,  True,  True])
    """
    return np.full(count, NOT_GIVEN)


def given(values: Floats) -> NDArray[np.bool_]:
    """Which of the values were given, shape as theirs; NaN and infinite ones too.

    >>> given(np.array([0.5, float("nan"), float("inf"), NOT_GIVEN]))
    array([ True,  True,  True, False])
    """
    found: NDArray[np.bool_] = np.ascontiguousarray(values, dtype=np.float64).view(np.uint64) != _BITS
    return found


def masked(values: Floats) -> Column:
    """The same values as a masked array: what was not given is masked, what was given as NaN is NaN.

    >>> masked(np.array([0.5, float("nan"), NOT_GIVEN]))
    masked_array(data=[0.5, nan, --],
                 mask=[False, False,  True],
           fill_value=nan)
    """
    there = given(values)
    return np.ma.MaskedArray(np.where(there, values, np.nan), ~there, fill_value=np.nan)
