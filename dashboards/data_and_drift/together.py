"""Together: the drift of the joint distribution, of predictions and of labels."""

from __future__ import annotations

from dashboards.vocabulary import reasons, units
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
    return Section("Did joint distribution, predictions or labels drift?", _panels())


def _panels() -> list[Panel]:
    return [
        lines(
            "Multivariate drift over time",
            Query(series("model_multivariate_drift", statistic="$statistic"), "{{statistic}}"),
            *threshold_lines("multivariate_drift"),
            description="Distance between the joint distribution of the features and that of the "
            "reference. It rises when correlations change although each feature on its "
            "own looks normal. Dashed: the thresholds, which apply to the population "
            "stability index.",
            unit=units.NUMBER,
            decimals=3,
            minimum=0,
            width=8,
            height=8,
            empty=reasons.NO_REFERENCE,
        ),
        lines(
            "Prediction drift",
            Query(series("model_prediction_drift", statistic="$statistic"), "{{statistic}}"),
            *threshold_lines("prediction_drift"),
            description="Distance between the model's predictions and those on the reference. If "
            "predictions drift and features do not, the model itself changed.",
            unit=units.NUMBER,
            decimals=3,
            minimum=0,
            width=8,
            empty=reasons.NO_PREDICTIONS,
        ),
        lines(
            "Label drift",
            Query(series("model_label_drift", statistic="$statistic"), "{{statistic}}"),
            *threshold_lines("label_drift"),
            description="Distance between the labels and those of the reference. If labels drift and "
            "features do not, labelling is at fault, or a class appeared or disappeared.",
            unit=units.NUMBER,
            decimals=3,
            minimum=0,
            width=8,
            empty=reasons.NO_LABELS,
        ),
    ]
