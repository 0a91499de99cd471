"""The Jensen–Shannon distance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def js(reference: NDArray[np.float64], window: NDArray[np.float64]) -> NDArray[np.float64]:
    """Jensen–Shannon distance, sqrt(½ KL(p ‖ m) + ½ KL(q ‖ m)) with m = ½ (p + q) and logarithms to base 2.

    In [0, 1], symmetric, a metric, and defined for empty bins. Source: Lin (1991); Endres & Schindelin (2003).

    Args:
        reference: Shares p, shape (..., B), each row sums to 1.
        window: Shares q, of a shape that broadcasts with it.

    Returns:
        Shape (...).

    >>> float(js(np.array([1.0, 0.0]), np.array([0.0, 1.0])))
    1.0
    """
    middle = (reference + window) / 2
    divergence = (_relative_entropy(reference, middle) + _relative_entropy(window, middle)) / 2
    return np.asarray(np.sqrt(np.maximum(0.0, divergence)))


def _relative_entropy(shares: NDArray[np.float64], middle: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = shares * np.log2(shares / middle)
    return np.asarray(np.where(shares > 0, terms, 0.0).sum(axis=-1))
