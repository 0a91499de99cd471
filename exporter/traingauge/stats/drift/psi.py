"""The population stability index."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from traingauge.stats.drift.shares import PRIOR

#: Bins with fewer expected samples than this are rare: their bias is summed over the distribution of their counts.
RARE = 10

_COUNTS = np.arange(4 * RARE + 1, dtype=np.float64)
_LOG_FACTORIALS = np.array([math.lgamma(count + 1) for count in _COUNTS])


def psi(reference: NDArray[np.float64], window: NDArray[np.float64]) -> NDArray[np.float64]:
    """Population stability index, Σ (q - p) ln(q / p): the symmetrised Kullback–Leibler divergence.

    In [0, inf], symmetric. A bin that is empty in both samples contributes nothing; one that is empty in only one makes the
    index infinite, so use the smoothed shares of :mod:`traingauge.stats.drift.shares`. By convention, below 0.1 is stable
    and above 0.2 has shifted. Source: Siddiqi, Credit Risk Scorecards (2006); Jeffreys' J-divergence (1946).

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


def psi_bias(
    reference: NDArray[np.float64], used: NDArray[np.bool_], samples: float, reference_samples: float
) -> NDArray[np.float64]:
    """Bias of the PSI: its expected value for a window without drift.

    To second order it is ``(B - 1) (1/n + 1/m)``, as the PSI is approximately a chi-square statistic. For rare bins that is
    too large on the window's side, so their expectation is summed over Poisson counts. The smoothing by
    :func:`traingauge.stats.drift.shares.window_shares` is taken into account. Source: Yurdakul, Statistical Properties of
    Population Stability Index (2018).

    Args:
        reference: Shares p, shape (..., F, B).
        used: Whether a feature uses a bin, shape (F, B).
        samples: Number of samples in the window, n.
        reference_samples: Number of samples in the reference, m.

    Returns:
        Shape (..., F).

    >>> float(psi_bias(np.full((1, 10), 0.1), np.ones((1, 10), bool), 1000, 9000)[0].round(4))
    0.0099
    """
    prior = np.broadcast_to(PRIOR * used.sum(axis=-1, keepdims=True), reference.shape)
    added = (1 - reference) * samples / (samples + prior) ** 2
    rare = used & (samples * reference < RARE)
    added[rare] = _rare(reference[rare][:, None], samples, prior[rare][:, None])
    added += np.minimum(1.0, reference_samples * reference) * (1 - reference) / reference_samples
    return np.asarray(np.where(used, added, 0.0).sum(axis=-1))


def _rare(share: NDArray[np.float64], samples: float, prior: NDArray[np.float64]) -> NDArray[np.float64]:
    """Expectation of the term of one bin over the Poisson distribution of its count; shares have shape (R, 1)."""
    mean = samples * share
    probability = np.exp(_COUNTS * np.log(mean) - mean - _LOG_FACTORIALS)
    window = (_COUNTS + prior * share) / (samples + prior)
    return np.asarray((probability * (window - share) * np.log(window / share)).sum(axis=-1))
