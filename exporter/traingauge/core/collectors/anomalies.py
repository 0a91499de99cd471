"""Detectors that watch the signals of training, and how often each of them gave alarm."""

from __future__ import annotations

import inspect
import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from numbers import Real
from statistics import median
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import numpy as np

from traingauge.catalog import CATALOG, better_side
from traingauge.core.collectors.key_cache import KeyCache
from traingauge.core.families import Family
from traingauge.errors import InvalidTypeError, UnknownNameError
from traingauge.stats.detectors.catalog import DETECTORS
from traingauge.stats.detectors.detector import Detector
from traingauge.stats.streaming.residual import WINDOW, Forecaster, Residual

Makers = Mapping[str, Callable[[], Detector]]

_NORMAL = {"mean": 0.0, "deviation": 1.0}


class _Reading(NamedTuple):
    """A reading as detectors see it, worse upwards.

    Attributes:
        value: Of the signal.
        gap: To what was forecast; NaN as long as there is no forecast.
        score: Of the gap, by its rank.
    """

    value: float
    gap: float
    score: float


class _Watch(NamedTuple):
    """How a detector watches.

    Attributes:
        known: Settings that what it is given has already decided.
        usual: Settings unless others are given.
        sees: Which part of a reading it is given.
    """

    known: Mapping[str, float] = {}
    usual: Mapping[str, float] = {}
    sees: Literal["value", "gap", "score"] = "score"


_WATCHES: Mapping[str, _Watch] = MappingProxyType(
    {
        "ewma": _Watch(_NORMAL, {"limit": 3.3}),
        "cusum": _Watch(_NORMAL, {"limit": 7.0}),
        "page_hinkley": _Watch({"deviation": 1.0}),
        "adwin": _Watch(sees="value"),  # its window is cut where the level changes: it needs no forecast
        "robust_z": _Watch(
            usual={"limit": 8.0}, sees="gap"
        ),  # a rank does not say how far a spike sticks out
    }
)

#: What watches unless the script says otherwise: it finds lasting changes soonest, and says nothing of single values.
USUAL: Mapping[str, Mapping[str, float]] = MappingProxyType({"cusum": {}})

#: A signal is worse if the median of its last few readings is worse than that of as many, some readings ago: one that only
#: improves more slowly than it did is not.
FEW, AGO = 5, 10

#: Signals that are no score and have no better side: their rise is the anomaly.
_RISING = ("gradient_norm", "step_seconds")
_SIGNS = {"higher": -1, "lower": 1, None: 0}


def parse(detectors: Mapping[str, Mapping[str, float]] | None) -> Makers:
    """Detectors as a user writes them, checked: what makes each of them, by name.

    Args:
        detectors: Settings by name of the detector, ``{}`` for the usual ones; ``None`` for the usual detectors.

    Raises:
        UnknownNameError: A detector or a setting that does not exist.
        InvalidTypeError: A mapping or a number that is none.
        InvalidArgumentError: A setting that does not fit.

    >>> list(parse(None)), list(parse({"ewma": {"weight": 0.2}, "robust_z": {}})), list(parse({}))
    (['cusum'], ['ewma', 'robust_z'], [])
    """
    chosen = USUAL if detectors is None else detectors
    if not isinstance(chosen, Mapping):
        raise InvalidTypeError(
            f"detectors is a {type(chosen).__name__}: expected a mapping like {{'cusum': {{}}}}, or {{}} for none"
        )
    return {name: _maker(name, settings) for name, settings in chosen.items()}


