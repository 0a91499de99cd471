"""Features of sequences of token ids."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from traingauge.errors import ShapeError

#: Id that pads short sequences, and id of tokens outside the vocabulary, unless others are given.
PADDING, UNKNOWN = 0, 1

#: Names of the columns of :func:`token_features`.
TOKEN_FEATURE_NAMES = ("length", "unknown_ratio", "distinct_ratio", "median_id")


def token_features(
    tokens: NDArray[Any], padding: int = PADDING, unknown: int = UNKNOWN
) -> NDArray[np.float64]:
    """Length, share of unknown tokens, share of distinct tokens, and median id, of each sequence.

    Vocabularies are usually ordered by frequency, so the median id measures how rare the words are.

    Args:
        tokens: Token ids, shape (n, length).
        padding: Id that pads short sequences; such tokens are ignored.
        unknown: Id of tokens outside the vocabulary.

    Returns:
        Float64, shape (n, 4), in the order of :data:`TOKEN_FEATURE_NAMES`; NaN except for the length if a sequence is empty.

    Raises:
        ShapeError: ``tokens`` is not two-dimensional, or has no positions.

    >>> token_features(np.array([[7, 7, 1, 9, 0, 0]]))
    array([[4.  , 0.25, 0.75, 7.  ]])
    """
    if tokens.ndim != 2 or not tokens.shape[1]:
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
