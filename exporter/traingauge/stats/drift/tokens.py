"""What drifts in sequences of token ids: a few numbers a sequence."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from traingauge.errors import ShapeError

#: Names of what :func:`token_statistics` gives.
TOKEN_NAMES = ("length", "unknown_ratio", "distinct_ratio", "median_id")


def token_statistics(tokens: NDArray[Any], padding: int = 0, unknown: int = 1) -> NDArray[np.float64]:
    """Length, share of unknown tokens, share of distinct ones, and the median id, of each sequence.

    Vocabularies are ordered by frequency as a rule, so the median id says how rare the words are.

    Args:
        tokens: Shape (n, length), ids of tokens.
        padding: Id that fills up short sequences; it counts for nothing.
        unknown: Id of what is not in the vocabulary.

    Returns:
        Shape (n, 4), in the order of :data:`TOKEN_NAMES`; of an empty sequence all but the length are NaN.

    Raises:
        ShapeError: Another shape.

    >>> token_statistics(np.array([[7, 7, 1, 9, 0, 0]]))
    array([[4.  , 0.25, 0.75, 7.  ]])
    """
    if tokens.ndim != 2:
        raise ShapeError(f"tokens have shape {tokens.shape}: expected (n, length)")
    real = tokens != padding
    length = real.sum(axis=1)
    ordered = np.sort(np.where(real, tokens.astype(np.float64), np.inf), axis=1)
    first = np.ones_like(real)
    first[:, 1:] = ordered[:, 1:] > ordered[:, :-1]
    distinct = (first & np.isfinite(ordered)).sum(axis=1)
    low, high = (
        ordered[np.arange(len(tokens)), np.clip(where, 0, ordered.shape[1] - 1)]
        for where in ((length - 1) // 2, length // 2)
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = [((tokens == unknown) & real).sum(axis=1) / length, distinct / length]
        median = np.where(length > 0, (low + high) / 2, np.nan)
    return np.column_stack([length, *ratios, median])
