"""The total variation distance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def tv(reference: NDArray[np.float64], window: NDArray[np.float64]) -> NDArray[np.float64]:
    """Total variation distance, ½ Σ |q - p|: the share of samples that would have to move to another bin.

    In [0, 1], symmetric, a metric. Source: Levin, Peres & Wilmer, Markov Chains and Mixing Times (2009), 4.1.

    Args:
        reference: Shares p, shape (..., B), each row sums to 1.
        window: Shares q, of a shape that broadcasts with it.

    Returns:
        Shape (...).

    >>> float(tv(np.array([0.5, 0.5]), np.array([0.75, 0.25])))
    0.25
    """
    return np.asarray(np.abs(window - reference).sum(axis=-1) / 2)
