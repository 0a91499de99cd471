"""The population stability index."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from traingauge.stats.drift.shares import PRIOR

#: Bins in which fewer samples than this are expected are summed over what their counts may be.
RARE = 10

_COUNTS = np.arange(4 * RARE + 1, dtype=np.float64)
_LOG_FACTORIALS = np.array([math.lgamma(count + 1) for count in _COUNTS])


def psi(reference: NDArray[np.float64], window: NDArray[np.float64]) -> NDArray[np.float64]:
    """Population stability index, Σ (q - p) ln(q / p): the symmetrised Kullback–Leibler divergence.

    In [0, inf], symmetric. A bin that is empty in both adds nothing, one that is empty in one alone makes it
    inf: take the shares from :mod:`traingauge.stats.drift.shares`. By convention below 0.1 is stable and above 0.2
    has shifted. Source: Siddiqi, Credit Risk Scorecards (2006); Jeffreys' J-divergence (1946).

    Args:
        reference: Shares p, shape (..., B), each row sums to 1.
        window: Shares q, of a shape that broadcasts with it.

    Returns:
        Shape (...).

    >>> float(psi(np.array([0.5, 0.5]), np.array([0.6, 0.4])).round(6))
    0.040547
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = (window - reference) * (np.log(window) - np.log(reference))
    return np.asarray(np.where(window == reference, 0.0, terms).sum(axis=-1))


def chance_psi(
    reference: NDArray[np.float64], used: NDArray[np.bool_], samples: float, reference_samples: float
) -> NDArray[np.float64]:
    """What chance alone is expected to add to the PSI of a window without drift.

    To second order ``(B - 1) (1/n + 1/m)``, for the PSI is about a chi-square statistic. On the window's
    side, where rare bins make that too much, their Poisson counts are summed over, and the weight is minded
    by which :func:`traingauge.stats.drift.shares.window_shares` draws a window towards the reference. Source:
    Yurdakul, Statistical Properties of Population Stability Index (2018).

    Args:
        reference: Shares p, shape (..., F, B).
        used: Shape (F, B), bins in use.
        samples: Of the window, n.
        reference_samples: Of the reference, m.

    Returns:
        Shape (..., F).

    >>> float(chance_psi(np.full((1, 10), 0.1), np.ones((1, 10), bool), 1000, 9000)[0].round(4))
    0.0099
    """
    prior = np.broadcast_to(PRIOR * used.sum(axis=-1, keepdims=True), reference.shape)
    added = (1 - reference) * samples / (samples + prior) ** 2
    rare = used & (samples * reference < RARE)
    added[rare] = _rare(reference[rare][:, None], samples, prior[rare][:, None])
    added += np.minimum(1.0, reference_samples * reference) * (1 - reference) / reference_samples
    return np.asarray(np.where(used, added, 0.0).sum(axis=-1))


def _rare(share: NDArray[np.float64], samples: float, prior: NDArray[np.float64]) -> NDArray[np.float64]:
    """Expectation of one bin's term over the Poisson distribution of its count; shares have shape (R, 1)."""
    mean = samples * share
    probability = np.exp(_COUNTS * np.log(mean) - mean - _LOG_FACTORIALS)
    window = (_COUNTS + prior * share) / (samples + prior)
    return np.asarray((probability * (window - share) * np.log(window / share)).sum(axis=-1))
