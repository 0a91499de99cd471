"""Joint distance of the numeric features: one number per row, whose distribution changes if their correlations do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from traingauge import validation
from traingauge.errors import ShapeError
from traingauge.reference.schema import Schema
from traingauge.reference.summary import Summary, summarise
from traingauge.stats.arrays import Array

#: Maximum number of principal components.
COMPONENTS = 64

#: Minimum number of rows per component.
ROWS_EACH = 10

#: Maximum number of features, as the size of their covariance matrix is the square of it.
FEATURES = 1_024

#: Standardised values are clipped to this many standard deviations, so that heavy tails do not dominate.
REACH = 5.0

#: Added to the variances of standardised features: smaller ones are treated as noise.
RIDGE = 0.01

_SCHEMA = Schema(("joint",), (None,))


@dataclass(frozen=True, slots=True)
class JointDistance:
    """Squared Mahalanobis distance of a row from the rows of a reference, under probabilistic PCA.

    It is ``Σ z²ᵢ / (λᵢ + r) + |rest|² / (σ² + r)``, with the first principal components z, their variances λ, the mean
    variance σ² of the rest, and a ridge r. A change in correlation alone shifts its distribution, which is compared like
    that of a feature. Source: Tipping & Bishop (1999); the two terms are Hotelling's T² and the squared prediction error of
    process monitoring.

    Attributes:
        columns: Indices of the k numeric features, shape (k,).
        center: Their means, shape (k,).
        scale: Their standard deviations, shape (k,); 1 for constant features.
        components: Orthonormal components, shape (k, c).
        weights: Weights of the squared components, shape (c + 1,): each component's in excess of that of the rest, which is
            last.
    """

    #: Names of the arrays that it is stored as.
    ARRAYS: ClassVar[tuple[str, ...]] = ("columns", "center", "scale", "components", "weights")

    columns: NDArray[np.intp]
    center: NDArray[np.float64]
    scale: NDArray[np.float64]
    components: NDArray[np.float64]
    weights: NDArray[np.float64]

    @classmethod
    def restored(cls, arrays: Mapping[str, Array], features: int) -> JointDistance:
        """The distance that :meth:`arrays` was called on.

        Args:
            arrays: Those arrays.
            features: Number of features in the table.

        Raises:
            TrainGaugeError: Arrays that do not go together.
        """
        count, components = validation.array("components", arrays["components"], None, None).shape
        shapes = {"components": (count, components), "weights": (components + 1,)}
        made = cls(
            *(validation.array(name, arrays[name], *shapes.get(name, (count,))) for name in cls.ARRAYS)
        )
        if made.columns.dtype.kind not in "iu" or not ((made.columns >= 0) & (made.columns < features)).all():
            raise ShapeError(f"columns are {made.columns}: expected indices of {features} features")
        return made

    def arrays(self) -> dict[str, Array]:
        """Arrays to store, by the names in :attr:`ARRAYS`."""
        return {name: getattr(self, name) for name in self.ARRAYS}

    def distances(self, table: Array) -> NDArray[np.float64]:
        """Squared distance of every row, shape (n, 1); missing values are replaced by the mean.

        Args:
            table: Encoded features, shape (n, F).
        """
        rows = _standard(table[:, self.columns], self.center, self.scale)
        squares = (rows @ self.components) ** 2 @ self.weights[:-1]
        return np.asarray(squares + self.weights[-1] * (rows * rows).sum(axis=1))[:, None]


def fit_joint_distance(summary: Summary) -> tuple[JointDistance, Summary] | None:
    """Estimate the joint distance of a summary's numeric features, and summarise the distances of its rows.

    One half of the kept rows estimates the covariance and the other half gives the distances, as rows are closer to a
    covariance estimated from them than new rows are. ``None`` with fewer than two numeric features, more than
    :data:`FEATURES`, or too few rows.

    >>> rng = np.random.default_rng(0)
    >>> names = ("a", "b")
    >>> rows = rng.multivariate_normal([0, 0], [[1, 0.9], [0.9, 1]], 2000)
    >>> joint, _ = fit_joint_distance(summarise(Schema(names, (None, None)), rows))
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
    joint = JointDistance(columns, center, scale, vectors[:, -count:], weights)
    return joint, summarise(_SCHEMA, joint.distances(summary.rows[half:]))


def _standard(values: Array, center: NDArray[np.float64], scale: NDArray[np.float64]) -> NDArray[np.float64]:
    rows = (values - center) / scale
    rows[~np.isfinite(values)] = 0.0
    return np.clip(rows, -REACH, REACH, out=rows)
