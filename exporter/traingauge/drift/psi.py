"""The population stability index."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def psi(reference: NDArray[np.float64], window: NDArray[np.float64]) -> NDArray[np.float64]:
    """Population stability index, Σ (q - p) ln(q / p): the symmetrised Kullback–Leibler divergence.

    In [0, inf], symmetric. A bin that is empty in both adds nothing, one that is empty in one alone makes it
    inf: take the shares from :mod:`traingauge.drift.shares`. By convention below 0.1 is stable and above 0.2
        has shifted. Source:
    Siddiqi, Credit Risk Scorecards (2006); J-divergence of Jeffreys (1946).

    Args:
        reference: Shares p, shape (..., B), each row sums to 1.
        window: Shares q, of the same shape.

    Returns:
        Shape (...).

    >>> float(psi(np.array([0.5, 0.5]), np.array([0.6, 0.4])).round(6))
    0.040547
    """
    both = (reference > 0) | (window > 0)
    with np.errstate(divide="ignore"):
        logs = np.log(window, where=both, out=np.zeros(both.shape))
        logs -= np.log(reference, where=both, out=np.zeros(both.shape))
    return np.asarray(((window - reference) * logs).sum(axis=-1))


def chance_psi(reference: NDArray[np.float64], samples: int, reference_samples: int) -> NDArray[np.float64]:
    """What chance alone is expected to add to the PSI of a window without drift.

    ``(B - 1) (1/n + 1/m)``: the PSI is, to second order, a chi-square statistic. Bins in which less than one
    sample is expected count by that expectation. Source: Yurdakul, Statistical Properties of Population
    Stability Index (2018).

    Args:
        reference: Shares p, shape (..., B).
        samples: Of the window, n.
        reference_samples: Of the reference, m.

    Returns:
        Shape (...).

    >>> float(chance_psi(np.full(10, 0.1), 1000, 9000).round(6))
    0.01
    """
    added = np.zeros(reference.shape)
    for size in (samples, reference_samples):
        added += np.minimum(1.0, size * reference) * (1 - reference) / size
    return np.asarray(added.sum(axis=-1))
