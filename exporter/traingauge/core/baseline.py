"""The scores that a run has to beat: what ``baseline={…}`` may say, checked, and published as series.

Such as those of the model in production, or of a simple rule that any model has to be better than. The alert rules compare
validation and test with these series, and the dashboards draw them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

from traingauge import validation
from traingauge.catalog import CATALOG, Metric, in_words
from traingauge.core.families import Family, keys
from traingauge.errors import InvalidArgumentError, InvalidTypeError, UnknownNameError

#: The scores that may have a baseline, by the catalogue's name without ``model_``: those of a split with a better side.
METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        name.removeprefix("model_"): metric
        for name, metric in CATALOG.items()
        if metric.better is not None and metric.labels == ("split",)
    }
)


def parse(baseline: Mapping[str, float]) -> dict[str, float]:
    """A baseline as a user writes it, checked.

    Args:
        baseline: For each score the value to beat.

    Raises:
        UnknownNameError: A score that does not exist.
        InvalidTypeError: A value that is no number.
        InvalidArgumentError: A value that is not finite, or one that the score cannot have.

    >>> parse({"accuracy": 0.93, "loss": 1})
    {'accuracy': 0.93, 'loss': 1.0}
    """
    if not isinstance(baseline, Mapping):
        raise InvalidTypeError(
            f"baseline is a {type(baseline).__name__}: expected a mapping like {{'accuracy': 0.93}}"
        )
    return {metric: _value(metric, value) for metric, value in baseline.items()}


def _value(metric: str, value: object) -> float:
    if metric not in METRICS:
        raise UnknownNameError("metric of a baseline", metric, METRICS)
    number = validation.number(f"baseline of {metric!r}", value)
    if not math.isfinite(number):
        raise InvalidArgumentError(f"baseline of {metric!r} is {number}: expected a finite number")
    lowest, highest = METRICS[metric].range
    if not lowest <= number <= highest:
        raise InvalidArgumentError(
            f"baseline of {metric!r} is {number}: expected {in_words((lowest, highest))}"
        )
    return number


def family(baseline: Mapping[str, float]) -> Family:
    """``model_baseline`` of what :func:`parse` gave.

    >>> family({"accuracy": 0.93}).values
    (0.93,)
    """
    return Family(CATALOG["model_baseline"], keys(*zip(baseline)), tuple(baseline.values()))
