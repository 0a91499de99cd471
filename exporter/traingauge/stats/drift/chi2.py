"""Pearson's chi-square test of two samples."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray


def chi2(reference: NDArray[Any], window: NDArray[Any]) -> NDArray[np.float64]:
    """Chi-square statistic of homogeneity, Σ (observed - expected)² / expected over both samples.

    In [0, n + m], symmetric in the samples. It grows with the sample sizes, so read it together with its p-value. Bins that
    are empty in both samples contribute nothing. Source: Pearson (1900); no continuity correction.

    Args:
        reference: Counts, shape (..., B).
        window: Counts, of a shape that broadcasts with it.

    Returns:
        Shape (...); NaN where either sample is empty.

    >>> float(chi2(np.array([50, 50]), np.array([60, 40])).round(4))
    2.0202
    """
    m, n = reference.sum(axis=-1, keepdims=True), window.sum(axis=-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        # The terms of both samples together: (sqrt(m/n) k - sqrt(n/m) c)² / (k + c)
        terms = (np.sqrt(m / n) * window - np.sqrt(n / m) * reference) ** 2 / (window + reference)
    terms = np.where((window + reference > 0) | (n * m == 0), terms, 0.0)
    return np.asarray(terms.sum(axis=-1))


def pool_sparse(reference: NDArray[Any], window: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Pool the bins that are too sparse for the chi-square test.

    The chi-square approximation needs at least one expected sample in every bin of either sample (Cochran, 1954). Bins below
    that are pooled into one, which is left out if it is still too sparse. The choice depends only on the combined counts of
    both samples, so it does not bias the test.

    Args:
        reference: Counts, shape (..., B).
        window: Counts, of the same shape.

    Returns:
        Both, shape (..., B + 1): pooled bins are 0, and the last bin holds their sum.

    >>> pool_sparse(np.array([90, 5, 5, 0]), np.array([9, 1, 0, 0]))
    (array([90,  0,  0,  0, 10]), array([9, 0, 0, 0, 1]))
    """
    totals = [counts.sum(axis=-1, keepdims=True) for counts in (reference, window)]
    with np.errstate(invalid="ignore"):
        smaller_share = np.minimum(*totals) / (totals[0] + totals[1])
    sparse = ~((reference + window) * smaller_share >= 1)
    pools = [np.where(sparse, counts, 0).sum(axis=-1, keepdims=True) for counts in (reference, window)]
    enough = (pools[0] + pools[1]) * smaller_share >= 1
    one, two = (
        np.concatenate([np.where(sparse, 0, counts), np.where(enough, pool, 0)], axis=-1)
        for counts, pool in zip((reference, window), pools, strict=True)
    )
    return one, two


def chi2_pvalue(
    statistic: NDArray[np.float64], reference: NDArray[Any], window: NDArray[Any]
) -> NDArray[np.float64]:
    """P-value of the chi-square statistic, with one degree of freedom less than there are non-empty bins.

    Asymptotic, and unreliable if fewer than about five samples are expected in a bin.

    Args:
        statistic: From :func:`chi2`, shape (...).
        reference: Counts, shape (..., B).
        window: Counts, of a shape that broadcasts with it.

    Returns:
        Shape (...); NaN with fewer than two non-empty bins, and where the statistic is NaN.

    >>> one, two = np.array([50, 50]), np.array([60, 40])
    >>> float(chi2_pvalue(chi2(one, two), one, two).round(6))
    0.155218
    """
    freedom = np.count_nonzero(reference + window, axis=-1) - 1
    statistic, freedom = np.broadcast_arrays(statistic, freedom)
    pairs = zip(statistic.ravel().tolist(), freedom.ravel().tolist(), strict=True)
    return np.array([chi2_sf(value, degrees) for value, degrees in pairs]).reshape(statistic.shape)


def chi2_sf(statistic: float, freedom: int) -> float:
    """Upper tail of the chi-square distribution: the regularised incomplete gamma function Q(freedom / 2, x / 2).

    Computed from its series or its continued fraction, whichever converges faster. NaN for a NaN statistic or fewer than one
    degree of freedom. Source: Press et al., Numerical Recipes (2007), 6.2.

    >>> round(chi2_sf(3.841458820694124, 1), 12)
    0.05
    """
    if math.isnan(statistic) or freedom < 1:
        return math.nan
    a, x = freedom / 2, statistic / 2
    if x <= 0:
        return 1.0
    scale = math.exp(a * math.log(x) - x - math.lgamma(a))
    return 1.0 - scale * _series(a, x) if x < a + 1 else scale * _fraction(a, x)


def _series(a: float, x: float) -> float:
    term = total = 1 / a
    while term > total * 1e-17:
        a += 1
        term *= x / a
        total += term
    return total


def _fraction(a: float, x: float) -> float:
    """The continued fraction, by Lentz's method."""
    b = x + 1 - a
    c, d = math.inf, 1 / b
    value, step, k = d, 0.0, 0
    while abs(step - 1) > 1e-15 and k < 10_000:
        k += 1
        factor = -k * (k - a)
        b += 2
        d = 1 / (factor * d + b)
        c = b + factor / c
        step = c * d
        value *= step
    return value
