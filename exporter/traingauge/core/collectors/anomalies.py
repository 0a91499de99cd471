"""Anomalies: detectors watch the signals of training, and their alarms are counted."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import Any, NamedTuple

import numpy as np

from traingauge import validation
from traingauge.catalog import CATALOG, better_side
from traingauge.core.collectors.key_cache import KeyCache
from traingauge.core.families import Family
from traingauge.errors import InvalidArgumentError, InvalidTypeError, shown
from traingauge.stats.detectors.cusum import Cusum
from traingauge.stats.detectors.detector import Detector
from traingauge.stats.streaming.residual import WINDOW, Forecaster, Residual


class _Reading(NamedTuple):
    """Input of the detectors; the sign is such that higher is worse.

    Attributes:
        value: Value of the signal.
        residual: Value minus forecast; NaN while there is no forecast.
        rank_z: Rank of the residual, as a standard normal quantile; NaN likewise.
    """

    value: float
    residual: float
    rank_z: float


#: A signal has become worse if the median of its last 5 values is worse than that of the 5 values 10 values earlier. A
#: signal that only improves more slowly has not.
MEDIAN_OF, LAG = 5, 10

#: Signals without a better side in the catalogue, for which a rise is an anomaly.
_RISING = ("gradient_norm", "step_seconds")
_SIGNS = {"higher": -1, "lower": 1, None: 0}


def parse(detectors: Sequence[Detector] | None) -> tuple[Detector, ...]:
    """Validate the detectors that a user passed.

    Args:
        detectors: Unused detectors, at most one of each kind; ``None`` is ``[Cusum()]``, which detects lasting changes
            fastest and ignores single values.

    Raises:
        InvalidTypeError: Not a list, or an item is not a detector.
        InvalidArgumentError: Two detectors of one kind, a used detector, or one with a given baseline.

    >>> [detector.name for detector in parse(None)], parse([])
    (['cusum'], ())
    >>> parse({"cusum": {}})
    Traceback (most recent call last):
    traingauge.errors.InvalidTypeError: detectors is a dict: expected a list of detectors, as [Cusum(limit=7.0)]
    """
    if detectors is None:
        return (Cusum(),)
    found = validation.listed("detectors", detectors, "a list of detectors, as [Cusum(limit=7.0)]")
    used = tuple(_checked(f"detectors[{at}]", one) for at, one in enumerate(found))
    names = [one.name for one in used]
    for name in names:
        if names.count(name) > 1:
            raise InvalidArgumentError(f"detectors has {name!r} twice: expected each detector once")
    return used


def _checked(what: str, detector: object) -> Detector:
    if not isinstance(detector, Detector):
        raise InvalidTypeError(f"{what} is {shown(detector)}: expected a detector, as Cusum()")
    if detector.seen:
        raise InvalidArgumentError(f"{what} has seen {detector.seen} values: expected a new detector")
    if detector.baseline is not None and detector.baseline.given:
        raise InvalidArgumentError(
            f"{what} has a given baseline: expected none, because signals are standardized before it sees them"
        )
    return detector


class Anomalies:
    """Watches signals with detectors, and counts the alarms of each for changes for the worse.

    For a signal without a worse side, such as the bias of a regression model, every change counts.

    Args:
        detectors: Detectors, of which each signal gets copies.

    >>> anomalies = Anomalies(parse(None))
    >>> for step in range(60):
    ...     anomalies.read("loss", 0.5 + 0.01 * (step % 7) + (step > 50), step)
    >>> [(family.keys[0].labels, family.values) for family in anomalies.families()]
    [(('loss', 'cusum'), (1.0,)), (('loss', 'cusum'), (54.0,))]
    """

    def __init__(self, detectors: Sequence[Detector]) -> None:
        self._detectors = detectors
        self._watched: dict[str, _Watched] = {}
        self._counts: dict[tuple[str, str], int] = {}
        self._last: dict[tuple[str, str], int] = {}
        self._key_cache = KeyCache()

    def read(self, signal: str, value: float, step: int) -> None:
        """Add a value of a signal; NaN and infinite values are ignored.

        Args:
            signal: Name of the signal.
            value: Value of the signal.
            step: Number of training steps so far.
        """
        if not self._detectors or not math.isfinite(value):
            return
        if signal not in self._watched:
            self._watched[signal] = _Watched(signal, self._detectors)
            for detector in self._detectors:
                self._counts.setdefault((signal, detector.name), 0)
        for name in self._watched[signal].update(value):
            self._counts[signal, name] += 1
            self._last[signal, name] = step

    def start_over(self) -> None:
        """Forget all values, because training continues from another step; the counts are kept."""
        self._watched.clear()

    def families(self) -> Iterator[Family]:
        """``model_anomalies_total`` from the first value on, ``model_anomaly_last_step`` from the first alarm on."""
        for name, values in (
            ("model_anomalies_total", self._counts),
            ("model_anomaly_last_step", self._last),
        ):
            if values:
                yield Family(
                    CATALOG[name],
                    self._key_cache.keys(name, tuple(values)),
                    tuple(float(one) for one in values.values()),
                )

    def save(self) -> dict[str, Any]:
        """The state, as a tree of plain values."""
        return {
            "watched": {signal: one.save() for signal, one in self._watched.items()},
            "counts": [[*key, count] for key, count in self._counts.items()],
            "last": [[*key, step] for key, step in self._last.items()],
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Restore a state from :meth:`save`. The detectors may differ from the saved ones: each is fed the last values."""
        self._counts = {(signal, detector): count for signal, detector, count in saved["counts"]}
        self._last = {(signal, detector): step for signal, detector, step in saved["last"]}
        for signal, one in saved["watched"].items() if self._detectors else ():
            self._watched[signal] = _Watched(signal, self._detectors)
            self._watched[signal].restore(one)
            for detector in self._detectors:
                self._counts.setdefault((signal, detector.name), 0)


