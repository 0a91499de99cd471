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
    return Section("Did predictions and labels drift, too?", _panels())


def _panels() -> list[Panel]:
    return [
        lines(
            "Prediction drift",
            Query(series("model_prediction_drift", statistic="$statistic"), "{{statistic}}, {{run}}"),
            *threshold_lines("prediction_drift"),
            description="Distance between the model's predictions and those on the reference. If "
            "predictions drift and features do not, the model itself changed.",
            unit=units.NUMBER,
            decimals=3,
            minimum=0,
            empty="the reference holds no predictions.",
        ),
        lines(
            "Label drift",
            Query(series("model_label_drift", statistic="$statistic"), "{{statistic}}, {{run}}"),
            *threshold_lines("label_drift"),
            description="Distance between the labels and those of the reference. If labels drift and "
            "features do not, labelling is at fault, or a class appeared or disappeared.",
            unit=units.NUMBER,
            decimals=3,
            minimum=0,
            empty="the reference holds no labels.",
        ),
    ]
