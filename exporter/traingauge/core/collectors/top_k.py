"""Selection of the k highest scores with hysteresis, where the number of series is bounded."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Ratio by which a score must exceed a shown one to replace it.
HYSTERESIS = 1.25


def top_k(scores: NDArray[np.float64], shown: NDArray[np.intp]) -> NDArray[np.intp]:
    """Select as many indices as are shown, by highest score; a shown one is replaced only by a clearly higher score.

    Args:
        scores: Scores, at least 0, shape (n,); NaN counts as 0.
        shown: Indices that are shown now, shape (k,).

    Returns:
        Indices to show, ascending, shape (k,).

    >>> top_k(np.array([1.0, 1.1, 2.0]), np.array([0, 1]))
    array([1, 2])
    >>> top_k(np.array([1.0, 1.1, 1.2]), np.array([0, 1]))
    array([0, 1])
    """
    favoured = np.nan_to_num(scores, nan=0.0)
    favoured[shown] = favoured[shown] * HYSTERESIS + 1e-9
    return np.sort(np.argsort(-favoured, kind="stable")[: len(shown)])
