"""Deviation from the reference run at the same position."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from traingauge.catalog import CATALOG
from traingauge.core.collectors.key_cache import KeyCache
from traingauge.core.families import Family
from traingauge.logs import logger

if TYPE_CHECKING:
    from traingauge.reference.run import Expectation, ReferenceRun
    from traingauge.stats.curves import Position

_NAMES = ("model_expected", "model_expected_stddev", "model_deviation")


class Deviation:
    """Compares the last value of every metric with a reference run.

    The deviation is ``(value - expected) / stddev``: positive above the expected value, which is worse for a loss and better
    for most scores. It is NaN outside the range of the reference's curve.

    Args:
        reference: Reference run; ``None`` compares nothing.
    """

    def __init__(self, reference: ReferenceRun | None = None) -> None:
        self._reference = reference
        self._last: dict[tuple[str, str], tuple[float, float, float]] = {}
        self._key_cache = KeyCache()
        self._missed: set[str] = set()

    def read(self, metric: str, split: str, at: Position, value: float) -> float:
        """Compare a value with the expected one; returns the deviation, NaN if nothing is expected."""
        if self._reference is None:
            return math.nan
        if (metric, split) not in self._reference.curves:
            self._miss(metric, self._reference)
            return math.nan
        expected = self._reference.expect(metric, split, at)
        deviation = _deviation(value, expected)
        self._last[metric, split] = (*expected, deviation)
        return deviation

    def _miss(self, metric: str, reference: ReferenceRun) -> None:
        """Log, once per metric, that the reference run does not have it."""
        if metric not in reference.metrics and metric not in self._missed:
            self._missed.add(metric)
            logger.warning(
                "%s is not compared with the reference run, which has %s",
                metric,
                ", ".join(sorted(reference.metrics)),
            )

    def families(self) -> Iterator[Family]:
        """``model_expected``, its standard deviation and ``model_deviation``; nothing before the first comparison."""
        if self._last:
            keys = self._key_cache.keys("expected", tuple(self._last))
            for name, values in zip(_NAMES, zip(*self._last.values(), strict=True), strict=True):
                yield Family(CATALOG[name], keys, values)


def _deviation(value: float, expected: Expectation) -> float:
    """Distance from the expected value in standard deviations; 0 if equal, else infinite for a standard deviation of 0."""
    distance = value - expected.value
    if distance == 0:
        return 0.0
    return distance / expected.stddev if expected.stddev != 0 else math.copysign(math.inf, distance)
