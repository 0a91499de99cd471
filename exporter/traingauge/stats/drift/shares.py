"""From counts to shares: how bins that are empty, or nearly so, are kept from deciding anything."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Weight, in samples a bin, of what is believed of a bin before any sample is seen (Jeffreys' prior).
PRIOR = 0.5


def reference_shares(counts: NDArray[Any], prior: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shares of the reference in its bins, none of those in use at 0.

    ``(c + a) / (m + Σ a)``: the mean of the posterior.

    Args:
        counts: Shape (..., F, B).
        prior: Samples a that each bin is given beforehand, shape (F, B), 0 in bins that a feature does not use.

    >>> reference_shares(np.array([[3, 0, 0]]), np.array([[0.5, 0.5, 0.0]]))
    array([[0.875, 0.125, 0.   ]])
    """
    return np.asarray((counts + prior) / (counts + prior).sum(axis=-1, keepdims=True))


def window_shares(
    counts: NDArray[Any], reference: NDArray[np.float64], used: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Shares of a window, drawn a little towards the reference: by as much as ½ a sample for every bin.

    ``(k + ½ B p) / (n + ½ B)`` with the reference's shares p. A bin that no sample of a small window hit is
    so read as "about as rare as before", and not as "gone".

    Args:
        counts: Shape (..., F, B).
        reference: Shape (F, B), from :func:`reference_shares`.
        used: Shape (F, B).

    >>> window_shares(np.array([[0, 0]]), np.array([[0.875, 0.125]]), np.array([[True, True]]))
    array([[0.875, 0.125]])
    """
    weight = PRIOR * used.sum(axis=-1, keepdims=True)
    return np.asarray((counts + weight * reference) / (counts.sum(axis=-1, keepdims=True) + weight))