class Anomalies:
    """Watches signals with detectors, each of which gives alarm when a signal has changed for the worse.

    A signal without a worse side, the bias of a regression, may have changed either way.

    Args:
        makers: Of the detectors, by name; of none to watch nothing.

    >>> anomalies = Anomalies(parse(None))
    >>> for step in range(60):
    ...     anomalies.read("loss", 0.5 + 0.01 * (step % 7) + (step > 50), step)
    >>> [(family.keys[0].labels, family.values) for family in anomalies.families()]
    [(('loss', 'cusum'), (1.0,)), (('loss', 'cusum'), (54.0,))]
    """

    def __init__(self, makers: Makers) -> None:
        self._makers = makers
        self._watched: dict[str, _Watched] = {}
        self._counts: dict[tuple[str, str], int] = {}
        self._last: dict[tuple[str, str], int] = {}
        self._key_cache = KeyCache()

    def read(self, signal: str, value: float, step: int) -> None:
        """Take a reading; one that is not finite changes nothing.

        Args:
            signal: Its name.
            value: Of the signal.
            step: Training steps so far.
        """
        if not self._makers or not math.isfinite(value):
            return
        if signal not in self._watched:
            self._watched[signal] = _Watched(signal, self._makers)
            for detector in self._makers:
                self._counts.setdefault((signal, detector), 0)
        for detector in self._watched[signal].update(value):
            self._counts[signal, detector] += 1
            self._last[signal, detector] = step

    def begin_anew(self) -> None:
        """Training goes on from elsewhere: what follows is not compared with what came before."""
        self._watched.clear()

    def families(self) -> Iterator[Family]:
        """``model_anomalies_total`` from the first reading, and the step of the last alarm from the first alarm."""
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
        """All of it, as a tree of plain values."""
        return {
            "watched": {signal: one.save() for signal, one in self._watched.items()},
            "counts": [[*key, count] for key, count in self._counts.items()],
            "last": [[*key, step] for key, step in self._last.items()],
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Take what :meth:`save` gave. Detectors may be others than before: each has seen the last readings."""
        self._counts = {(signal, detector): count for signal, detector, count in saved["counts"]}
        self._last = {(signal, detector): step for signal, detector, step in saved["last"]}
        for signal, one in saved["watched"].items() if self._makers else ():
            self._watched[signal] = _Watched(signal, self._makers)
            self._watched[signal].restore(one)
            for detector in self._makers:
                self._counts.setdefault((signal, detector), 0)


_NO_FORECAST = Residual(math.nan, math.nan)


class _Watched:
    """One signal, and its detectors."""

    def __init__(self, signal: str, makers: Makers) -> None:
        self._sign = 1 if signal in _RISING else _SIGNS[better_side(signal)]
        self._forecast = Forecaster()
        self._detectors = {name: make() for name, make in makers.items()}
        self._recent: deque[_Reading] = deque(maxlen=WINDOW)

    def update(self, value: float) -> list[str]:
        """Names of the detectors that give alarm."""
        value *= self._sign or 1
        reading = _Reading(value, *(self._forecast.update(value) or _NO_FORECAST))
        self._recent.append(reading)
        worse = []
        for name, detector in self._detectors.items():
            before, sees = detector.statistic, _WATCHES[name].sees
            if not detector.update(getattr(reading, sees)):
                continue
            if sees == "score":
                self._forecast.reset_level()  # it is a lasting change: the forecast would swing beyond it
            if not self._sign or (detector.statistic > before if sees == "value" else self._worse):
                worse.append(name)
        return worse

    @property
    def _worse(self) -> bool:
        values = [reading.value for reading in self._recent][-FEW - AGO :]
        return median(values[-FEW:]) > median(values[:FEW])

    def save(self) -> dict[str, Any]:
        return {
            "forecast": np.array(self._forecast.save()),
            "recent": np.array(self._recent).reshape(-1, len(_Reading._fields)),
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Shown the last readings again, detectors are where they were; only ADWIN's window may have been longer."""
        self._forecast.restore(saved["forecast"].tolist())
        for row in saved["recent"].tolist():
            self._recent.append(_Reading(*row))
            for name, detector in self._detectors.items():
                detector.update(getattr(self._recent[-1], _WATCHES[name].sees))


def _maker(name: str, settings: Mapping[str, float]) -> Callable[[], Detector]:
    if name not in _WATCHES:
        raise UnknownNameError("detector", name, _WATCHES)
    if not isinstance(settings, Mapping):
        raise InvalidTypeError(
            f"settings of detector {name!r} are {settings!r}: expected a mapping, {{}} for the usual"
        )
    watch = _WATCHES[name]
    fitting = [
        one for one in inspect.signature(DETECTORS[name]).parameters if one not in (*watch.known, "warmup")
    ]
    for setting, value in settings.items():
        if setting not in fitting:
            raise UnknownNameError(f"setting of detector {name!r}", setting, fitting)
        if isinstance(value, bool) or not isinstance(value, Real):
            raise InvalidTypeError(f"{setting} of detector {name!r} is {value!r}: expected a number")
    make = partial(DETECTORS[name], **{**watch.known, **watch.usual, **settings})
    make()  # a setting that does not fit is refused now
    return make
