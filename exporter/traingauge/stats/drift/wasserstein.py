"""The Wasserstein distance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def wasserstein(
    reference: NDArray[np.float64], window: NDArray[np.float64], positions: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Wasserstein-1 (earth mover's) distance, ∫ |P - Q| dx: the average distance over which mass has to be moved.

    In [0, inf), symmetric, in the unit of the positions. Needs ordered bins. Source: Vallender (1974).

    Args:
        reference: Shares p, shape (..., B), each row sums to 1.
        window: Shares q, of a shape that broadcasts with it.
        positions: Position of the mass in each bin, shape (..., B), ascending.

    Returns:
        Shape (...).

    >>> float(wasserstein(np.array([1.0, 0.0]), np.array([0.0, 1.0]), np.array([2.0, 5.0])))
    3.0
    """
    gaps = np.abs((window - reference).cumsum(axis=-1))[..., :-1]
    return np.asarray((gaps * np.diff(positions, axis=-1)).sum(axis=-1))
