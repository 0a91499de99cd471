"""Mean and variance of a stream in three numbers, stable, and mergeable in any order."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Moments:
    """Count, mean, spread and extremes of values that are not kept.

    Two of them add up to those of both streams together, without the cancellation that sums of squares suffer::

        δ = mean_b - mean_a,  n = n_a + n_b
        mean = mean_a + δ n_b / n
        M2 = M2_a + M2_b + δ² n_a n_b / n

    Source: Chan, Golub & LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances" (1979);
    with n_b = 1 it is Welford's (1962).

    Attributes:
        count: Finite values seen.
        mean: Their mean, NaN without any.
        m2: Sum of their squared deviations from the mean.
        least: The least of them, NaN without any.
        greatest: The greatest.

    >>> both = Moments.of(np.array([1.0, 2.0])) + Moments.of(np.array([3.0, math.nan, 6.0]))
    >>> both.count, both.mean, round(both.stddev, 6), both.least, both.greatest
    (4, 3.0, 2.160247, 1.0, 6.0)
    """

    count: int = 0
    mean: float = math.nan
    m2: float = 0.0
    least: float = math.nan
    greatest: float = math.nan

    @classmethod
    def of(cls, values: NDArray[np.float64]) -> Moments:
        """Those of values, shape (n,); NaN and infinite ones are left out."""
        if len(values) == 1 and math.isfinite(values[0]):  # the usual case of a score
            only = float(values[0])
            return cls(1, only, 0.0, only, only)
        values = values[np.isfinite(values)]
        if not len(values):
            return cls()
        with np.errstate(
            over="ignore", invalid="ignore"
        ):  # values near the largest float have an infinite variance
            mean = float(values.mean())
            m2 = float(np.square(values - mean).sum())
        return cls(len(values), mean, m2, float(values.min()), float(values.max()))

    @property
    def variance(self) -> float:
        """Sample variance (n - 1), NaN for fewer than two values."""
        return self.m2 / (self.count - 1) if self.count > 1 else math.nan

    @property
    def stddev(self) -> float:
        """Sample standard deviation (n - 1), NaN for fewer than two values."""
        return math.sqrt(self.variance)

    def __add__(self, other: Moments) -> Moments:
        """The moments of both streams together."""
        if not self.count:
            return other
        if not other.count:
            return self
        count = self.count + other.count
        delta = other.mean - self.mean
        return Moments(
            count,
            self.mean + delta * (other.count / count),
            self.m2 + other.m2 + delta * delta * (self.count * other.count / count),
            min(self.least, other.least),
            max(self.greatest, other.greatest),
        )
