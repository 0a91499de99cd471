"""Targets: the drift of predictions and labels."""

from __future__ import annotations

from dashboards.vocabulary import units
from dashboards.vocabulary.layout import Section
from dashboards.vocabulary.metrics import (
    series,
)
from dashboards.vocabulary.panels import lines
from dashboards.vocabulary.queries import Query
from dashboards.vocabulary.sdk import Panel
from dashboards.vocabulary.thresholds import threshold_lines


def section() -> Section:
    """The section."""
    return Section("Did what the model answers, and what is right, move too?", _panels())


def _panels() -> list[Panel]:
    return [
        lines(
            "Drift of the predictions",
            Query(series("model_prediction_drift", statistic="$statistic"), "{{statistic}}, {{run}}"),
            *threshold_lines("prediction_drift"),
            description="Distance of what the model answers to what it answered on the reference. "
            "Predictions that move while features do not are a change of the model itself.",
            unit=units.NUMBER,
            decimals=3,
            minimum=0,
            empty="the reference holds no predictions.",
        ),
        lines(
            "Drift of the labels",
            Query(series("model_label_drift", statistic="$statistic"), "{{statistic}}, {{run}}"),
            *threshold_lines("label_drift"),
            description="Distance of the labels to those of the reference. Labels that move while features "
            "do not are a fault of labelling, or a class that comes or goes.",
            unit=units.NUMBER,
            decimals=3,
            minimum=0,
            empty="the reference holds no labels.",
        ),
    ]
