"""Thresholds, drawn from the series that the alerts compare with: a dashed line and an alert never disagree."""

from __future__ import annotations

from dashboards.vocabulary import colours
from dashboards.vocabulary.metrics import BASELINE, THRESHOLD, series
from dashboards.vocabulary.queries import BASELINE_LINE, CRITICAL_LINE, WARNING_LINE, Query
from dashboards.vocabulary.sdk import dashboard, model


def threshold_lines(metric: str, **labels: str) -> tuple[Query, Query]:
    """The warning and the critical threshold of a metric, as dashed lines.

    Args:
        metric: Name as thresholds have it: the catalogue's without ``model_``.
        labels: Further matchers, as ``feature="$feature"``.
    """
    return (
        Query(
            series(THRESHOLD, metric=metric, severity="warning", **labels),
            "warning threshold, {{run}}",
            style=WARNING_LINE,
        ),
        Query(
            series(THRESHOLD, metric=metric, severity="critical", **labels),
            "critical threshold, {{run}}",
            style=CRITICAL_LINE,
        ),
    )


def baseline_line(*metrics: str) -> Query:
    """What a run has to beat in these scores, as one dashed line each; names are those of thresholds."""
    legend = "to beat, {{run}}" if len(metrics) == 1 else "{{metric}} to beat, {{run}}"
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
