"""Thresholds set in code: what ``thresholds={…}`` may say, checked, and published as series.

The alert rules compare with these series and the dashboards draw them, so that a threshold stands in one place. A metric
for which a run sets nothing has the rules' default; a run that sets any severity of a metric replaces all of its default.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple, get_args

from traingauge import validation
from traingauge.catalog import CATALOG, SHARE, better_side, in_words
from traingauge.core.families import Family, keys
from traingauge.errors import InvalidArgumentError, InvalidTypeError, UnknownNameError

Severity = Literal["warning", "critical"]

#: How bad it is when a threshold is crossed.
SEVERITIES: tuple[Severity, ...] = get_args(Severity)

_HAS_NO_METRIC = {
    "features_drifted_ratio": SHARE,
    "failing_probability": CATALOG["model_health_failing_probability"].range,
    "stuck_seconds": (1.0, math.inf),
}

#: Every metric that may have a threshold, by the catalogue's name without ``model_`` where it has one there, and its range.
METRICS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        name: _HAS_NO_METRIC.get(name) or CATALOG[f"model_{name}"].range
        for name in (
            "accuracy",
            "precision",
            "recall",
            "f1",
            "class_recall",
            "loss",
            "feature_drift",
            "features_drifted_ratio",
            "prediction_drift",
            "label_drift",
            "multivariate_drift",
            "deviation",
            "failing_probability",
            "stuck_seconds",
        )
    }
)

#: Those that are bad when they are low; the others are bad when they are high.
MINIMA = tuple(metric for metric in METRICS if better_side(metric) == "higher")


class Threshold(NamedTuple):
    """One threshold.

    Attributes:
        metric: One of :data:`METRICS`.
        severity: One of :data:`SEVERITIES`.
        value: In the metric's unit.
        feature: The feature it is for; ``None`` for all.
    """

    metric: str
    severity: Severity
    value: float
    feature: str | None = None


def parse(thresholds: Mapping[str, float | Mapping[str, float]]) -> tuple[Threshold, ...]:
    """Thresholds as a user writes them, checked.

    Args:
        thresholds: For each metric a number, which is its ``warning``, or a mapping from severity to number.

    Raises:
        UnknownNameError: A metric or a severity that does not exist.
        InvalidTypeError: A value that is no number.
        InvalidArgumentError: A value that is not finite, one that the metric cannot have, or a critical threshold that
            is crossed before the warning.

    >>> parse({"accuracy": 0.95})
    (Threshold(metric='accuracy', severity='warning', value=0.95, feature=None),)
    >>> [threshold.severity for threshold in parse({"recall": {"warning": 0.9, "critical": 0.8}})]
    ['warning', 'critical']
    """
    if not isinstance(thresholds, Mapping):
        raise InvalidTypeError(
            f"thresholds is a {type(thresholds).__name__}: expected a mapping like {{'accuracy': 0.95}}"
        )
    return tuple(one for metric, levels in thresholds.items() for one in _levels(metric, levels))


def _levels(metric: str, levels: float | Mapping[str, float]) -> Iterator[Threshold]:
    if metric not in METRICS:
        raise UnknownNameError("metric of a threshold", metric, METRICS)
    by_severity = levels if isinstance(levels, Mapping) else {"warning": levels}
    for severity in by_severity:
        if severity not in SEVERITIES:
            raise UnknownNameError(f"severity of the threshold of {metric!r}", severity, SEVERITIES)
    values = {one: _value(metric, by_severity[one]) for one in SEVERITIES if one in by_severity}
    if len(values) == len(SEVERITIES):
        _check_order(metric, values["warning"], values["critical"])
    for severity, value in values.items():
        yield Threshold(metric, severity, value)


def _value(metric: str, value: object) -> float:
    number = validation.number(f"threshold of {metric!r}", value)
    if not math.isfinite(number):
        raise InvalidArgumentError(f"threshold of {metric!r} is {number}: expected a finite number")
    lowest, highest = METRICS[metric]
    if not lowest <= number <= highest:
        fits = in_words((lowest, highest))
        raise InvalidArgumentError(f"threshold of {metric!r} is {number}: expected {fits}")
    return number


def _check_order(metric: str, warning: float, critical: float) -> None:
    if (critical > warning) if metric in MINIMA else (critical < warning):
        worse = "below" if metric in MINIMA else "above"
        raise InvalidArgumentError(
            f"critical threshold of {metric!r} is {critical} and its warning {warning}: critical has to lie {worse} warning"
        )


def family(thresholds: Iterable[Threshold]) -> Family:
    """``model_threshold`` of the given thresholds; later ones replace earlier ones of the same labels.

    >>> family(parse({"accuracy": 0.95})).values
    (0.95,)
    """
    values = {(one.metric, one.severity, one.feature): one.value for one in thresholds}
    return Family(CATALOG["model_threshold"], keys(*values), tuple(values.values()))
