"""Mean and variance of a stream in three numbers, numerically stable and mergeable in any order."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Moments:
    """Count, mean, variance and range of values that are not kept.

    Adding two gives the moments of both streams together, without the cancellation that sums of squares suffer::

        δ = mean_b - mean_a,  n = n_a + n_b
        mean = mean_a + δ n_b / n
        M2 = M2_a + M2_b + δ² n_a n_b / n

    Source: Chan, Golub & LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances" (1979);
    with n_b = 1 it is Welford's method (1962).

    Attributes:
        count: Number of finite values.
        mean: Their mean; NaN if there are none.
        m2: Sum of their squared deviations from the mean.
        minimum: Smallest of them; NaN if there are none.
        maximum: Largest of them; NaN if there are none.

    >>> both = Moments.of(np.array([1.0, 2.0])) + Moments.of(np.array([3.0, math.nan, 6.0]))
    >>> both.count, both.mean, round(both.stddev, 6), both.minimum, both.maximum
    (4, 3.0, 2.160247, 1.0, 6.0)
    """

    count: int = 0
    mean: float = math.nan
    m2: float = 0.0
    minimum: float = math.nan
    maximum: float = math.nan

    @classmethod
    def of(cls, values: NDArray[np.float64]) -> Moments:
        """Moments of values, shape (n,); NaN and infinite ones are left out."""
        if len(values) == 1 and math.isfinite(values[0]):  # a fast path: scores arrive one by one
            only = float(values[0])
            return cls(1, only, 0.0, only, only)
        values = values[np.isfinite(values)]
        if not len(values):
            return cls()
        with np.errstate(
            over="ignore", invalid="ignore"
        ):  # the variance of huge values overflows to infinity
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
        """Moments of both streams together."""
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
            min(self.minimum, other.minimum),
            max(self.maximum, other.maximum),
        )
