"""The Kolmogorov–Smirnov distance and its test."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_TERMS = np.arange(1, 11)


def ks(reference: NDArray[np.float64], window: NDArray[np.float64]) -> NDArray[np.float64]:
    """Kolmogorov–Smirnov distance, max |P - Q| over the cumulative shares at the edges of the bins.

    In [0, 1], symmetric. Differences within a bin are invisible, so it is at most the distance between the unbinned samples.
    Needs ordered bins. Source: Kolmogorov (1933), Smirnov (1939).

    Args:
        reference: Shares p, shape (..., B), each row sums to 1.
        window: Shares q, of a shape that broadcasts with it.

    Returns:
        Shape (...).

    >>> float(ks(np.array([0.5, 0.5, 0.0]), np.array([0.25, 0.25, 0.5])))
    0.5
    """
    return np.asarray(np.abs((window - reference).cumsum(axis=-1)).max(axis=-1))


def ks_pvalue(
    distance: NDArray[np.float64], samples: NDArray[np.float64], reference_samples: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Two-sided asymptotic p-value of the Kolmogorov–Smirnov distance; for binned data an upper bound.

    ``2 Σ (-1)^(k-1) exp(-2 k² x²)`` with ``x = d sqrt(n m / (n + m))``, Kolmogorov's limiting distribution.

    Args:
        distance: From :func:`ks`, shape (...).
        samples: Number of samples in the window, n, of a shape that broadcasts with ``distance``.
        reference_samples: Number of samples in the reference, m, likewise.

    Returns:
        Shape (...); NaN where either sample is empty.

    >>> float(ks_pvalue(np.array(0.1), np.array(500.0), np.array(500.0)).round(6))
    0.013476
    """
    with np.errstate(invalid="ignore"):
        size = samples * reference_samples / (samples + reference_samples)
    scaled = distance * np.sqrt(size)
    return np.asarray(np.where(scaled < _SWITCH, _small(scaled), _large(scaled)))


#: Below it, the form of the series by Jacobi's theta identity converges faster.
_SWITCH = 1.0

#: Below it, the p-value is 1 to all digits.
_CERTAIN = 0.1


def _large(scaled: NDArray[np.float64]) -> NDArray[np.float64]:
    terms = (-1.0) ** (_TERMS - 1) * np.exp(-2.0 * (_TERMS * scaled[..., None]) ** 2)
    return np.asarray(2.0 * terms.sum(axis=-1))


def _small(scaled: NDArray[np.float64]) -> NDArray[np.float64]:
    safe = np.maximum(scaled, _CERTAIN)
    terms = np.exp(-((2 * _TERMS - 1) ** 2) * np.pi**2 / (8.0 * safe[..., None] ** 2))
    return np.asarray(1.0 - np.sqrt(2.0 * np.pi) / safe * terms.sum(axis=-1))
