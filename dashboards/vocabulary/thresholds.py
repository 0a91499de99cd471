"""Thresholds, drawn by the expression that the alerts compare with: a dashed line and an alert never disagree."""

from __future__ import annotations

from alerting.inlined import SET, effective
from dashboards.vocabulary import colours
from dashboards.vocabulary.metrics import BASELINE, RUNNING, series
from dashboards.vocabulary.queries import BASELINE_LINE, CRITICAL_LINE, WARNING_LINE, Query, Style
from dashboards.vocabulary.sdk import dashboard, model

#: Standard deviations up to which a distance is drawn. From hundreds on, the number says no more than *broken*.
FARTHEST = 1000.0

#: A series that a run has if a threshold applies to it, where the metric's own has another name or many labels.
_APPLIES_TO = {
    "class_recall": "model_recall",
    "feature_drift": "model_features_monitored",
    "failing_probability": "model_health_failing_probability",
    "features_drifted_ratio": "model_features_drifted",
}


def threshold(metric: str, severity: str, **labels: str) -> str:
    """The threshold in force of each run: set in code, else the default.

    Args:
        metric: Name as thresholds have it: the catalogue's without ``model_``.
        severity: Its severity.
        labels: Further matchers, as ``feature=""``.
    """
    chosen = series(SET, metric=metric, severity=severity, **labels)
    return effective(metric, severity, chosen, series(RUNNING), series(SET, metric=metric, feature=""))


def threshold_lines(metric: str, **labels: str) -> tuple[Query, Query]:
    """The warning and the critical threshold of a metric, as dashed lines, for runs that publish the metric.

    Defaults hold for every run. A panel of a score that the run does not have is empty, and not two dashed lines.

    Args:
        metric: Name as thresholds have it: the catalogue's without ``model_``.
        labels: Further matchers, as ``feature="$feature"``.
    """
    scored = series(_APPLIES_TO.get(metric, f"model_{metric}"))

    def line(severity: str, style: Style) -> Query:
        expr = f"{threshold(metric, severity, **labels)} and on (model, run) {scored}"
        return Query(expr, f"{severity} threshold", style=style)

    return line("warning", WARNING_LINE), line("critical", CRITICAL_LINE)


def level_lines(expr: str, *levels: tuple[float, str, Style]) -> list[Query]:
    """Constant levels, where an expression has a value: without it, a panel is empty and not a few dashed lines.

    They are queries, as Grafana's own thresholds do not widen the axis of a panel so that they can be seen.

    Args:
        expr: What is compared with them.
        levels: Each with its value, its name and how it is drawn.
    """
    return [
        Query(f"clamp(max({expr}), {value:g}, {value:g})", name, style=style) for value, name, style in levels
    ]


def baseline_line(*metrics: str) -> Query:
    """What a run has to beat in these scores, as one dashed line each; names are those of thresholds."""
    legend = "to beat" if len(metrics) == 1 else "{{metric}} to beat"
    return Query(series(BASELINE, metric="|".join(metrics)), legend, style=BASELINE_LINE)


#: Colours from a value on, the first from minus infinity.
Steps = tuple[tuple[float | None, str], ...]

#: One colour, whatever the value.
PLAIN: Steps = ((None, colours.NEUTRAL),)

#: Any occurrence is bad.
NONE_ALLOWED: Steps = ((None, colours.GOOD), (1, colours.CRITICAL))


def steps(colouring: Steps) -> dashboard.ThresholdsConfig:
    """Colouring of a panel as Grafana has it."""
    return (
        dashboard.ThresholdsConfig()
        .mode(model.ThresholdsMode.ABSOLUTE)
        .steps([model.Threshold(value, colour) for value, colour in colouring])
    )
