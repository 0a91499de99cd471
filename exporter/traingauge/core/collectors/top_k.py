"""Which of many to show, where series are bounded: those that are furthest off, with some inertia."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: How much further off than a shown one another must be to take its place.
HYSTERESIS = 1.25


def top_k(scores: NDArray[np.float64], shown: NDArray[np.intp]) -> NDArray[np.intp]:
    """The ones to show from now on, as many as are shown; one makes way only for another that is clearly further off.

    Args:
        scores: How far each is off, at least 0; NaN if unknown.
        shown: Indices of those that are shown.

    Returns:
        Indices, ascending.

    >>> top_k(np.array([1.0, 1.1, 2.0]), np.array([0, 1]))
    array([1, 2])
    >>> top_k(np.array([1.0, 1.1, 1.2]), np.array([0, 1]))
    array([0, 1])
    """
    favoured = np.nan_to_num(scores, nan=0.0)
    favoured[shown] = favoured[shown] * HYSTERESIS + 1e-9
    return np.sort(np.argsort(-favoured, kind="stable")[: len(shown)])
