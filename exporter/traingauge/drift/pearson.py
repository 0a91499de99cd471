"""Pearson's divergence."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def pearson(reference: NDArray[np.float64], window: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pearson's χ² divergence, Σ (q - p)² / p over the bins that the reference fills.

    In [0, inf), not symmetric. It sees a rare value that becomes frequent better than the PSI does, and does not see values
    that are new. Source: Pearson (1900); Liese & Vajda (2006).

    Args:
        reference: Shares p, shape (..., B), each row sums to 1.
        window: Shares q, of a shape that broadcasts with it.

    Returns:
        Shape (...).

    >>> float(pearson(np.array([0.5, 0.5, 0.0]), np.array([0.75, 0.0, 0.25])))
    0.625
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = (window - reference) ** 2 / reference
    return np.asarray(np.where(reference > 0, terms, 0.0).sum(axis=-1))
