"""Smoothed shares from counts, so that empty and nearly empty bins do not dominate a statistic."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Pseudo-count per bin (Jeffreys' prior).
PRIOR = 0.5


def reference_shares(counts: NDArray[Any], prior: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shares of the reference, above 0 in every bin in use.

    ``(c + a) / (m + Σ a)``, the posterior mean under a Dirichlet prior.

    Args:
        counts: Counts c, shape (..., F, B).
        prior: Pseudo-counts a, shape (F, B); 0 in bins that a feature does not use.

    >>> reference_shares(np.array([[3, 0, 0]]), np.array([[0.5, 0.5, 0.0]]))
    array([[0.875, 0.125, 0.   ]])
    """
    return np.asarray((counts + prior) / (counts + prior).sum(axis=-1, keepdims=True))


def window_shares(
    counts: NDArray[Any], reference: NDArray[np.float64], used: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Shares of a window, shrunk towards the reference by half a sample per bin.

    ``(k + ½ B p) / (n + ½ B)``, where B counts the bins in use and p are the shares of the reference. A bin that is empty in
    a small window thus counts as about as rare as before, and not as vanished.

    Args:
        counts: Counts k, shape (..., F, B).
        reference: Shares p, shape (F, B), from :func:`reference_shares`.
        used: Whether a feature uses a bin, shape (F, B).

    >>> window_shares(np.array([[0, 0]]), np.array([[0.875, 0.125]]), np.array([[True, True]]))
    array([[0.875, 0.125]])
    """
    weight = PRIOR * used.sum(axis=-1, keepdims=True)
    return np.asarray((counts + weight * reference) / (counts.sum(axis=-1, keepdims=True) + weight))
