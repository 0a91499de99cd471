"""Series that rules name as if they were recorded, and that rendering writes out in place.

Those of ``inlined.yml``, and the threshold in force: the one that a run has set, else the default.

>>> written_out('a > model_run_split:model_epochs:last{split!="train"}')
'a > (max by (model, run, split) (last_over_time(model_epochs_total{split!="train"}[5m])))'
>>> written_out('model_run:model_threshold:effective{metric="loss", severity="warning"}').partition(" or ")[0]
'(model_run:model_threshold:set{metric="loss", severity="warning"}'
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

import yaml

from alerting.places import INLINED, THRESHOLDS

#: The threshold in force, by its name in sources, and the two series behind it.
EFFECTIVE = "model_run:model_threshold:effective"
SET, DEFAULT = "model_run:model_threshold:set", "global:model_threshold:default"

_THRESHOLD = re.compile(EFFECTIVE + r"\{([^}]*)\}")
_NAME = re.compile(r"\bmodel_run\w*:\w+:\w+\b(?:\{([^}]*)\})?")


def thresholds() -> dict[str, dict[str, float]]:
    """The default thresholds: by metric, then by severity.

    >>> thresholds()["accuracy"]["warning"]
    0.7
    """
    found: dict[str, dict[str, float]] = yaml.safe_load(THRESHOLDS.read_text(encoding="utf-8"))
    return found


def written_out(text: str) -> str:
    """The text of a rule file with the expressions of these series instead of their names."""
    return _NAME.sub(_expression, _THRESHOLD.sub(_threshold, text))


def effective(metric: str, severity: str, chosen: str, running: str, general: str) -> str:
    """The threshold in force; none where the run has set none and there is no default.

    Args:
        metric: Its metric.
        severity: Its severity.
        chosen: Selector of the thresholds that runs have set.
        running: Selector of the runs.
        general: Selector of what runs have set for the metric, whatever the severity.
    """
    default = f'scalar(max({DEFAULT}{{metric="{metric}", severity="{severity}"}}))'
    return f"({chosen} or {default} * {running} > -Inf unless on (model, run) {general})"


@cache
def _inlined() -> Mapping[str, str]:
    return {
        name: " ".join(expression.split())
        for name, expression in yaml.safe_load(INLINED.read_text(encoding="utf-8")).items()
    }


def _expression(name: re.Match[str]) -> str:
    matched = name[1] or ""
    expression = _inlined().get(name[0].partition("{")[0])
    if expression is None:
        return name[0]
    return f"({expression.replace('{}', f'{{{matched}}}' if matched else '')})"


def _threshold(selector: re.Match[str]) -> str:
    """In an expression with its default, in the query of an annotation with the default in its second place."""
    labels = dict(re.findall(r"(\w+)=[\"']([^\"']*)[\"']", selector[1]))
    metric, severity = labels["metric"], labels["severity"]
    chosen = f"{SET}{{{selector[1]}}}"
    if "=%q" in selector[1]:
        default = f" or on () {DEFAULT}{{metric='{metric}', severity='{severity}'}}"
        return chosen + ("" if "feature=%q" in selector[1] else default)
    general = f'{SET}{{metric="{metric}", feature=""}}'
    return effective(metric, severity, chosen, "model_run:model_run_state:running", general)