_NO_FORECAST = Residual(math.nan, math.nan)


class _Watched:
    """One signal and its detectors."""

    def __init__(self, signal: str, detectors: Sequence[Detector]) -> None:
        self._sign = 1 if signal in _RISING else _SIGNS[better_side(signal)]
        self._forecast = Forecaster()
        self._detectors = [detector.for_signal() for detector in detectors]
        self._recent: deque[_Reading] = deque(maxlen=WINDOW)

    def update(self, value: float) -> list[str]:
        """Add a value; returns the names of the detectors that raise an alarm."""
        value *= self._sign or 1
        reading = _Reading(value, *(self._forecast.update(value) or _NO_FORECAST))
        self._recent.append(reading)
        worse = []
        for detector in self._detectors:
            before, sees = detector.statistic, detector.sees
            if not detector.update(getattr(reading, sees)):
                continue
            if sees == "rank_z":
                self._forecast.reset_level()  # a lasting change, which the forecast would overshoot
            if not self._sign or (detector.statistic > before if sees == "value" else self._worse):
                worse.append(detector.name)
        return worse

    @property
    def _worse(self) -> bool:
        values = [reading.value for reading in self._recent][-MEDIAN_OF - LAG :]
        return median(values[-MEDIAN_OF:]) > median(values[:MEDIAN_OF])

    def save(self) -> dict[str, Any]:
        return {
            "forecast": np.array(self._forecast.save()),
            "recent": np.array(self._recent).reshape(-1, len(_Reading._fields)),
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Feed the detectors the last values again. This restores their state, except for a longer window of ADWIN."""
        self._forecast.restore(saved["forecast"].tolist())
        for row in saved["recent"].tolist():
            self._recent.append(_Reading(*row))
            for detector in self._detectors:
                detector.update(getattr(self._recent[-1], detector.sees))
