"""What a good run had reached at the same point, and how far this run is off."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator

from traingauge.catalog import CATALOG
from traingauge.core.collectors.key_cache import KeyCache
from traingauge.core.families import Family
from traingauge.reference.run import Expectation, ReferenceRun
from traingauge.stats.curves import Position

_log = logging.getLogger("traingauge")

_NAMES = ("model_expected", "model_expected_stddev", "model_deviation")


class Deviation:
    """The last reading of every metric against a reference run.

    The deviation is ``(reading - expected) / stddev``: positive above what was expected, which is worse for a loss and
    better for a score. It is NaN where the reference knows nothing: before its first reading and after its last.

    Args:
        reference: What is expected; ``None`` to expect nothing.
    """

    def __init__(self, reference: ReferenceRun | None = None) -> None:
        self._reference = reference
        self._last: dict[tuple[str, str], tuple[float, float, float]] = {}
        self._key_cache = KeyCache()
        self._missed: set[str] = set()

    def read(self, metric: str, split: str, at: Position, value: float) -> float:
        """Compare a reading with what is expected of it; the deviation."""
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
        """Say once of a metric that the reference run did not have it."""
        if metric not in reference.metrics and metric not in self._missed:
            self._missed.add(metric)
            _log.warning(
                "nothing is expected of %s: the reference run recorded %s",
                metric,
                ", ".join(sorted(reference.metrics)),
            )

    def families(self) -> Iterator[Family]:
        """``model_expected``, its standard deviation and ``model_deviation``; nothing before the first reading."""
        if self._last:
            keys = self._key_cache.keys("expected", tuple(self._last))
            for name, values in zip(_NAMES, zip(*self._last.values(), strict=True), strict=True):
                yield Family(CATALOG[name], keys, values)


def _deviation(value: float, expected: Expectation) -> float:
    """In standard deviations; 0 on the curve, infinite off a curve without any spread."""
    distance = value - expected.value
    if distance == 0:
        return 0.0
    return distance / expected.stddev if expected.stddev != 0 else math.copysign(math.inf, distance)
