"""All features at once: one number a row that changes when they no longer go together as they did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from traingauge.reference.schema import Schema
from traingauge.reference.summary import Summary, summarise
from traingauge.stats.arrays import Array

#: Principal components kept at most, and rows that each needs to be known by.
COMPONENTS, ROWS_EACH = 64, 10

#: Features that are looked at together at most: their covariance takes the square of it.
FEATURES = 1_024

#: Values are drawn in to so many standard deviations, so that a heavy tail does not drown the rest.
REACH = 5.0

#: Added to every variance (of standardised features): what varies less than that is noise.
RIDGE = 0.01

_SCHEMA = Schema(("joint",), (None,))


@dataclass(frozen=True, slots=True)
class Joint:
    """How far a row lies from the reference's rows, given how their features vary together.

    The squared Mahalanobis distance under probabilistic PCA: ``Σ z²ᵢ / (λᵢ + r) + |rest|² / (σ² + r)`` with the first
    components z, their variances λ, the mean variance σ² of the rest, and a ridge r. A change in correlation alone moves
    its distribution, which is then compared like that of any feature. Source: Tipping & Bishop (1999); the two terms are
    Hotelling's T² and the squared prediction error of process monitoring.

    Attributes:
        columns: Shape (k,), the features of numbers.
        center: Shape (k,), their means.
        scale: Shape (k,), their standard deviations.
        components: Shape (k, c), orthonormal.
        weights: Shape (c + 1,), what the square of each component adds beyond the last one, which is for all.
    """

    #: The arrays that it is stored as.
    ARRAYS: ClassVar[tuple[str, ...]] = ("columns", "center", "scale", "components", "weights")

    columns: NDArray[np.intp]
    center: NDArray[np.float64]
    scale: NDArray[np.float64]
    components: NDArray[np.float64]
    weights: NDArray[np.float64]

    @classmethod
    def of(cls, arrays: Mapping[str, Array]) -> Joint:
        """The one that :meth:`arrays` was called on."""
        return cls(*(arrays[name] for name in cls.ARRAYS))

    def arrays(self) -> dict[str, Array]:
        """What it is stored as, by the names of :attr:`ARRAYS`."""
        return {name: getattr(self, name) for name in self.ARRAYS}

    def distances(self, table: Array) -> NDArray[np.float64]:
        """Squared distance of every row, shape (n, 1); what is missing is taken for the mean.

        Args:
            table: Encoded features, shape (n, F).
        """
        rows = _standard(table[:, self.columns], self.center, self.scale)
        squares = (rows @ self.components) ** 2 @ self.weights[:-1]
        return np.asarray(squares + self.weights[-1] * (rows * rows).sum(axis=1))[:, None]


def fit(summary: Summary) -> tuple[Joint, Summary] | None:
    """How the features of a reference go together, and the distances of its rows.

    One half of the kept rows shows the former and the other half the latter: rows are nearer to a covariance that they had
    part in than new ones are. ``None`` with fewer than two features of numbers, more than :data:`FEATURES`, or too few rows.

    >>> rng = np.random.default_rng(0)
    >>> names = ("a", "b")
    >>> rows = rng.multivariate_normal([0, 0], [[1, 0.9], [0.9, 1]], 2000)
    >>> joint, _ = fit(summarise(Schema(names, (None, None)), rows))
    >>> near, far = joint.distances(np.array([[1.0, 1.0], [1.0, -1.0]])).ravel()
    >>> bool(far > 10 * near)
    True
    """
    columns = np.flatnonzero(~summary.schema.categorical & np.isfinite(summary.mean))
    half = len(summary.rows) // 2
    count = min(len(columns), COMPONENTS, half // ROWS_EACH)
    if not 2 <= len(columns) <= FEATURES or count < 2:
        return None
    deviation = summary.deviation[columns]
    center, scale = summary.mean[columns], np.where(deviation > 0, deviation, 1.0)
    rows = _standard(summary.rows[:half, columns], center, scale)
    variances, vectors = np.linalg.eigh(rows.T @ rows / half)
    rest = variances[:-count].mean() if count < len(columns) else 0.0
    others = 1 / (max(0.0, rest) + RIDGE)
    weights = np.append(1 / (np.maximum(0.0, variances[-count:]) + RIDGE) - others, others)
    joint = Joint(columns, center, scale, vectors[:, -count:], weights)
    return joint, summarise(_SCHEMA, joint.distances(summary.rows[half:]))


def _standard(values: Array, center: NDArray[np.float64], scale: NDArray[np.float64]) -> NDArray[np.float64]:
    rows = (values - center) / scale
    rows[~np.isfinite(values)] = 0.0
    return np.clip(rows, -REACH, REACH, out=rows)
