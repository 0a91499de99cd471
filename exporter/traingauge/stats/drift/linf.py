"""The L∞ distance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def linf(reference: NDArray[np.float64], window: NDArray[np.float64]) -> NDArray[np.float64]:
    """L∞ (Chebyshev) distance, max |q - p|: the largest change in the share of a single bin.

    In [0, 1], symmetric, a metric. Source: Levin, Peres & Wilmer, Markov Chains and Mixing Times (2009), 4.1, where the
    total variation distance is the same maximum over sets of bins.

    Args:
        reference: Shares p, shape (..., B), each row sums to 1.
        window: Shares q, of a shape that broadcasts with it.

    Returns:
        Shape (...).

    >>> float(linf(np.array([0.5, 0.25, 0.25]), np.array([0.5, 0.5, 0.0])))
    0.25
    """
    return np.asarray(np.abs(window - reference).max(axis=-1))
